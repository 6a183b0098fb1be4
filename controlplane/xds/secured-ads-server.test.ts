// Streams over mutual TLS: who may connect, and what each may have.
import { credentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Identity } from "../identity/identity.js";
import { TestAuthority } from "../identity/testing/test-authority.js";
import type { AccessPolicy } from "./access-policy.js";
import { AdsServer } from "./ads-server.js";
import type { XdsObserver } from "./observer.js";
import { CLUSTER_TYPE, ROUTES_TYPE } from "./resource-type.js";
import { MutualTls } from "./server-tls.js";
import { buildSnapshot } from "./snapshot.js";
import { AdsClient } from "./testing/ads-client.js";

const PERMISSION_DENIED = 7;
const UNAVAILABLE = 14;
const SERVER = "metaproto.test";

let authority: TestAuthority;
let tls: MutualTls;
let server: AdsServer;
let port: number;
let events: string[];
let allowed: Set<string>;
const clients: AdsClient[] = [];

const ignore = (): void => undefined;
const observer: XdsObserver = {
  onConnected: (node) => events.push(`connected ${node.id}`),
  onDisconnected: ignore,
  onResponse: ignore,
  onAccepted: ignore,
  onRefused: ignore,
  onUnknownType: ignore,
  onDenied: (node, type, name) => events.push(`denied ${node.id} ${type.name} ${name}`),
  onBadRequest: (_peer, reason) => events.push(reason),
};

/** The node's id is the name of a namespace. */
const access: AccessPolicy = {
  refusalOf: ({ id }, peer) =>
    peer?.namespace === id ? undefined : `${peer?.namespace ?? "nobody"} is not ${id}`,
  isServed: (type) => type === ROUTES_TYPE,
  mayHave: (peer, _type, name) => allowed.has(`${peer?.namespace ?? ""} ${name}`),
};

function uriOf(namespace: string): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/default`;
}

function connect(
  node: string,
  { certificateChain, privateKey, trustAnchors }: Identity,
): AdsClient {
  const secure = credentials.createSsl(
    Buffer.from(trustAnchors),
    Buffer.from(privateKey),
    Buffer.from(certificateChain),
  );
  const client = new AdsClient(port, node, "metaproto", {
    credentials: secure,
    serverName: SERVER,
  });
  clients.push(client);
  return client;
}

function serve(content: Record<string, string>): void {
  const routes = Object.entries(content).map(([name, value]) => ({
    name,
    value: Buffer.from(value),
  }));
  const cluster = { name: "c", value: Buffer.from("secret") };
  server.setSnapshot(
    buildSnapshot(
      new Map([
        [ROUTES_TYPE.typeUrl, routes],
        [CLUSTER_TYPE.typeUrl, [cluster]],
      ]),
      server.snapshot,
    ),
  );
}

beforeEach(async () => {
  events = [];
  allowed = new Set(["shop a", "shop b", "billing b"]);
  authority = new TestAuthority();
  tls = new MutualTls(authority.identity({ dns: SERVER }));
  server = new AdsServer({ observer, access });
  port = await server.listen("127.0.0.1:0", tls.credentials);
  serve({ a: "a1", b: "b1", c: "c1" });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.vanish();
  await server.stop(100);
});

test("a proxy gets the routes that its namespace may have, and no others", async () => {
  const client = connect("shop", authority.identity({ uri: uriOf("shop") }));
  const names = ["a", "b", "c"];
  client.request(ROUTES_TYPE, { names });
  const first = await client.take(ROUTES_TYPE, names);
  expect(first.resources.map(({ value }) => Buffer.from(value).toString())).toEqual(["a1", "b1"]);
  expect(events).toEqual(["connected shop", "denied shop routes c"]);

  allowed.add("shop c");
  serve({ a: "a1", b: "b2", c: "c1" });
  const second = await client.take(ROUTES_TYPE, names);
  expect(second.resources.map(({ value }) => Buffer.from(value).toString())).toEqual(["b2", "c1"]);
});

test("types that the policy does not serve do not exist", async () => {
  const client = connect("shop", authority.identity({ uri: uriOf("shop") }));
  client.request(CLUSTER_TYPE);
  client.request(ROUTES_TYPE, { names: ["a"] });
  expect((await client.next(ROUTES_TYPE)).resources).toHaveLength(1);
  expect(client.unread).toEqual([]);
});

test("a proxy that says it is another one is sent away", async () => {
  const client = connect("shop", authority.identity({ uri: uriOf("billing") }));
  client.request(ROUTES_TYPE, { names: ["a"] });
  expect(await client.end()).toMatchObject({
    code: PERMISSION_DENIED,
    details: "billing is not shop",
  });
  expect(client.unread).toEqual([]);
});

test("a certificate of somebody else's authority is none", async () => {
  const stranger = new TestAuthority().identity({ uri: uriOf("shop") });
  const client = connect("shop", { ...stranger, trustAnchors: authority.certificate });
  client.request(ROUTES_TYPE, { names: ["a"] });
  expect((await client.end()).code).toBe(UNAVAILABLE);
  expect(events).toEqual([]);
});

test("who has no certificate is not let in", async () => {
  const secure = credentials.createSsl(Buffer.from(authority.certificate));
  const client = new AdsClient(port, "shop", "metaproto", {
    credentials: secure,
    serverName: SERVER,
  });
  clients.push(client);
  client.request(ROUTES_TYPE, { names: ["a"] });
  expect((await client.end()).code).toBe(UNAVAILABLE);
  expect(events).toEqual([]);
});

test("another identity holds for new connections, and open ones stay", async () => {
  const before = connect("shop", authority.identity({ uri: uriOf("shop") }));
  before.request(ROUTES_TYPE, { names: ["a"] });
  await before.take(ROUTES_TYPE, ["a"]);

  const next = new TestAuthority();
  tls.update(next.identity({ dns: SERVER }));
  const after = connect("billing", next.identity({ uri: uriOf("billing") }));
  after.request(ROUTES_TYPE, { names: ["b"] });
  expect((await after.next(ROUTES_TYPE)).resources).toHaveLength(1);

  serve({ a: "a2", b: "b1", c: "c1" });
  expect((await before.next(ROUTES_TYPE)).resources).toHaveLength(1);
});

test("replicas with the same configuration serve the same versions", async () => {
  const other = new AdsServer({ observer, access });
  const otherPort = await other.listen("127.0.0.1:0", tls.credentials);
  try {
    const versions: string[] = [];
    const content = { c: "c1", b: "b1", a: "a1" };
    const routes = Object.entries(content).map(([name, value]) => ({
      name,
      value: Buffer.from(value),
    }));
    other.setSnapshot(buildSnapshot(new Map([[ROUTES_TYPE.typeUrl, routes]])));
    for (const replica of [port, otherPort]) {
      port = replica;
      const client = connect("shop", authority.identity({ uri: uriOf("shop") }));
      client.request(ROUTES_TYPE, { names: ["a", "b"] });
      versions.push((await client.next(ROUTES_TYPE)).versionInfo);
    }
    expect(versions[1]).toBe(versions[0]);
  } finally {
    await other.stop(100);
  }
});
