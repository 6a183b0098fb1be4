import { afterEach, describe, expect, it } from "vitest";
import { formatFault } from "../../api/fault.js";
import { HttpKubernetesApi } from "../../kubernetes/http-api.js";
import type { ResourceType } from "../../kubernetes/object.js";
import { FakeCluster } from "../../kubernetes/testing/fake-cluster.js";
import {
  type ClusterSnapshot,
  KubernetesStore,
  type KubernetesStoreOptions,
} from "./kubernetes-store.js";
import { watchedKind } from "./testing/watched-kind.js";
import { WATCHED_KINDS } from "./watched-kinds.js";
import { API_GATEWAYS, NAMESPACES, WAYPOINT_KINDS } from "./waypoints.js";

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function clusterWith(kinds: readonly ResourceType[] = WATCHED_KINDS): Promise<FakeCluster> {
  const fake = await FakeCluster.start(kinds);
  closers.push(() => fake.shutDown());
  return fake;
}

function storeOf(fake: FakeCluster, options: Partial<KubernetesStoreOptions> = {}) {
  const api = new HttpKubernetesApi({ config: fake.config });
  const store = new KubernetesStore({
    api,
    minBackoffMs: 5,
    maxBackoffMs: 50,
    missingRetryMs: 20,
    quietMs: 10,
    ...options,
  });
  closers.push(async () => {
    await store.stop();
    api.close();
  });
  const snapshots: ClusterSnapshot[] = [];
  store.onSnapshot((snapshot) => snapshots.push(snapshot));
  store.start();
  const last = () => snapshots.at(-1)?.configuration;
  return {
    store,
    snapshots,
    last,
    names: () => last()?.resources.map(({ kind: of, metadata }) => `${of} ${metadata.name}`),
    faults: () => last()?.faults.map(formatFault),
    warnings: () => last()?.warnings.map(formatFault),
  };
}

function refused(port: number): string {
  return `connect ECONNREFUSED 127.0.0.1:${port}`;
}

function router(name: string, weight = 100) {
  const to = (version: string, share: number) => ({
    destination: { host: "greeter.demo", subset: version },
    weight: share,
  });
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: { name, namespace: "shop" },
    spec: {
      hosts: ["greeter.demo"],
      routes: [{ route: [to("v1", weight), to("v2", 0)] }],
    },
  };
}

function service(name: string, port: object, spec: object = {}) {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: {
      clusterIP: "10.0.0.7",
      clusterIPs: ["10.0.0.7", "fd00::7"],
      selector: { app: name },
      ports: [{ port: 20880, protocol: "TCP", ...port }],
      ...spec,
    },
  };
}

describe("waypoints", () => {
  const labels = { "istio.io/use-waypoint": "waypoint" };
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels } };
  const gateway = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "waypoint", namespace: "shop" },
    spec: {},
  };

  it("are read where they are to be managed, and are no resources", async () => {
    const fake = await clusterWith([...WATCHED_KINDS, ...WAYPOINT_KINDS]);
    fake.apply(watchedKind("Service"), service("greeter", { name: "tcp-metaprotocol-dubbo" }));
    fake.apply(NAMESPACES, namespace);
    const { snapshots, names } = storeOf(fake, { hasWaypoints: true });
    const waypoint = () => snapshots.at(-1)?.services.get("shop/synthetic-greeter")?.waypoint;
    await expect.poll(waypoint).toMatchObject({ missing: "shop/waypoint" });
    fake.apply(API_GATEWAYS, gateway);
    await expect.poll(waypoint).toEqual({ namespace: "shop", gateway: "waypoint" });
    expect(names()).toEqual(["ServiceEntry synthetic-greeter"]);
  });

  it("are not asked for elsewhere", async () => {
    const fake = await clusterWith();
    fake.apply(watchedKind("Service"), service("greeter", { name: "tcp-metaprotocol-dubbo" }));
    const { snapshots, names, warnings } = storeOf(fake);
    await expect.poll(names).toEqual(["ServiceEntry synthetic-greeter"]);
    expect(snapshots.at(-1)?.services.get("shop/synthetic-greeter")?.waypoint).toBeUndefined();
    expect(warnings()).toEqual([]);
  });
});

describe("the configuration of a cluster", () => {
  it("comes when all kinds are listed, and not before", async () => {
    const fake = await clusterWith();
    fake.apply(watchedKind("MetaRouter"), router("greeter"));
    fake.failIf(({ path }) => (path.endsWith("/serviceentries") ? 403 : undefined));
    const { store, snapshots, names } = storeOf(fake);
    await expect
      .poll(() => store.waitingFor)
      .toEqual(["serviceentries cannot be listed: injected 403"]);
    expect(snapshots).toEqual([]);
    fake.failIf(() => undefined);
    await expect.poll(names).toEqual(["MetaRouter greeter"]);
  });

  it("does without a kind that the cluster does not have, says so, and takes it when it comes", async () => {
    const routers = watchedKind("MetaRouter");
    const fake = await clusterWith(WATCHED_KINDS.filter((type) => type !== routers));
    const { names, warnings } = storeOf(fake);
    await expect
      .poll(warnings)
      .toEqual(["the cluster does not have metarouters.metaprotocol.aeraki.io"]);
    fake.install(routers);
    fake.apply(routers, router("greeter"));
    await expect.poll(names).toEqual(["MetaRouter greeter"]);
    await expect.poll(warnings).toEqual([]);
  });

  it("keeps the last good version of an object, and names it with what is wrong", async () => {
    const fake = await clusterWith();
    fake.apply(watchedKind("MetaRouter"), router("greeter"));
    const { last, faults, names } = storeOf(fake);
    await expect.poll(names).toEqual(["MetaRouter greeter"]);
    const good = last()?.resources[0];
    fake.apply(watchedKind("MetaRouter"), router("greeter", 7));
    await expect
      .poll(faults)
      .toEqual([
        "MetaRouter/shop/greeter: spec.routes[0].route: the weights of several destinations must add up to 100, not 7; the version before stays in effect",
      ]);
    expect(last()?.resources).toEqual([good]);
    fake.apply(watchedKind("MetaRouter"), router("other", 7));
    await expect.poll(() => faults()?.length).toBe(2);
    expect(faults()?.[1]).not.toContain("stays in effect");
    expect(names()).toEqual(["MetaRouter greeter"]);
    fake.delete(watchedKind("MetaRouter"), "greeter", "shop");
    await expect.poll(names).toEqual([]);
    fake.apply(watchedKind("MetaRouter"), router("greeter", 7));
    await expect.poll(() => faults()?.length).toBe(2);
    expect(names()).toEqual([]);
  });

  it("is told once for changes that come together, and not at all where nothing is asked for", async () => {
    const fake = await clusterWith();
    const { snapshots, store, names } = storeOf(fake, { quietMs: 100 });
    await expect.poll(() => snapshots.length).toBe(1);
    await expect.poll(() => fake.watchCount).toBe(WATCHED_KINDS.length);
    for (const name of ["a", "b", "c"]) fake.apply(watchedKind("MetaRouter"), router(name));
    await expect.poll(() => names()?.length).toBe(3);
    expect(snapshots).toHaveLength(2);
    const { port } = fake;
    const status = `${fake.url}/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/shop/metarouters/a/status`;
    await fetch(status, { method: "PATCH", body: JSON.stringify({ status: { seen: true } }) });
    await expect.poll(() => store.objects.get("MetaRouter/shop/a")?.status).toEqual({ seen: true });
    fake.compact();
    await expect.poll(() => fake.watchCount).toBe(WATCHED_KINDS.length);
    expect(port).toBe(fake.port);
    expect(snapshots).toHaveLength(2);
  });

  it("does not wait forever for quiet", async () => {
    const fake = await clusterWith();
    const { snapshots } = storeOf(fake, { quietMs: 60_000, maxDelayMs: 50 });
    await expect.poll(() => snapshots.length).toBe(1);
  });

  it("stays as it was while the cluster cannot be read, and says so", async () => {
    const fake = await clusterWith();
    fake.apply(watchedKind("MetaRouter"), router("greeter"));
    const { names, faults } = storeOf(fake);
    await expect.poll(names).toEqual(["MetaRouter greeter"]);
    const { port } = fake;
    await fake.shutDown();
    await expect
      .poll(faults)
      .toEqual([`the cluster cannot be read, everything stays as it was: ${refused(port)}`]);
    expect(names()).toEqual(["MetaRouter greeter"]);
    await fake.listen(port);
    await expect.poll(faults).toEqual([]);
    expect(names()).toEqual(["MetaRouter greeter"]);
  });

  it("is that of some namespaces, if only these are asked for", async () => {
    const fake = await clusterWith();
    fake.apply(watchedKind("MetaRouter"), router("greeter"));
    const { metadata, ...rest } = router("other");
    fake.apply(watchedKind("MetaRouter"), {
      ...rest,
      metadata: { ...metadata, namespace: "bank" },
    });
    fake.apply(watchedKind("ApplicationProtocol"), {
      apiVersion: "metaprotocol.aeraki.io/v1alpha1",
      kind: "ApplicationProtocol",
      metadata: { name: "greet" },
      spec: { protocol: "greet", codec: "dubbo" },
    });
    const { names } = storeOf(fake, { namespaces: ["bank", "other"] });
    await expect.poll(names).toEqual(["ApplicationProtocol greet", "MetaRouter other"]);
  });
});

it("asks for kinds by the names that the API has for them", () => {
  expect(
    WATCHED_KINDS.filter(({ group }) => group === "networking.istio.io")
      .map(({ plural }) => plural)
      .sort(),
  ).toEqual([
    "destinationrules",
    "gateways",
    "serviceentries",
    "virtualservices",
    "workloadentries",
  ]);
});

describe("a Service", () => {
  async function entryOf(object: object) {
    const fake = await clusterWith();
    fake.apply(watchedKind("Service"), object);
    const { last, warnings, faults, snapshots } = storeOf(fake);
    await expect.poll(() => snapshots.length).toBe(1);
    return { entry: last()?.resources[0], warnings: warnings(), faults: faults(), snapshots };
  }

  it("is the ServiceEntry that Istio makes of it", async () => {
    const { entry, warnings, snapshots } = await entryOf(
      service("greeter", { name: "tcp-metaprotocol-dubbo", targetPort: 20881 }),
    );
    expect(entry).toMatchObject({
      kind: "ServiceEntry",
      metadata: { name: "synthetic-greeter", namespace: "shop" },
      spec: {
        hosts: ["greeter.shop.svc.cluster.local"],
        addresses: ["10.0.0.7", "fd00::7"],
        ports: [{ number: 20880, targetPort: 20881, applicationProtocol: "dubbo" }],
        resolution: "STATIC",
        endpoints: [],
        workloadSelector: { app: "greeter" },
        exportTo: [],
      },
    });
    expect(warnings).toEqual([]);
    const key = "ServiceEntry/shop/synthetic-greeter";
    expect(snapshots[0]?.objects.get(key)).toMatchObject({ kind: "Service" });
  });

  it.each([
    ["tcp-metaprotocol-dubbo", "a", "dubbo"],
    ["metaprotocol-Thrift-v2", "a", "thrift"],
    ["redis", "tcp-metaprotocol-dubbo", undefined],
    ["", "tcp-metaprotocol-trpc", "trpc"],
  ])("with the protocol %j and a port named %j speaks %j", async (appProtocol, name, spoken) => {
    const { entry } = await entryOf(
      service("greeter", { name, ...(appProtocol && { appProtocol }) }),
    );
    expect(entry).toMatchObject({ spec: { ports: [{ applicationProtocol: spoken }] } });
  });

  it("is told of what Istio would do with its protocol", async () => {
    const { warnings } = await entryOf(service("greeter", { appProtocol: "metaprotocol-dubbo" }));
    expect(warnings).toEqual([
      "Service/shop/greeter: spec.ports[0].appProtocol: Istio does not know `metaprotocol-dubbo` and looks at the first bytes of connections, which breaks protocols whose server speaks first: write `tcp-metaprotocol-dubbo`",
    ]);
  });

  it("has its host in the domain of the cluster", async () => {
    const fake = await clusterWith();
    fake.apply(watchedKind("Service"), service("greeter", { name: "tcp-metaprotocol-dubbo" }));
    const { last, snapshots } = storeOf(fake, { clusterDomain: "mesh.test" });
    await expect.poll(() => snapshots.length).toBe(1);
    expect(last()?.resources[0]).toMatchObject({ spec: { hosts: ["greeter.shop.svc.mesh.test"] } });
  });

  it("without an address of its own has none", async () => {
    const { entry } = await entryOf(
      service(
        "greeter",
        { name: "tcp-metaprotocol-dubbo" },
        { clusterIP: "None", clusterIPs: ["None"] },
      ),
    );
    expect(entry).toMatchObject({ spec: { addresses: [] } });
  });

  it("is none of ours without a port of TCP, or as a name for something else", async () => {
    expect((await entryOf(service("dns", { protocol: "UDP" }))).entry).toBeUndefined();
    const other = service("other", {}, { type: "ExternalName", clusterIP: "", clusterIPs: [] });
    expect((await entryOf(other)).entry).toBeUndefined();
  });

  it("is what is wrong, not the entry that stands for it", async () => {
    const { faults, entry } = await entryOf(
      service("greeter", { name: "http-metaprotocol-dubbo" }),
    );
    expect(entry).toBeUndefined();
    expect(faults).toEqual([
      expect.stringMatching(/^Service\/shop\/greeter: spec\.ports\[0\]\.name: /),
    ]);
  });

  it("is for the namespaces of its annotation", async () => {
    const { metadata, ...rest } = service("greeter", { name: "tcp-metaprotocol-dubbo" });
    const annotations = { "networking.istio.io/exportTo": "., bank" };
    const { entry } = await entryOf({ ...rest, metadata: { ...metadata, annotations } });
    expect(entry).toMatchObject({ spec: { exportTo: [".", "bank"] } });
  });
});

describe("what EndpointSlices say of a Service", () => {
  function slice(name: string, addresses: readonly string[], fields: object = {}) {
    return {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name,
        namespace: "shop",
        labels: { "kubernetes.io/service-name": "greeter" },
      },
      addressType: "IPv4",
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: {} })),
      ports: [{ name: "rpc", port: 30880, protocol: "TCP" }],
      ...fields,
    };
  }

  async function factsWith(object: object, ...slices: readonly object[]) {
    const fake = await clusterWith();
    fake.apply(watchedKind("Service"), object);
    for (const item of slices) fake.apply(watchedKind("EndpointSlice"), item);
    const { snapshots } = storeOf(fake);
    await expect.poll(() => snapshots.length).toBe(1);
    return {
      fake,
      snapshots,
      facts: () => snapshots.at(-1)?.services.get("shop/synthetic-greeter"),
    };
  }

  const port = { name: "rpc", appProtocol: "tcp-metaprotocol-dubbo", targetPort: "rpc" };
  const headless = { clusterIP: "None", clusterIPs: ["None"] };

  it("is which ports of workloads a named one is, as long as nothing else is known", async () => {
    const { fake, facts, snapshots } = await factsWith(
      service("greeter", port),
      slice("a", ["10.1.0.1"]),
      slice("b", ["10.1.0.2"], { ports: [{ name: "rpc", port: 20881 }] }),
    );
    const known = { selector: { app: "greeter" }, targetPorts: { 20880: [20881, 30880] } };
    expect(facts()).toEqual({ ...known, endpoints: ["10.1.0.1", "10.1.0.2"] });
    fake.delete(watchedKind("EndpointSlice"), "a", "shop");
    await expect
      .poll(facts)
      .toEqual({ ...known, endpoints: ["10.1.0.2"], targetPorts: { 20880: [20881] } });
    fake.delete(watchedKind("EndpointSlice"), "b", "shop");
    fake.apply(watchedKind("MetaRouter"), router("next"));
    await expect.poll(() => snapshots.at(-1)?.configuration.resources.length).toBe(2);
    expect(facts()?.targetPorts).toEqual({ 20880: [20881] });
  });

  it("is which endpoints are ready, of the IP version of its address", async () => {
    const endpoints = [
      { addresses: ["10.1.0.2"], conditions: { ready: true } },
      { addresses: ["10.1.0.1"] },
      { addresses: ["10.1.0.3"], conditions: { ready: false } },
    ];
    const { fake, facts } = await factsWith(
      service("greeter", { ...port, targetPort: 20880 }),
      slice("a", [], { endpoints }),
      slice("b", ["fd00::1"], { addressType: "IPv6" }),
    );
    expect(facts()).toEqual({
      selector: { app: "greeter" },
      endpoints: ["10.1.0.1", "10.1.0.2"],
    });
    fake.apply(watchedKind("EndpointSlice"), slice("a", ["10.1.0.3"]));
    await expect.poll(() => facts()?.endpoints).toEqual(["10.1.0.3"]);
  });

  it("is nothing before it has endpoints", async () => {
    const { facts } = await factsWith(service("greeter", port));
    expect(facts()?.targetPorts).toEqual({ 20880: [] });
  });

  it("is where the instances are of one without an address, ready or not", async () => {
    const { fake, facts, snapshots } = await factsWith(
      service("greeter", { ...port, targetPort: 20880 }, headless),
      slice("a", ["10.1.0.2", "10.1.0.1"]),
      slice("b", ["fd00::1"], { addressType: "IPv6" }),
      slice("c", ["greeter.test"], { addressType: "FQDN" }),
    );
    expect(facts()).toEqual({
      selector: { app: "greeter" },
      instances: ["10.1.0.1", "10.1.0.2", "fd00::1"],
    });
    const conditions = { ready: false };
    fake.apply(
      watchedKind("EndpointSlice"),
      slice("a", [], {
        endpoints: ["10.1.0.2", "10.1.0.1"].map((address) => ({
          addresses: [address],
          conditions,
        })),
      }),
    );
    fake.apply(watchedKind("EndpointSlice"), slice("b", ["fd00::2"], { addressType: "IPv6" }));
    await expect.poll(() => facts()?.instances).toEqual(["10.1.0.1", "10.1.0.2", "fd00::2"]);
    expect(snapshots).toHaveLength(2);
  });

  it("does not matter where no port is managed", async () => {
    const { facts } = await factsWith(
      service("greeter", { name: "http", targetPort: "rpc" }, headless),
      slice("a", ["10.1.0.1"]),
    );
    expect(facts()).toEqual({ selector: { app: "greeter" } });
  });
});
