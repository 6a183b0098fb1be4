import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DiscoveryResponse } from "../gen/envoy/service/discovery/v3/discovery_pb.js";
import { ManualClock } from "../runtime/manual-clock.js";
import { AdsServer } from "./ads-server.js";
import type { XdsObserver } from "./observer.js";
import {
  CLUSTER_TYPE,
  ENDPOINT_TYPE,
  EXTENSION_CONFIG_TYPE,
  LISTENER_TYPE,
  ROUTES_TYPE,
  type ResourceType,
} from "./resource-type.js";
import { type ResourceInput, type Snapshot, buildSnapshot } from "./snapshot.js";
import { AdsClient } from "./testing/ads-client.js";

const MODULE_AGENT = "metaproto";
const UNIMPLEMENTED = 12;
const INVALID_ARGUMENT = 3;

/** Name -> content, by type. */
type Content = Partial<Record<ResourceType["name"], Record<string, string>>>;
type After = Record<string, string>;

let events: string[];
let clock: ManualClock;
let server: AdsServer;
let port: number;
const clients: AdsClient[] = [];

const observer: XdsObserver = {
  onConnected: (node) => events.push(`connected ${node.role} ${node.id}`),
  onDisconnected: (node) => events.push(`disconnected ${node?.id ?? "unknown"}`),
  onResponse: (node, type, resources) =>
    events.push(`sent ${node.id} ${type.name} ${resources.map(({ name }) => name).join(",")}`),
  onAccepted: (node, type) => events.push(`accepted ${node.id} ${type.name}`),
  onRefused: (node, type, { message }) =>
    events.push(`refused ${node.id} ${type.name}: ${message}`),
  onUnknownType: (node, typeUrl) => events.push(`unknown type ${typeUrl} of ${node.id}`),
  onDenied: (node, type, name) => events.push(`denied ${node.id} ${type.name} ${name}`),
  onBadRequest: (_peer, reason) => events.push(`bad request: ${reason}`),
};

const TYPES = [CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, EXTENSION_CONFIG_TYPE, ROUTES_TYPE];

function snapshotOf(content: Content, after: After = {}): Snapshot {
  const inputs = TYPES.map(({ name: type, typeUrl }) => {
    const resources = Object.entries(content[type] ?? {}).map(([name, value]): ResourceInput => {
      const required = after[name];
      return { name, value: Buffer.from(value), ...(required && { after: required }) };
    });
    return [typeUrl, resources] as const;
  });
  return buildSnapshot(new Map(inputs), server.snapshot);
}

function serve(content: Content, after?: After): void {
  server.setSnapshot(snapshotOf(content, after));
}

function connect(node?: string, agent?: string): AdsClient {
  const client = new AdsClient(port, node, agent);
  clients.push(client);
  return client;
}

/** The messages in a response, as text. */
const contents = (response: DiscoveryResponse): string[] =>
  response.resources.map(({ value }) => Buffer.from(value).toString());

/**
 * Returns once the server has handled everything that `client` sent before: a subscription to a name that
 * exists, on the type that the test does not use, is answered in order.
 */
async function settle(client: AdsClient, type: ResourceType): Promise<void> {
  client.request(type, { names: ["marker"] });
  await client.next(type);
}

/** State of a type on the first stream of the first proxy. */
function stateOf({ name }: ResourceType): string | undefined {
  return server.proxies()[0]?.streams[0]?.types.find(({ type }) => type === name)?.state;
}

beforeEach(async () => {
  events = [];
  clock = new ManualClock();
  server = new AdsServer({ observer, clock });
  port = await server.listen("127.0.0.1:0");
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.vanish();
  await server.stop(100);
});

describe("state of the world", () => {
  test("a wildcard subscription gets all, and all again when one changes", async () => {
    serve({ CDS: { a: "a1", b: "b1" } });
    const client = connect();
    client.request(CLUSTER_TYPE);
    const first = await client.take(CLUSTER_TYPE);
    expect(contents(first)).toEqual(["a1", "b1"]);

    serve({ CDS: { a: "a1", b: "b2" } });
    const second = await client.take(CLUSTER_TYPE);
    expect(contents(second)).toEqual(["a1", "b2"]);
    expect(second.versionInfo).not.toBe(first.versionInfo);

    serve({ CDS: { b: "b2" } });
    expect(contents(await client.take(CLUSTER_TYPE))).toEqual(["b2"]);
  });

  test("nothing to serve is said, so that a proxy can start", async () => {
    serve({});
    const client = connect();
    client.request(LISTENER_TYPE);
    expect((await client.take(LISTENER_TYPE)).resources).toEqual([]);
  });

  test("a subscriber that comes before the first snapshot is served with it", async () => {
    const client = connect();
    client.request(CLUSTER_TYPE);
    await expect.poll(() => events).toContain("connected proxy envoy-1");
    serve({ CDS: { a: "a1" } });
    expect(contents(await client.take(CLUSTER_TYPE))).toEqual(["a1"]);
  });

  test("what is equal is not sent again", async () => {
    serve({ CDS: { a: "a1" }, EDS: { marker: "m" } });
    const client = connect();
    client.request(CLUSTER_TYPE);
    await client.take(CLUSTER_TYPE);
    serve({ CDS: { a: "a1" }, EDS: { marker: "m" } });
    await settle(client, ENDPOINT_TYPE);
    expect(client.unread).toEqual([]);
  });

  test("a refused version is not repeated, and what follows it is sent", async () => {
    serve({ LDS: { a: "a1", b: "b1" }, EDS: { marker: "m" } });
    const client = connect();
    client.request(LISTENER_TYPE);
    await client.take(LISTENER_TYPE);
    serve({ LDS: { a: "a2", b: "b1" }, EDS: { marker: "m" } });
    const refused = await client.next(LISTENER_TYPE);
    client.request(LISTENER_TYPE, { nonce: refused.nonce, error: "no such filter" });
    await settle(client, ENDPOINT_TYPE);
    expect(client.unread).toEqual([]);
    expect(events).toContain("refused envoy-1 LDS: no such filter");
    const [type] = server.proxies()[0]?.streams[0]?.types ?? [];
    expect(type).toMatchObject({ type: "EDS" });
    const lds = server.proxies()[0]?.streams[0]?.types.find((status) => status.type === "LDS");
    expect(lds?.state).toBe("refused");
    expect(lds?.lastRefusal).toMatchObject({
      message: "no such filter",
      at: new Date(clock.now()).toISOString(),
      resources: [{ name: "a" }],
    });
    expect(lds?.resources[0]?.acceptedVersion).not.toBe(lds?.resources[0]?.sentVersion);

    serve({ LDS: { a: "a3", b: "b1" }, EDS: { marker: "m" } });
    expect(contents(await client.take(LISTENER_TYPE))).toEqual(["a3", "b1"]);
  });
});

describe("subscriptions by name", () => {
  test("only what is asked for and has changed is sent", async () => {
    serve({ EDS: { a: "a1", b: "b1", c: "c1" } });
    const client = connect();
    client.request(ENDPOINT_TYPE, { names: ["a", "b"] });
    expect(contents(await client.take(ENDPOINT_TYPE, ["a", "b"]))).toEqual(["a1", "b1"]);
    serve({ EDS: { a: "a1", b: "b2", c: "c2" } });
    expect(contents(await client.take(ENDPOINT_TYPE, ["a", "b"]))).toEqual(["b2"]);
  });

  test("a name that is added is sent alone", async () => {
    serve({ routes: { a: "a1", b: "b1" } });
    const client = connect("envoy-1", MODULE_AGENT);
    client.request(ROUTES_TYPE, { names: ["a"] });
    const first = await client.take(ROUTES_TYPE, ["a"]);
    client.accept(ROUTES_TYPE, first, ["a", "b"]);
    expect(contents(await client.take(ROUTES_TYPE, ["a", "b"]))).toEqual(["b1"]);
  });

  test("a resource that comes later is sent when it comes, and a removed one when it is back", async () => {
    serve({ routes: {} });
    const client = connect();
    client.request(ROUTES_TYPE, { names: ["a"] });
    await expect.poll(() => server.proxies()[0]?.streams[0]?.types[0]?.missing).toEqual(["a"]);
    serve({ routes: { a: "a1" } });
    await client.take(ROUTES_TYPE, ["a"]);
    await expect.poll(() => events).toContain("accepted envoy-1 routes");
    serve({ routes: {} });
    serve({ routes: { a: "a1" } });
    expect(contents(await client.take(ROUTES_TYPE, ["a"]))).toEqual(["a1"]);
  });

  test("one bad resource does not keep the good ones from a proxy", async () => {
    serve({ EDS: { a: "1", b: "1", c: "1", d: "1", marker: "m" } });
    const names = ["a", "b", "c", "d"];
    const client = connect();
    client.request(ENDPOINT_TYPE, { names });
    const all = await client.next(ENDPOINT_TYPE);
    client.request(ENDPOINT_TYPE, { names, nonce: all.nonce, error: "c is bad" });
    const accepted: string[] = [];
    for (let i = 0; i < 4; i++) {
      const response = await client.next(ENDPOINT_TYPE);
      const sent = events.at(-1)?.split(" ").at(-1)?.split(",") ?? [];
      const isBad = sent.includes("c");
      if (!isBad) accepted.push(...sent);
      client.request(ENDPOINT_TYPE, {
        names,
        nonce: response.nonce,
        ...(isBad ? { error: "c is bad" } : {}),
      });
    }
    expect(accepted.sort()).toEqual(["a", "b", "d"]);
    await expect
      .poll(() => server.proxies()[0]?.streams[0]?.types[0])
      .toMatchObject({ state: "refused", lastRefusal: { resources: [{ name: "c" }] } });
    serve({ EDS: { a: "1", b: "1", c: "2", d: "1" } });
    expect(contents(await client.take(ENDPOINT_TYPE, names))).toEqual(["2"]);
  });

  test("endpoints of replaced clusters are sent again when the proxy asks, others are not", async () => {
    const EDS = { a: "ea", b: "eb" };
    const names = ["a", "b"];
    serve({ CDS: { a: "1", b: "1" }, EDS });
    const client = connect();
    client.request(CLUSTER_TYPE);
    await client.take(CLUSTER_TYPE);
    client.request(ENDPOINT_TYPE, { names });
    const endpoints = await client.take(ENDPOINT_TYPE, names);
    serve({ CDS: { a: "2", b: "1" }, EDS });
    await client.take(CLUSTER_TYPE);
    client.accept(ENDPOINT_TYPE, endpoints, names);
    expect(contents(await client.take(ENDPOINT_TYPE, names))).toEqual(["ea"]);
  });

  test("asking again for the same names without an apparent reason gets them all", async () => {
    const names = ["a", "b"];
    serve({ EDS: { a: "ea", b: "eb" } });
    const client = connect();
    client.request(ENDPOINT_TYPE, { names });
    const first = await client.take(ENDPOINT_TYPE, names);
    client.accept(ENDPOINT_TYPE, first, names);
    expect(contents(await client.take(ENDPOINT_TYPE, names))).toEqual(["ea", "eb"]);
  });
});

describe("flow", () => {
  test("changes during an unanswered response are not queued: the newest follows", async () => {
    serve({ EDS: { a: "a1" } });
    const client = connect();
    client.request(ENDPOINT_TYPE, { names: ["a"] });
    const first = await client.next(ENDPOINT_TYPE);
    for (let i = 2; i < 50; i++) serve({ EDS: { a: `a${i}` } });
    client.accept(ENDPOINT_TYPE, first, ["a"]);
    expect(contents(await client.take(ENDPOINT_TYPE, ["a"]))).toEqual(["a49"]);
    expect(client.unread).toEqual([]);
  });

  test("a request that answers an older response is ignored", async () => {
    serve({ EDS: { a: "a1", b: "b1" } });
    const client = connect();
    client.request(ENDPOINT_TYPE, { names: ["a"] });
    const first = await client.take(ENDPOINT_TYPE, ["a"]);
    await expect.poll(() => events).toContain("accepted envoy-1 EDS");
    serve({ EDS: { a: "a2", b: "b1" } });
    const second = await client.next(ENDPOINT_TYPE);
    client.request(ENDPOINT_TYPE, { names: ["a", "b"], nonce: first.nonce });
    client.accept(ENDPOINT_TYPE, second, ["a", "b"]);
    expect(contents(await client.take(ENDPOINT_TYPE, ["a", "b"]))).toEqual(["b1"]);
  });

  test("types are sent in the order of their dependencies", async () => {
    const client = connect();
    for (const type of [...TYPES].reverse()) {
      client.request(type, type.isStateOfTheWorld ? {} : { names: ["x"] });
    }
    await expect.poll(() => events).toContain("connected proxy envoy-1");
    const one = { x: "1" };
    serve({ CDS: one, EDS: one, LDS: one, ECDS: one });
    for (const type of TYPES.slice(0, 4)) await client.take(type, ["x"]);
  });

  test("a resource waits until the one it needs is accepted", async () => {
    serve({ ECDS: { current: "v1", digest: "v1" } }, { current: "digest" });
    const names = ["current", "digest"];
    const client = connect();
    client.request(EXTENSION_CONFIG_TYPE, { names });
    const first = await client.next(EXTENSION_CONFIG_TYPE);
    expect(events.at(-1)).toBe("sent envoy-1 ECDS digest");
    client.accept(EXTENSION_CONFIG_TYPE, first, names);
    await client.take(EXTENSION_CONFIG_TYPE, names);
    expect(events).toContain("sent envoy-1 ECDS current");
  });

  test("a resource does not wait for ever", async () => {
    serve({ ECDS: { current: "v1", digest: "v1" } }, { current: "digest" });
    const client = connect();
    client.request(EXTENSION_CONFIG_TYPE, { names: ["current"] });
    await expect.poll(() => events).toContain("connected proxy envoy-1");
    expect(client.unread).toEqual([]);
    clock.advance(5_000);
    expect(contents(await client.take(EXTENSION_CONFIG_TYPE, ["current"]))).toEqual(["v1"]);
  });

  test("a resource whose requirement is refused waits for a better one, however long", async () => {
    const after = { current: "digest" };
    const names = ["current", "digest"];
    serve({ ECDS: { current: "v1", digest: "v1" } }, after);
    const client = connect();
    client.request(EXTENSION_CONFIG_TYPE, { names });
    await client.take(EXTENSION_CONFIG_TYPE, names);
    await client.take(EXTENSION_CONFIG_TYPE, names);
    await expect.poll(() => stateOf(EXTENSION_CONFIG_TYPE)).toBe("synced");

    serve({ ECDS: { current: "v2", digest: "v2" } }, after);
    const { nonce } = await client.next(EXTENSION_CONFIG_TYPE);
    client.request(EXTENSION_CONFIG_TYPE, { names, nonce, error: "does not load" });
    await expect.poll(() => stateOf(EXTENSION_CONFIG_TYPE)).toBe("refused");
    clock.advance(60_000);
    serve({ ECDS: { current: "v2", digest: "v2" }, EDS: { marker: "m" } }, after);
    await settle(client, ENDPOINT_TYPE);
    expect(client.unread).toEqual([]);

    serve({ ECDS: { current: "v3", digest: "v3" } }, after);
    expect(contents(await client.take(EXTENSION_CONFIG_TYPE, names))).toEqual(["v3"]);
    expect(contents(await client.take(EXTENSION_CONFIG_TYPE, names))).toEqual(["v3"]);
    await expect.poll(() => stateOf(EXTENSION_CONFIG_TYPE)).toBe("synced");
  });

  test("modules get routes once the proxy has accepted the clusters", async () => {
    serve({ CDS: { a: "1" }, routes: { r: "to a" } });
    const proxy = connect("envoy-1");
    proxy.request(CLUSTER_TYPE);
    await proxy.take(CLUSTER_TYPE);
    const module = connect("envoy-1", MODULE_AGENT);
    module.request(ROUTES_TYPE, { names: ["r"] });
    await module.take(ROUTES_TYPE, ["r"]);
    await expect.poll(() => events).toContain("accepted envoy-1 routes");

    serve({ CDS: { a: "1", b: "1" }, routes: { r: "to b" } });
    const clusters = await proxy.next(CLUSTER_TYPE);
    expect(events.at(-1)).toBe("sent envoy-1 CDS a,b");
    proxy.accept(CLUSTER_TYPE, clusters);
    expect(contents(await module.take(ROUTES_TYPE, ["r"]))).toEqual(["to b"]);

    // A change of routes alone waits for nothing.
    serve({ CDS: { a: "1", b: "1" }, routes: { r: "to both" } });
    expect(contents(await module.take(ROUTES_TYPE, ["r"]))).toEqual(["to both"]);
  });

  test("modules get routes once the proxy has accepted the endpoints", async () => {
    serve({ EDS: { a: "1" }, routes: { r: "1" } });
    const proxy = connect("envoy-1");
    proxy.request(ENDPOINT_TYPE, { names: ["a"] });
    await proxy.take(ENDPOINT_TYPE, ["a"]);
    const module = connect("envoy-1", MODULE_AGENT);
    module.request(ROUTES_TYPE, { names: ["r"] });
    await module.take(ROUTES_TYPE, ["r"]);
    await expect.poll(() => events).toContain("accepted envoy-1 routes");

    serve({ EDS: { a: "2" }, routes: { r: "2" } });
    const endpoints = await proxy.next(ENDPOINT_TYPE);
    expect(events.at(-1)).toBe("sent envoy-1 EDS a");
    proxy.accept(ENDPOINT_TYPE, endpoints, ["a"]);
    expect(contents(await module.take(ROUTES_TYPE, ["r"]))).toEqual(["2"]);
  });
});

describe("streams", () => {
  test("a proxy that comes back with what it would be sent is left in peace", async () => {
    serve({ CDS: { a: "a1" }, EDS: { a: "e1", marker: "m" } });
    const before = connect();
    before.request(CLUSTER_TYPE);
    before.request(ENDPOINT_TYPE, { names: ["a"] });
    const clusters = await before.take(CLUSTER_TYPE);
    const endpoints = await before.take(ENDPOINT_TYPE, ["a"]);
    await expect.poll(() => events).toContain("accepted envoy-1 EDS");
    before.vanish();

    const again = connect();
    again.request(CLUSTER_TYPE, { version: clusters.versionInfo });
    again.request(ENDPOINT_TYPE, { names: ["a"], version: endpoints.versionInfo });
    await expect
      .poll(() => events.filter((event) => event === "accepted envoy-1 EDS"))
      .toHaveLength(2);
    expect(again.unread).toEqual([]);
    // It can still lose a cluster and ask once more.
    again.request(ENDPOINT_TYPE, { names: ["a"], version: endpoints.versionInfo });
    expect(contents(await again.take(ENDPOINT_TYPE, ["a"]))).toEqual(["e1"]);
    serve({ CDS: { a: "a2" }, EDS: { a: "e1" } });
    expect(contents(await again.take(CLUSTER_TYPE))).toEqual(["a2"]);
  });

  test("streams of modules are shown under the node of their proxy", async () => {
    serve({ CDS: { a: "1" }, routes: { r: "1" } });
    const proxy = connect("envoy-1");
    proxy.request(CLUSTER_TYPE);
    await proxy.take(CLUSTER_TYPE);
    for (let i = 0; i < 2; i++) {
      const module = connect("envoy-1", MODULE_AGENT);
      module.request(ROUTES_TYPE, { names: ["r"] });
      await module.take(ROUTES_TYPE, ["r"]);
    }
    await expect
      .poll(() =>
        server.proxies().flatMap(({ streams }) => streams.map(({ types }) => types[0]?.state)),
      )
      .toEqual(["synced", "synced", "synced"]);
    const [status, ...others] = server.proxies();
    expect(others).toEqual([]);
    expect(status?.streams.map(({ role }) => role)).toEqual(["proxy", "module", "module"]);
  });

  test("garbage ends its own stream and no other", async () => {
    serve({ CDS: { a: "1" } });
    const good = connect("good");
    good.request(CLUSTER_TYPE);
    await good.take(CLUSTER_TYPE);

    const garbage = connect("garbage");
    garbage.writeRaw(Buffer.from("ffffffffffffffffffff", "hex"));
    expect((await garbage.end()).code).not.toBe(0);

    const nameless = connect("");
    nameless.request(CLUSTER_TYPE);
    expect(await nameless.end()).toMatchObject({
      code: INVALID_ARGUMENT,
      details: "the first request has no node.id",
    });

    const odd = connect("odd");
    odd.request({ name: "CDS", typeUrl: "type.googleapis.com/none", isStateOfTheWorld: false });
    odd.request(CLUSTER_TYPE);
    await odd.take(CLUSTER_TYPE);
    expect(events).toContain("unknown type type.googleapis.com/none of odd");

    serve({ CDS: { a: "2" } });
    expect(contents(await good.take(CLUSTER_TYPE))).toEqual(["2"]);
  });

  test("a client that vanishes is forgotten", async () => {
    serve({ CDS: { a: "1" } });
    const client = connect();
    client.request(CLUSTER_TYPE);
    await client.next(CLUSTER_TYPE);
    client.vanish();
    await expect.poll(() => server.proxies()).toEqual([]);
    expect(events.filter((event) => event.startsWith("disconnected"))).toHaveLength(1);
    serve({ CDS: { a: "2" } });
  });

  test("stopping ends the streams without an error", async () => {
    serve({ CDS: { a: "1" } });
    const client = connect();
    client.request(CLUSTER_TYPE);
    await client.take(CLUSTER_TYPE);
    await server.stop(1_000);
    expect((await client.end()).code).toBe(0);
  });

  test("the delta variant is answered with UNIMPLEMENTED", async () => {
    const delta = new AdsClient(port, "delta", "envoy", {
      method: "DeltaAggregatedResources",
    });
    clients.push(delta);
    delta.request(CLUSTER_TYPE);
    expect((await delta.end()).code).toBe(UNIMPLEMENTED);
  });
});
