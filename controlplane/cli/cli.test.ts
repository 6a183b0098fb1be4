import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { RouteConfigurationSchema } from "../gen/metaproto/v1/route_pb.js";
import { pluginBytes } from "../modules/testing/plugin-bytes.js";
import {
  CLUSTER_TYPE,
  EXTENSION_CONFIG_TYPE,
  LISTENER_TYPE,
  ROUTES_TYPE,
} from "../xds/resource-type.js";
import { AdsClient } from "../xds/testing/ads-client.js";
import { ServeProcess, runCommand, runCommandUnread } from "./testing/run-command.js";

const SERVICE = `apiVersion: networking.istio.io/v1beta1
kind: ServiceEntry
metadata: { name: demo, namespace: meta }
spec:
  hosts: [demo.meta]
  addresses: [127.0.0.1]
  ports: [{ number: 20880, name: tcp-metaprotocol-dubbo, protocol: TCP }]
  resolution: STATIC
  endpoints:
    - { address: 10.0.0.1, labels: { version: v1 } }
    - { address: 10.0.0.2, labels: { version: v2 } }
---
apiVersion: networking.istio.io/v1beta1
kind: DestinationRule
metadata: { name: demo, namespace: meta }
spec:
  host: demo.meta
  subsets:
    - { name: v1, labels: { version: v1 } }
    - { name: v2, labels: { version: v2 } }
`;

const router = (subset: string): string => `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: demo, namespace: meta }
spec:
  hosts: [demo.meta]
  routes:
    - name: canary
      match: { attributes: { method: { regex: "say.*" }, interface: { prefix: org. } } }
      route:
        - { destination: { host: demo.meta, subset: v1 }, weight: 20 }
        - { destination: { host: demo.meta, subset: v2 }, weight: 80 }
    - name: default
      route: [{ destination: { host: demo.meta, subset: ${subset} } }]
`;

let folder: string;
let config: string;
let modules: string;
let serve: ServeProcess | undefined;
const clients: AdsClient[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-cli-"));
  config = join(folder, "config");
  modules = join(folder, "modules");
  mkdirSync(config);
  mkdirSync(modules);
  writeFileSync(join(config, "service.yaml"), SERVICE);
  writeFileSync(join(config, "router.yaml"), router("v1"));
  writeFileSync(join(modules, "dubbo.wasm"), pluginBytes(1));
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.vanish();
  await serve?.stop();
  serve = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function connect(agent: string): AdsClient {
  if (serve === undefined) throw new Error("nothing is served");
  const client = new AdsClient(serve.xdsPort, "envoy-1", agent);
  clients.push(client);
  return client;
}

describe("validate", () => {
  test("says what there is", async () => {
    expect(await runCommand("validate", config)).toEqual({
      code: 0,
      stdout: "3 resources, 1 listener, 3 clusters: 0 faults, 0 warnings\n",
      stderr: "",
    });
  });

  test("names file and line of what is wrong, and fails", async () => {
    writeFileSync(join(config, "router.yaml"), router("v1").replace("80 }", "81 }"));
    const { code, stdout } = await runCommand("validate", config);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^error: \S*router\.yaml:\d+: MetaRouter\/demo: spec\.routes\[0\].*\n/);
    expect(stdout).toMatch(/: 1 fault, 0 warnings\n$/);
  });

  test("a directory that is not there is an error", async () => {
    const { code, stderr } = await runCommand("validate", join(folder, "none"));
    expect(code).toBe(1);
    expect(stderr).toContain(join(folder, "none"));
  });
});

describe("bootstrap", () => {
  test("prints what a stock Envoy needs to connect", async () => {
    const { code, stdout } = await runCommand(
      ...["bootstrap", "--node-id", "n", "--xds-address", "10.0.0.1:18000", "--admin-port", "9901"],
    );
    expect(code).toBe(0);
    expect(parse(stdout, { version: "1.1" })).toMatchObject({
      node: { id: "n", cluster: "metaproto" },
      admin: { address: { socket_address: { address: "127.0.0.1", port_value: 9901 } } },
      bootstrap_extensions: [{ name: "envoy.bootstrap.internal_listener" }],
      dynamic_resources: { lds_config: { ads: {} }, cds_config: { ads: {} } },
      static_resources: { clusters: [{ name: "metaproto-xds", type: "STATIC" }] },
    });
  });

  test("is no failure when nobody reads it to its end", async () => {
    const { code, stderr } = await runCommandUnread("bootstrap", "--node-id", "n");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  test.each([
    [[], /--node-id/],
    [["--node-id", "n", "--xds-address", "nowhere"], /"nowhere" is not of the form host:port/],
    [["--node-id", "n", "--admin-port", "70000"], /Not a port/],
  ])("%j is refused", async (args, message) => {
    const { code, stderr, stdout } = await runCommand("bootstrap", ...args);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
  });
});

describe("serve is refused with", () => {
  test.each([
    [["--former-versions", "-1"], /Not a number from 0 to 1000/],
    [["--former-versions-for", "soon"], /Not a duration such as `90m` or `24h`/],
    [["--former-versions-for", "600h"], /of 24 days at most/],
  ])("%j", async (args, message) => {
    const { code, stderr } = await runCommand("serve", "--config", config, ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });
});

describe("static", () => {
  test("prints one configuration with the routes in it", async () => {
    const args = ["static", "--config", config, "--modules", modules, "--bind", "127.0.0.1"];
    const { code, stdout, stderr } = await runCommand(...args);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(parse(stdout)).toMatchObject({
      static_resources: {
        listeners: [{ name: "metaproto.dubbo" }, { name: "demo.meta_20880" }],
      },
    });
    expect(stdout).toContain(join(modules, "dubbo.wasm"));
    expect(stdout).toContain('"cluster": "outbound|20880|v2|demo.meta"');
  });

  test("prints nothing when something is missing", async () => {
    const { code, stdout, stderr } = await runCommand(
      ...["static", "--config", config, "--modules", join(folder, "none")],
    );
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("there is no module dubbo");
  });
});

describe("a module of somebody's own", () => {
  const PROTOCOL = `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: acme }
spec: { protocol: acme, codec: com.acme.codecs.rpc }
`;

  beforeEach(() => {
    writeFileSync(join(config, "protocol.yaml"), PROTOCOL);
    writeFileSync(
      join(config, "service.yaml"),
      SERVICE.replace("tcp-metaprotocol-dubbo", "tcp-metaprotocol-acme"),
    );
  });

  test("is known to every command that is told where it is", async () => {
    writeFileSync(join(modules, "rpc.wasm"), pluginBytes(7));
    const valid = await runCommand("validate", config, "--modules", modules);
    expect(valid).toMatchObject({ code: 0, stderr: "" });
    const { stdout } = await runCommand("static", "--config", config, "--modules", modules);
    expect(stdout).toContain(join(modules, "rpc.wasm"));
    const routes = ["routes", "demo.meta", "--config", config, "--modules", modules];
    expect((await runCommand(...routes)).stdout).toMatch(/^demo\.meta_20880 \(acme\)\n/);
  });

  test("that is not there is told with field and line, and with what there is", async () => {
    const { code, stdout } = await runCommand("validate", config, "--modules", modules);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^error: \S*protocol\.yaml:4: ApplicationProtocol\/acme: spec\.codec: unknown codec `com\.acme\.codecs\.rpc`.* there are awesomerpc, bolt, brpc, dubbo, kafka, redis, tars, thrift, trpc, zookeeper\n/,
    );
  });

  test("is served when its file comes, and stays when it goes", async () => {
    serve = await ServeProcess.start(config, modules);
    const { log } = serve;
    expect(log.join("\n")).toMatch(/error \S*protocol\.yaml:4: .*spec\.codec/);
    const proxy = connect("envoy");
    proxy.request(LISTENER_TYPE);
    expect((await proxy.take(LISTENER_TYPE)).resources).toEqual([]);
    writeFileSync(join(modules, "rpc.wasm"), pluginBytes(7));
    expect((await proxy.take(LISTENER_TYPE)).resources).toHaveLength(2);
    rmSync(join(modules, "rpc.wasm"));
    await expect.poll(() => log.join("\n")).toMatch(/error \S*rpc\.wasm: is gone/);
    expect(proxy.unread).toEqual([]);
    expect((await serve.admin("/debug/snapshot?type=ECDS")).body).toContain('"metaproto.acme"');
  });
});

describe("crds", () => {
  test("prints what kubectl can apply", async () => {
    const { code, stdout } = await runCommand("crds");
    expect(code).toBe(0);
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as unknown);
    expect(documents).toHaveLength(6);
    for (const document of documents)
      expect(document).toMatchObject({
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
      });
  });
});

describe("regex", () => {
  test("prints the automaton", async () => {
    const { code, stdout } = await runCommand("regex", "v[12]");
    expect(code).toBe(0);
    const { regex } = parse(stdout) as { regex: { dfa: string; pattern: string } };
    expect(regex.pattern).toBe("v[12]");
    expect(Buffer.from(regex.dfa, "base64").subarray(0, 4).toString()).toBe("MPD1");
  });

  test("refuses what is no pattern", async () => {
    const { code, stderr } = await runCommand("regex", "(");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^metaproto: .*\(/);
  });
});

describe("serve", () => {
  test("an edit sends the one resource it changes; a bad edit sends nothing and is told", async () => {
    serve = await ServeProcess.start(config, modules);
    const proxy = connect("envoy");
    proxy.request(CLUSTER_TYPE);
    proxy.request(LISTENER_TYPE);
    await proxy.take(CLUSTER_TYPE);
    const listeners = await proxy.take(LISTENER_TYPE);
    expect(listeners.resources).toHaveLength(2);
    const module = connect("metaproto");
    module.request(ROUTES_TYPE, { names: ["demo.meta_20880"] });
    await module.take(ROUTES_TYPE, ["demo.meta_20880"]);

    writeFileSync(join(config, "router.yaml"), router("v2"));
    const update = await module.take(ROUTES_TYPE, ["demo.meta_20880"]);
    const [any] = update.resources;
    const routes = fromBinary(RouteConfigurationSchema, any?.value ?? new Uint8Array());
    expect(routes.routes.at(-1)?.destinations[0]?.cluster).toBe("outbound|20880|v2|demo.meta");

    writeFileSync(join(config, "router.yaml"), router("v2").replace("weight: 80", "weight: 81"));
    const { log } = serve;
    await expect.poll(() => log.join("\n")).toMatch(/error \S*router\.yaml:\d+: MetaRouter\/demo/);
    expect((await serve.admin("/debug/resources")).body).toContain("router.yaml");
    expect(module.unread).toEqual([]);
    expect(proxy.unread).toEqual([]);

    writeFileSync(join(config, "router.yaml"), router("v1"));
    await module.take(ROUTES_TYPE, ["demo.meta_20880"]);
    await expect.poll(() => log.join("\n")).toMatch(/reported faults and warnings are gone/);
    expect(await serve.stop()).toBe(0);
    expect((await proxy.end()).code).toBe(0);
    serve = undefined;
  });

  test("a restart while a file is bad is told as what it is: something is missing", async () => {
    serve = await ServeProcess.start(config, modules);
    writeFileSync(join(config, "service.yaml"), SERVICE.replace("[demo.meta]", "[]"));
    const { log } = serve;
    await expect.poll(() => log.join("\n")).toMatch(/hosts: .*the version before stays in effect/);
    expect(log.join("\n")).not.toContain("no last good version");
    await serve.stop();

    serve = await ServeProcess.start(config, modules);
    const warnings = serve.log.filter((line) => line.includes("no last good version"));
    expect(warnings).toEqual([
      expect.stringMatching(
        / warn +\S*service\.yaml: ServiceEntry\/demo has no last good version: its hosts are not served$/,
      ),
    ]);
    const metric = "\nmetaproto_resources_not_in_effect";
    expect((await serve.admin("/metrics")).body).toContain(`${metric} 1\n`);
    const again = serve.log;
    writeFileSync(join(config, "service.yaml"), SERVICE);
    await expect.poll(() => again.join("\n")).toMatch(/reported faults and warnings are gone/);
    expect((await serve.admin("/metrics")).body).toContain(`${metric} 0\n`);
  });

  test("a replaced module is sent to the proxies", async () => {
    serve = await ServeProcess.start(config, modules);
    const proxy = connect("envoy");
    proxy.request(LISTENER_TYPE);
    const names = (await proxy.take(LISTENER_TYPE)).resources.length;
    expect(names).toBe(2);
    proxy.request(EXTENSION_CONFIG_TYPE, { names: ["metaproto.dubbo"] });
    writeFileSync(join(modules, "dubbo.partial"), pluginBytes(2));
    renameSync(join(modules, "dubbo.partial"), join(modules, "dubbo.wasm"));
    // The old internal listener stays beside the new one.
    expect((await proxy.take(LISTENER_TYPE)).resources).toHaveLength(3);
  });

  test("status and routes show what the proxies have", async () => {
    serve = await ServeProcess.start(config, modules);
    const address = ["--admin-address", serve.adminAddress];
    expect((await runCommand("status", ...address)).stdout).toBe("no proxy is connected\n");

    const proxy = connect("envoy");
    proxy.request(CLUSTER_TYPE);
    proxy.request(LISTENER_TYPE);
    await proxy.take(CLUSTER_TYPE);
    const listeners = await proxy.next(LISTENER_TYPE);
    proxy.request(LISTENER_TYPE, { nonce: listeners.nonce, error: "cannot bind" });
    const module = connect("metaproto");
    module.request(ROUTES_TYPE, { names: ["demo.meta_20880"] });
    await module.take(ROUTES_TYPE, ["demo.meta_20880"]);
    const { adminAddress } = serve;
    await expect
      .poll(async () => (await fetch(`http://${adminAddress}/metrics`)).text())
      .toContain('metaproto_xds_accepted_total{type="routes"} 1');

    const status = (await runCommand("status", ...address)).stdout;
    expect(status).toMatch(/^PROXY +AGENT +CONNECTED +CDS +EDS +LDS +ECDS +ROUTES +MODULES\n/);
    expect(status).toMatch(/^envoy-1 +envoy +\S+ +synced +- +refused +- +dubbo 1\/1 +-$/m);
    expect(status).toMatch(
      /^envoy-1: refused LDS metaproto\.dubbo\.\w+, demo\.meta_20880: cannot bind \(last at \S+\)$/m,
    );
    const streams = (await runCommand("status", "--streams", ...address)).stdout;
    expect(streams).toMatch(/^envoy-1 +proxy +- +envoy +\S+ +synced +- +refused +- +-$/m);
    expect(streams).toMatch(/^envoy-1 +module +dubbo +metaproto +\S+ +- +- +- +- +synced$/m);
    const json: unknown = JSON.parse((await runCommand("status", "--json", ...address)).stdout);
    expect(json).toMatchObject([
      {
        node: "envoy-1",
        streams: [
          { role: "proxy", protocols: [] },
          { role: "module", protocols: ["dubbo"] },
        ],
      },
    ]);

    const routes = (await runCommand("routes", "demo.meta", ...address)).stdout;
    expect(routes).toMatch(/^demo\.meta_20880 \(dubbo\)\n/);
    expect(routes).toMatch(
      /^1 +canary +.*method matches "say\.\*".* 20% outbound\|20880\|v1\|demo\.meta, 80% outbound\|20880\|v2\|demo\.meta +default/m,
    );
    expect(routes).toMatch(/^ {2}envoy-1: 1 of 1 module streams have it$/m);
    const unknown = await runCommand("routes", "other.meta", ...address);
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toContain("no managed service other.meta; there are: demo.meta");
  });

  test("the admin interface", async () => {
    serve = await ServeProcess.start(config, modules);
    expect(await serve.admin("/healthz")).toEqual({ status: 200, body: "ok\n" });
    expect(await serve.admin("/readyz")).toEqual({ status: 200, body: "ready\n" });
    expect((await serve.admin("/")).body.split("\n")).toContain("/debug/proxies");
    expect((await serve.admin("/nothing?x=1")).status).toBe(404);
    const { adminAddress } = serve;
    const post = await fetch(`http://${adminAddress}/healthz`, { method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    const snapshot = JSON.parse((await serve.admin("/debug/snapshot?type=ECDS")).body) as {
      types: Record<string, { resources: { name: string }[] }>;
    };
    expect(Object.keys(snapshot.types)).toEqual(["ECDS"]);
    expect(snapshot.types["ECDS"]?.resources.map(({ name }) => name)).toContain("metaproto.dubbo");
    const mesh = JSON.parse((await serve.admin("/debug/mesh")).body) as unknown;
    expect(mesh).toMatchObject({ listeners: [{ name: "demo.meta_20880" }] });
    const metrics = (await serve.admin("/metrics")).body;
    for (const line of [
      "metaproto_connected_proxies 0",
      'metaproto_resources{kind="MetaRouter"} 1',
      'metaproto_snapshot_resources{type="LDS"} 2',
      "metaproto_faults 0",
      'metaproto_reloads_total{result="ok"} 1',
    ]) {
      expect(metrics).toContain(`\n${line}\n`);
    }
  });

  test("a command that finds no control plane says where it looked", async () => {
    const { code, stderr } = await runCommand("status", "--admin-address", "127.0.0.1:1");
    expect(code).toBe(1);
    expect(stderr).toContain("no control plane answers at http://127.0.0.1:1");
  });

  test.each([
    ["--config", "none"],
    ["--config", "config", "--xds-address", "256.0.0.1:0"],
  ])("ends with an error when it cannot start: %s %s", async (flag, directory, ...rest) => {
    const args = [flag, join(folder, directory), ...rest, "--admin-address", "127.0.0.1:0"];
    const { code, stderr } = await runCommand("serve", ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^metaproto: /m);
  });
});
