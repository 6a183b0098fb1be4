// A one-way packet stream on a stock Envoy, by its description alone; its client and its servers are Node programs.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { Mesh } from "./support/mesh.js";
import { type Parcel, ParcelClient, ParcelServer } from "./support/parcel-wire.js";
import { freePorts } from "./support/ports.js";
import type { RouteOptions, ServiceOptions } from "./support/resources.js";
import { assertFollowsWeights } from "./support/statistics.js";

const DESCRIPTION = new URL("../../docs/protocol-owners/frames/parcel.yaml", import.meta.url);
/** Commands: one that only the first server gets, and one for all. */
const FIRST_ONLY = 1;
const ANYWHERE = 2;
const TOKENS = 10;
/** Workers hand over what they have counted once a second. */

let service: ServiceOptions;
let mesh: Mesh;
let client: ParcelClient;
const servers: ParcelServer[] = [];
let shadow: ParcelServer;
let shadowPort: number;

beforeAll(async () => {
  for (let i = 0; i < 2; i++) servers.push(await ParcelServer.start());
  shadow = await ParcelServer.start();
  const [port = 0, otherPort = 0] = await freePorts(2);
  shadowPort = otherPort;
  const endpoints = servers.map((server, i) => ({
    port: server.port,
    version: `v${String(i + 1)}`,
  }));
  service = { protocol: "parcel", port, endpoints };
  const shadowEndpoints = [{ port: shadow.port, version: "v1" }];
  mesh = await Mesh.start(
    [
      service,
      { protocol: "parcel", host: "shadow.parcel", port: shadowPort, endpoints: shadowEndpoints },
    ],
    { files: { "protocol.yaml": readFileSync(DESCRIPTION, "utf8") } },
  );
});

beforeEach(async () => {
  client = await ParcelClient.connect(service.port);
  return () => {
    // Whatever becomes of packets, clients hear nothing of it.
    expect(client.isUndisturbed).toBe(true);
    client.close();
    for (const { faults } of [...servers, shadow]) expect(faults).toEqual([]);
  };
});

afterAll(async () => {
  await mesh.stop();
  await Promise.all([...servers, shadow].map((server) => server.stop()));
});

const route = (...routes: readonly RouteOptions[]): Promise<void> => mesh.route(service, ...routes);
const stat = (name: string): Promise<number> =>
  mesh.envoy.stat(`wasmcustom.metaproto.parcel.${name}`);

function parcel(command: number, body: string, rest: Partial<Parcel> = {}): Parcel {
  return { command, user: 7n, tags: {}, body, ...rest };
}

function parcels(count: number, command: number, body: string): Parcel[] {
  return Array.from({ length: count }, (_, i) => parcel(command, `${body} ${String(i)}`));
}

/** What a server has received of these bodies, in its order. */
function received(server: ParcelServer | undefined, prefix: string): readonly Parcel[] {
  return server?.received.filter(({ body }) => body.startsWith(`${prefix} `)) ?? [];
}

async function arrival(prefix: string, count: number): Promise<void> {
  await waitUntil(`${String(count)} packets`, () => {
    return servers.flatMap((server) => received(server, prefix)).length >= count;
  });
}

test("packets are routed by their command, each by itself, and keep their order", async () => {
  await route({ match: { command: { regex: "1|2" } }, to: { v1: 100 } }, { to: { v2: 100 } });
  const packets = Array.from({ length: 3000 }, (_, i) => parcel(i % 3, `routed ${String(i)}`));
  client.send(...packets);
  await arrival("routed", packets.length);
  expect(received(servers[0], "routed")).toEqual(packets.filter(({ command }) => command > 0));
  expect(received(servers[1], "routed")).toEqual(packets.filter(({ command }) => command === 0));
});

test("by user and by tag, with tags changed on the way", async () => {
  await route(
    { match: { user: { exact: "1001" } }, to: { v1: 100 } },
    {
      match: { zone: { exact: "east" } },
      to: { v1: 100 },
      requestMutation: { zone: "changed" },
    },
    { to: { v2: 100 }, requestMutation: { via: "mesh" } },
  );
  client.send(
    parcel(5, "tagged 1", { user: 1001n }),
    parcel(5, "tagged 2", { tags: { zone: "east", kept: "yes" } }),
    parcel(5, "tagged 3", { tags: { zone: "west" } }),
  );
  await arrival("tagged", 3);
  expect(received(servers[0], "tagged")).toEqual([
    parcel(5, "tagged 1", { user: 1001n }),
    parcel(5, "tagged 2", { tags: { zone: "changed", kept: "yes" } }),
  ]);
  const tags = { zone: "west", via: "mesh" };
  expect(received(servers[1], "tagged")).toEqual([parcel(5, "tagged 3", { tags })]);
});

/** How many of the packets with these bodies each server has. */
function shares(prefix: string): ReadonlyMap<string, number> {
  return new Map(
    servers.map((server, i) => [`v${String(i + 1)}`, received(server, prefix).length]),
  );
}

test("one connection's are split by weight", async () => {
  await route({ to: { v1: 25, v2: 75 } });
  client.send(...parcels(1000, 9, "split"));
  await arrival("split", 1000);
  assertFollowsWeights(shares("split"), { v1: 25, v2: 75 });
});

test("one connection's are spread over endpoints", async () => {
  await route({ to: { "": 100 } });
  // The first ones wait for connections to both.
  await waitUntil("both servers", () => {
    client.send(...parcels(20, ANYWHERE, "first"));
    return [...shares("first").values()].every((count) => count > 0);
  });
  client.send(...parcels(1000, ANYWHERE, "spread"));
  await arrival("spread", 1000);
  for (const count of shares("spread").values()) expect(count).toBeGreaterThan(300);
});

test("where there is no route they are dropped and counted", async () => {
  await route({ match: { command: { exact: "1" } }, to: { v1: 100 } });
  const before = await stat("local_reply_nr");
  client.send(...parcels(7, 2, "lost"), parcel(1, "found 1"));
  await arrival("found", 1);
  await expect.poll(() => stat("local_reply_nr")).toBe(before + 7);
  expect(servers.flatMap((server) => received(server, "lost"))).toEqual([]);
});

test("beyond a rate limit they are dropped and counted", async () => {
  const tokenBucket = { maxTokens: TOKENS, tokensPerFill: 1, fillInterval: "3600s" };
  await route({ to: { v1: 100 }, more: { localRateLimit: { tokenBucket } } });
  client.send(...parcels(50, 9, "limited"));
  await expect.poll(() => stat("local_rate_limit_enforced")).toBe(50 - TOKENS);
  await arrival("limited", TOKENS);
  expect(received(servers[0], "limited")).toHaveLength(TOKENS);
});

test("a mirror has a copy of each, with a tag that says so", async () => {
  const mirrors = [{ destination: { host: "shadow.parcel", port: { number: shadowPort } } }];
  await route({ to: { v1: 100 }, more: { mirrors } });
  const before = await stat("mirror_rq_total");
  client.send(...parcels(200, 9, "copied"));
  await arrival("copied", 200);
  await waitUntil("the copies", () => received(shadow, "copied").length >= 200);
  expect(received(servers[0], "copied")).toEqual(parcels(200, 9, "copied"));
  const tags = { "metaproto-shadow": "true" };
  const copies = parcels(200, 9, "copied").map((original) => ({ ...original, tags }));
  expect(received(shadow, "copied")).toEqual(copies);
  await expect.poll(() => stat("mirror_rq_total")).toBe(before + 200);
});

test("a server that is killed under load takes only its own with it", async () => {
  await route(
    { match: { command: { exact: String(FIRST_ONLY) } }, to: { v1: 100 } },
    { to: { "": 100 } },
  );
  let sent = 0;
  let isOver = false;
  const load = async (): Promise<void> => {
    while (!isOver) {
      const number = String(sent++);
      client.send(parcel(FIRST_ONLY, `safe ${number}`), parcel(ANYWHERE, `load ${number}`));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const running = load();
  const [first, second] = servers;
  await waitUntil("load", () => received(second, "load").length > 200);
  const port = (await second?.stop()) ?? 0;
  const before = received(first, "load").length;
  await waitUntil("the first one going on", () => received(first, "load").length > before + 500);
  const atReturn = received(second, "load").length;
  await second?.restart(port);
  await waitUntil("the other one, too", () => received(second, "load").length > atReturn + 200);
  isOver = true;
  await running;
  await waitUntil("all of the first one's", () => received(first, "safe").length >= sent);
  expect(received(first, "safe").map(({ body }) => body)).toEqual(
    Array.from({ length: sent }, (_, i) => `safe ${String(i)}`),
  );
  // Nothing comes twice.
  const loads = servers.flatMap((server) => received(server, "load")).map(({ body }) => body);
  expect(new Set(loads).size).toBe(loads.length);
});
