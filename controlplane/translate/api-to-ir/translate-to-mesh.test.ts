import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { faultText } from "./testing/fault-text.js";
import { type Resource, validateResource } from "../../api/kinds.js";
import { type Translation, translateToMesh } from "./translate-to-mesh.js";

const TESTDATA = join(import.meta.dirname, "testdata");

function resourcesOf(yaml: string): Resource[] {
  return parseAllDocuments(yaml).map((document) => {
    const validation = validateResource(document.toJS());
    if (validation.outcome !== "valid") throw new Error(JSON.stringify(validation));
    return validation.resource;
  });
}

function translate(
  yaml: string,
  previous?: Translation,
  modules: readonly string[] = [],
): Translation {
  return translateToMesh({ resources: resourcesOf(yaml), modules }, previous);
}

function faultsOf({ faults }: Translation): string[] {
  return faults.map(faultText);
}

function serviceEntry(
  name: string,
  fields = "",
  ports = "{ number: 1001, name: tcp-metaprotocol-dubbo }",
) {
  return `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec:
  hosts: [${name}.test]
  ports: [${ports}]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1, labels: { version: v1 } }, { address: 10.0.0.2, labels: { version: v2 } }]
  ${fields}
`;
}

function destinationRule(host: string, subsets: string[], fields = "") {
  const list = subsets.map((name) => `{ name: ${name}, labels: { version: ${name} } }`);
  return `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host} }
spec: { host: ${host}.test, subsets: [${list.join(", ")}] ${fields} }
`;
}

function metaRouter(name: string, host: string, subset: string, metadata = "") {
  return `---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: ${name} ${metadata} }
spec:
  hosts: [${host}.test]
  routes: [{ name: ${name}, route: [{ destination: { host: ${host}.test, subset: ${subset} } }] }]
`;
}

const PROTOCOL = `---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: hsf }
spec: { protocol: hsf, codec: aeraki.meta_protocol.codec.dubbo }
`;

function listenerNamed(name: string, { mesh }: Translation) {
  return mesh.listeners.find((listener) => listener.name === name);
}

function moduleOf(name: string, translation: Translation) {
  const protocol = listenerNamed(name, translation)?.protocol;
  return translation.mesh.protocols.find((item) => item.name === protocol)?.module;
}

function clusterNamed(name: string, { mesh }: Translation) {
  return mesh.clusters.find((cluster) => cluster.name === name);
}

describe("a translation", () => {
  const inputs = readdirSync(TESTDATA).filter((file) => file.endsWith(".in.yaml"));

  it.each(inputs)("of %s is as reviewed", async (file) => {
    const resources = resourcesOf(readFileSync(join(TESTDATA, file), "utf8"));
    const { mesh, faults, warnings } = translateToMesh({ resources, modules: [] });
    const output = stringify(
      { mesh, faults: faults.map(faultText), warnings: warnings.map(faultText) },
      { lineWidth: 0, aliasDuplicateObjects: false },
    );
    await expect(output).toMatchFileSnapshot(
      join(TESTDATA, `${basename(file, ".in.yaml")}.out.yaml`),
    );
  });

  it("says of gateways that there is nothing without Istio", () => {
    const gateway = `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: ingress }
spec: { selector: { istio: ingress }, servers: [{ port: { number: 1001, name: tcp-metaprotocol-dubbo }, hosts: ["*"] }] }
`;
    const router = metaRouter("r", "a", "v1").replace("spec:", "spec:\n  gateways: [ingress]");
    const resources = serviceEntry("a") + destinationRule("a", ["v1"]) + router + gateway;
    const { mesh, warnings } = translate(resources);
    expect(mesh.listeners.map(({ name }) => name)).toEqual(["a.test_1001"]);
    expect(warnings.map(faultText)).toEqual([
      "Gateway/ingress: spec.servers: not applied: a Gateway is something of Istio's",
      "MetaRouter/r: spec.gateways: not applied without Istio",
    ]);
  });

  it("has an input for each reviewed output", () => {
    const outputs = readdirSync(TESTDATA).filter((file) => file.endsWith(".out.yaml"));
    expect(outputs.map((file) => file.replace(".out.", ".in.")).sort()).toEqual(inputs.sort());
  });

  it("does not depend on the order of resources that do not contradict each other", () => {
    const yaml = readFileSync(join(TESTDATA, "versions-of-a-dubbo-service.in.yaml"), "utf8");
    const resources = resourcesOf(yaml);
    const meshOf = (ordered: Resource[]) =>
      translateToMesh({ resources: ordered, modules: [] }).mesh;
    expect(meshOf([...resources].reverse())).toEqual(meshOf(resources));
  });

  it("of nothing is an empty mesh", () => {
    expect(translate("").mesh).toEqual({ listeners: [], protocols: [], clusters: [] });
  });

  it("needs no second thought about equal resources", () => {
    const yaml = serviceEntry("a") + destinationRule("a", ["v1"]) + metaRouter("r", "a", "v1");
    const first = translate(yaml);
    expect(translate(yaml, first)).toEqual(first);
  });
});

describe("an ApplicationProtocol", () => {
  it("has settings for its protocol, also for one of this package's modules", () => {
    const yaml =
      PROTOCOL.replace("hsf }\nspec", "one }\nspec").replace(
        "spec: {",
        "spec: { connectionMode: IN_ORDER, limits: { maxRequests: 5 }, upstreamHeartbeat: 0s,",
      ) +
      PROTOCOL.replace("hsf }\nspec", "two }\nspec").replace(
        "protocol: hsf",
        "connectionMode: EXCLUSIVE, protocol: dubbo",
      ) +
      serviceEntry("a", "", "{ number: 1001, name: tcp-metaprotocol-hsf }") +
      serviceEntry("b", "", "{ number: 1002, name: tcp-metaprotocol-dubbo }");
    const translation = translate(yaml);
    expect(faultsOf(translation)).toEqual([]);
    expect(translation.mesh.protocols).toEqual([
      { name: "dubbo", module: "dubbo", settings: { connectionMode: "exclusive", limits: {} } },
      {
        name: "hsf",
        module: "dubbo",
        settings: { connectionMode: "inOrder", limits: { maxRequests: 5 }, upstreamHeartbeatMs: 0 },
      },
    ]);
  });
});

describe("a module of somebody's own", () => {
  const port = (protocol: string) => `{ number: 1001, name: tcp-metaprotocol-${protocol} }`;
  const bound = (codec: string) => PROTOCOL.replace(/codec: .*/, `codec: ${codec} }`);

  it.each([
    ["by its name", "acme-rpc"],
    ["by a dotted name", "com.acme.codecs.acme-rpc"],
    ["as Aeraki names codecs", "aeraki.meta_protocol.codec.acme-rpc"],
  ])("speaks the protocol that it is bound to %s", (_, codec) => {
    const yaml = bound(codec) + serviceEntry("a", "", port("hsf"));
    const translation = translate(yaml, undefined, ["acme-rpc"]);
    expect(faultsOf(translation)).toEqual([]);
    expect(moduleOf("a.test_1001", translation)).toBe("acme-rpc");
  });

  it("may have a dot in its name", () => {
    const yaml = bound("acme.v2") + serviceEntry("a", "", port("hsf"));
    const translation = translate(yaml, undefined, ["v2", "acme.v2"]);
    expect(moduleOf("a.test_1001", translation)).toBe("acme.v2");
  });

  it("speaks the protocol of its own name without being told so, where that can be one", () => {
    const translation = translate(
      serviceEntry("a", "", port("acme")) + serviceEntry("b", "", port("none")),
      undefined,
      ["acme", "acme-rpc"],
    );
    expect(moduleOf("a.test_1001", translation)).toBe("acme");
    expect(faultsOf(translation)).toEqual([
      "ServiceEntry/b: spec.ports[0].name: no ApplicationProtocol binds `none` to a codec; there are acme, awesomerpc, bolt, brpc, dubbo, kafka, redis, tars, thrift, trpc, zookeeper",
    ]);
  });

  it("that is not there is refused, with the names of those that are", () => {
    const yaml = bound("com.acme.rpc") + serviceEntry("a", "", port("hsf"));
    const missing = translate(yaml, undefined, ["acme"]);
    expect(faultsOf(missing)).toEqual([
      "ApplicationProtocol/hsf: spec.codec: unknown codec `com.acme.rpc`: it must be a module, or end with `.` and a module; there are acme, awesomerpc, bolt, brpc, dubbo, kafka, redis, tars, thrift, trpc, zookeeper",
      "ServiceEntry/a: spec.ports[0].name: no ApplicationProtocol binds `hsf` to a codec; there are acme, awesomerpc, bolt, brpc, dubbo, kafka, redis, tars, thrift, trpc, zookeeper",
    ]);
    // And is taken when its file comes.
    const present = translate(yaml, missing, ["acme", "rpc"]);
    expect(faultsOf(present)).toEqual([]);
    expect(moduleOf("a.test_1001", present)).toBe("rpc");
  });
});

describe("of several MetaRouters for a service", () => {
  const base = serviceEntry("a") + destinationRule("a", ["v1", "v2"]);

  function winner(yaml: string): string | undefined {
    return listenerNamed("a.test_1001", translate(base + yaml))?.routes[0]?.name;
  }

  it("the first in order of files holds, and the other one is reported", () => {
    const translation = translate(base + metaRouter("x", "a", "v1") + metaRouter("y", "a", "v2"));
    expect(listenerNamed("a.test_1001", translation)?.routes[0]?.name).toBe("x");
    expect(faultsOf(translation)).toEqual([
      "MetaRouter/y: spec.hosts[0]: `a.test` is already routed by the MetaRouter `default/x`; this one has no effect on it",
    ]);
  });

  it("the oldest holds, if times of creation are known", () => {
    const old = metaRouter("x", "a", "v1", ", creationTimestamp: '2024-01-02T00:00:00Z'");
    const older = metaRouter("y", "a", "v2", ", creationTimestamp: '2024-01-01T00:00:00Z'");
    // Known of all resources, or not relied on.
    expect(winner(old + older)).toBe("y");
    expect(winner(old + metaRouter("z", "a", "v2"))).toBe("x");
  });

  it("the one of the service's own namespace holds, so that nobody can take over a service", () => {
    const foreign = metaRouter("x", "a", "v1", ", namespace: other");
    expect(winner(foreign + metaRouter("y", "a", "v2"))).toBe("y");
    expect(winner(foreign)).toBe("x");
  });

  it("those of a namespace that the owner does not allow have no effect, and are told so", () => {
    const owned = (namespaces: string): string =>
      base.replace(
        "metadata: { name: a }",
        `metadata: { name: a, annotations: { metaproto.io/routers-from: "${namespaces}" } }`,
      );
    const foreign = metaRouter("x", "a", "v1", ", namespace: other");
    const routed = (yaml: string): string | undefined =>
      listenerNamed("a.test_1001", translate(yaml))?.routes[0]?.name;
    expect(routed(owned("team, other") + foreign)).toBe("x");
    expect(routed(owned(".") + foreign)).not.toBe("x");
    expect(routed(owned(".") + metaRouter("x", "a", "v1"))).toBe("x");
    expect(faultsOf(translate(owned("team") + foreign))).toEqual([
      "MetaRouter/x: spec.hosts[0]: the owner of `a.test` allows no MetaRouter of `other`, by the annotation `metaproto.io/routers-from`; this one has no effect on it",
    ]);
    expect(() => translate(owned("Not a namespace"))).toThrow("is not a namespace");
  });
});

describe("what worked stays", () => {
  const base = serviceEntry("a") + destinationRule("a", ["v1", "v2"]);
  const good = translate(base + metaRouter("r", "a", "v1"));

  it("if a MetaRouter leads to a subset that is not there", () => {
    const bad = translate(
      base + metaRouter("r", "a", "v3") + serviceEntry("b", "addresses: [127.0.0.9]"),
      good,
    );
    expect(faultsOf(bad)).toEqual([
      "MetaRouter/r: spec.routes[0].route[0].destination.subset: no DestinationRule of `a.test` has the subset `v3`, only `v1`, `v2`; the version before stays in effect",
    ]);
    expect(listenerNamed("a.test_1001", bad)).toEqual(listenerNamed("a.test_1001", good));
    // The rest of the change is in effect.
    expect(listenerNamed("b.test_1001", bad)?.address).toBe("127.0.0.9");
  });

  it("until it is put right", () => {
    const bad = translate(base + metaRouter("r", "a", "v3"), good);
    const still = translate(base + metaRouter("r", "a", "v3"), bad);
    expect(still).toEqual(bad);
    const right = translate(base + metaRouter("r", "a", "v2"), still);
    expect(faultsOf(right)).toEqual([]);
    expect(listenerNamed("a.test_1001", right)?.clusterNames).toEqual(["outbound|1001|v2|a.test"]);
  });

  it("but a new MetaRouter that is wrong has no effect", () => {
    const bad = translate(base + metaRouter("r", "a", "v3"));
    expect(listenerNamed("a.test_1001", bad)?.routes[0]?.name).toBe("default");
    expect(faultsOf(bad)).toEqual([
      "MetaRouter/r: spec.routes[0].route[0].destination.subset: no DestinationRule of `a.test` has the subset `v3`, only `v1`, `v2`",
    ]);
  });

  it("if a subset goes that routes lead to", () => {
    const bad = translate(
      serviceEntry("a") + destinationRule("a", ["v2"]) + metaRouter("r", "a", "v1"),
      good,
    );
    expect(faultsOf(bad)).toEqual([
      "MetaRouter/r: spec.routes[0].route[0].destination.subset: no DestinationRule of `a.test` has the subset `v1`, only `v2`; its former endpoints stay in use",
    ]);
    const name = "outbound|1001|v1|a.test";
    expect(listenerNamed("a.test_1001", bad)?.clusterNames).toEqual([name]);
    expect(clusterNamed(name, bad)).toEqual(clusterNamed(name, good));
    // And goes when no route leads to it any more.
    const right = translate(serviceEntry("a") + destinationRule("a", ["v2"]), bad);
    expect(faultsOf(right)).toEqual([]);
    expect(clusterNamed(name, right)).toBeUndefined();
  });

  it("if a ServiceEntry goes that routes of another one lead to", () => {
    const router = metaRouter("r", "a", "v1").replace("host: a.test", "host: b.test");
    const rules = destinationRule("b", ["v1"]);
    const both = translate(
      serviceEntry("a") + serviceEntry("b", "addresses: [127.0.0.9]") + rules + router,
    );
    expect(faultsOf(both)).toEqual([]);
    const one = translate(serviceEntry("a") + rules + router, both);
    expect(faultsOf(one)).toEqual([
      "MetaRouter/r: spec.routes[0].route[0].destination.host: no ServiceEntry that is visible from `default` has the host `b.test`; its former endpoints stay in use",
    ]);
    expect(one.mesh.listeners.map(({ name }) => name)).toEqual(["a.test_1001"]);
    expect(clusterNamed("outbound|1001|v1|b.test", one)?.endpoints).toHaveLength(1);
    // And comes back with the service.
    expect(
      translate(
        serviceEntry("a") + serviceEntry("b", "addresses: [127.0.0.9]") + rules + router,
        one,
      ),
    ).toEqual(both);
  });

  it("if a ServiceEntry names a protocol that nobody speaks", () => {
    const bad = serviceEntry("a", "", "{ number: 1001, name: tcp-metaprotocol-nobody }");
    const translation = translate(
      bad + destinationRule("a", ["v1", "v2"]) + metaRouter("r", "a", "v1"),
      good,
    );
    expect(faultsOf(translation)).toEqual([
      "ServiceEntry/a: spec.ports[0].name: no ApplicationProtocol binds `nobody` to a codec; there are awesomerpc, bolt, brpc, dubbo, kafka, redis, tars, thrift, trpc, zookeeper; the version before stays in effect",
    ]);
    expect(translation.mesh).toEqual(good.mesh);
  });

  it("if an ApplicationProtocol goes that is in use", () => {
    const service = serviceEntry("a", "", "{ number: 1001, name: tcp-metaprotocol-hsf }");
    const before = translate(PROTOCOL + service);
    expect(moduleOf("a.test_1001", before)).toBe("dubbo");
    const after = translate(service, before);
    expect(after.mesh).toEqual(before.mesh);
    expect(faultsOf(after)).toEqual([
      "ServiceEntry/a: spec.ports[0].name: no ApplicationProtocol binds `hsf` to a codec; there are awesomerpc, bolt, brpc, dubbo, kafka, redis, tars, thrift, trpc, zookeeper; the former codec stays in use",
    ]);
    // Not for services that come later.
    const later = translate(service + service.replaceAll(/\ba\b/g, "b"), after);
    expect(later.mesh.listeners).toEqual(before.mesh.listeners);
  });

  it("if an ApplicationProtocol names a codec that is not there", () => {
    const service = serviceEntry("a", "", "{ number: 1001, name: tcp-metaprotocol-hsf }");
    const before = translate(PROTOCOL + service);
    const after = translate(PROTOCOL.replace("codec.dubbo", "codec.hsf") + service, before);
    expect(after.mesh).toEqual(before.mesh);
    expect(faultsOf(after)).toEqual([
      "ApplicationProtocol/hsf: spec.codec: unknown codec `aeraki.meta_protocol.codec.hsf`: it must be a module, or end with `.` and a module; there are awesomerpc, bolt, brpc, dubbo, kafka, redis, tars, thrift, trpc, zookeeper; the version before stays in effect",
    ]);
  });

  it("if a DestinationRule asks for what needs Istio, and its subsets stay too", () => {
    const bad = destinationRule(
      "a",
      ["v1", "v2"],
      ", trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }",
    );
    const translation = translate(serviceEntry("a") + bad + metaRouter("r", "a", "v1"), good);
    expect(translation.mesh).toEqual(good.mesh);
    expect(faultsOf(translation)).toEqual([
      "DestinationRule/a: spec.trafficPolicy.tls.mode: ISTIO_MUTUAL needs the certificates of Istio: without it, name files with mode MUTUAL; the version before stays in effect",
    ]);
  });

  it("if a service wants an address and port that are taken, wherever it stands", () => {
    const b = serviceEntry("b", "addresses: [127.0.0.9]");
    const before = translate(base + b);
    const taken = serviceEntry("b", "addresses: [127.0.0.9]").replaceAll(/\bb\b/g, "aa");
    const after = translate(taken + base + b, before);
    expect(after.mesh.listeners).toEqual(before.mesh.listeners);
    expect(faultsOf(after)).toEqual([
      "ServiceEntry/aa: spec.addresses: `aa.test_1001` cannot be served: port 1001 of 127.0.0.9 is taken by `b.test_1001`; give each host an address of its own",
    ]);
    const moved = translate(base + serviceEntry("b"), before);
    expect(moved.mesh).toEqual(before.mesh);
    expect(faultsOf(moved)).toEqual([
      "ServiceEntry/b: spec.addresses: `b.test_1001` cannot be served: port 1001 of the default address is taken by `a.test_1001`; give each host an address of its own; the version before stays in effect",
    ]);
  });

  it("of a MetaRouter of several hosts, all of which are refused together", () => {
    const two = (subset: string) =>
      metaRouter("r", "a", subset)
        .replace("[a.test]", "[a.test, b.test]")
        .replace(
          `host: a.test, subset: ${subset}`,
          `host: a.test, port: { number: 1001 }, subset: ${subset}`,
        );
    const services = base + serviceEntry("b", "", "{ number: 1002, name: tcp-metaprotocol-dubbo }");
    const before = translate(services + two("v1"));
    expect(faultsOf(before)).toEqual([]);
    expect(before.mesh.listeners.map(({ clusterNames }) => clusterNames)).toEqual([
      ["outbound|1001|v1|a.test"],
      ["outbound|1001|v1|a.test"],
    ]);
    const after = translate(services + two("v3"));
    expect(after.mesh.listeners.map(({ clusterNames }) => clusterNames)).toEqual([
      ["outbound|1001||a.test"],
      ["outbound|1002||b.test"],
    ]);
    expect(translate(services + two("v3"), before).mesh).toEqual(before.mesh);
  });
});
