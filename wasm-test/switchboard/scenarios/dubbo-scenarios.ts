// What Dubbo users see of the switchboard, in any world. The rest is in dubbo-bytes-scenarios.ts and
// dubbo-routes-scenarios.ts.
import { expect, it } from "vitest";
import {
  dubboFrame,
  dubboReadonly,
  dubboRequest,
  dubboResponse,
  Status,
  valueBody,
} from "../../envoy/support/dubbo-wire.js";
import { DubboConsumer, DubboProvider, dubboText } from "./dubbo-peers.js";
import type { Network, Wire, World } from "./network.js";

/** A network in which every request goes to "v1", with these providers. */
export async function openWith(
  world: World,
  providers: readonly DubboProvider[],
  plugin: Readonly<Record<string, unknown>> = {},
  workers = 1,
): Promise<Network> {
  return world.open({
    protocol: "dubbo",
    workers,
    clusters: { v1: providers.map((provider) => provider.endpoint) },
    plugin: {
      routeConfigurations: [
        {
          name: "demo_20880",
          routes: [{ destinations: [{ cluster: "v1" }] }],
          clusters: [{ name: "v1", endpoints: providers.length }],
        },
      ],
      ...plugin,
    },
  });
}

export async function startHeld(world: World, name = "v1"): Promise<DubboProvider> {
  const provider = await DubboProvider.start(world, name);
  provider.answers = false;
  return provider;
}

async function consumers(network: Network, count: number): Promise<DubboConsumer[]> {
  const connected: DubboConsumer[] = [];
  // In small groups: a listener's backlog is bounded.
  while (connected.length < count) {
    const group = Math.min(64, count - connected.length);
    const wave = Array.from({ length: group }, () => DubboConsumer.connect(network));
    connected.push(...(await Promise.all(wave)));
  }
  return connected;
}

/** All answers in one write for each connection. */
function answerAtOnce(provider: DubboProvider): void {
  const bytes = new Map<Wire, Buffer[]>();
  for (const { wire, frame } of provider.requests) {
    const list = bytes.get(wire) ?? [];
    list.push(dubboResponse(frame.id, valueBody(`to ${String(frame.id)}`)));
    bytes.set(wire, list);
  }
  for (const [wire, responses] of bytes) wire.write(Buffer.concat(responses));
}

export function dubboSmokeScenarios(world: World): void {
  it("requests of equal ids from many clients get each its own answer", async () => {
    const provider = await startHeld(world);
    const network = await openWith(world, [provider]);
    const clients = await consumers(network, 20);
    clients.forEach((client, index) => {
      client.send({ id: 1n, method: `m${String(index)}` });
    });
    await network.until("all requests", () => provider.requests.length === 20);
    expect(new Set(provider.requests.map(({ frame }) => frame.id)).size).toBe(20);
    for (const request of [...provider.requests].reverse()) {
      provider.reply(request, /m\d+/.exec(request.frame.body.toString("latin1"))?.[0]);
    }
    for (const [index, client] of clients.entries()) {
      expect(dubboText(await client.response(1n))).toBe(`m${String(index)}`);
    }
  });

  it("requests of one connection are spread over all endpoints", async () => {
    const providers = await Promise.all(
      ["a", "b", "c"].map((name) => DubboProvider.start(world, name)),
    );
    const network = await openWith(world, providers);
    const client = await DubboConsumer.connect(network);
    await client.call({ id: 0n, method: "warm" });
    await network.until("a connection to each", () =>
      providers.every((provider) => provider.endpoint.wires.length > 0),
    );
    for (let id = 1n; id <= 300n; id++) await client.call({ id, method: "m" });
    for (const provider of providers) expect(provider.requests.length).toBeGreaterThan(50);
  });

  it("every kind of failure is the protocol's own error, and says what happened", async () => {
    const [alive, dead] = [await startHeld(world, "alive"), await startHeld(world, "dead")];
    await dead.endpoint.kill();
    const to = (method: string, cluster: string, timeout?: string): object => ({
      match: [{ name: "method", exact: method }],
      destinations: [{ cluster }],
      ...(timeout === undefined ? {} : { timeout }),
    });
    const network = await world.open({
      protocol: "dubbo",
      clusters: { alive: [alive.endpoint], dead: [dead.endpoint], empty: [] },
      plugin: {
        limits: { maxFrameBytes: 100_000 },
        routeConfigurations: [
          {
            name: "demo_20880",
            routes: [
              to("unknown", "nowhere"),
              to("empty", "empty"),
              to("refused", "dead"),
              to("reset", "alive"),
              to("slow", "alive", "0.2s"),
              to("busy", "alive"),
            ],
            clusters: [{ name: "alive", endpoints: 1, maxRequests: 1 }],
          },
        ],
      },
    });
    const client = await DubboConsumer.connect(network);
    const outcome = async (id: bigint, method: string): Promise<string> =>
      dubboText(await client.call({ id, method }));
    expect(await outcome(1n, "other")).toBe(
      "20 metaproto: no route of demo_20880 matches this request",
    );
    expect(await outcome(2n, "unknown")).toBe("20 metaproto: cluster nowhere is unknown");
    expect(await outcome(3n, "empty")).toBe("20 metaproto: cluster empty has no healthy endpoint");
    expect(await outcome(4n, "refused")).toBe(
      "80 metaproto: cannot connect to an endpoint of cluster dead",
    );
    expect(await outcome(5n, "slow")).toBe(
      "31 metaproto: no response within 200 ms from cluster alive",
    );
    client.send({ id: 6n, method: "reset" });
    await network.until("the request", () => alive.requests.length === 2);
    expect(await outcome(7n, "busy")).toBe(
      "20 metaproto: too many requests are outstanding for cluster alive",
    );
    alive.requests[1]?.wire.reset();
    expect(dubboText(await client.response(6n))).toBe(
      "35 metaproto: the connection ended before the response, cluster alive",
    );
    const header = dubboFrame(
      { isRequest: true, isTwoWay: true, isEvent: false, serialization: 2, status: 0, id: 8n },
      Buffer.alloc(0),
    );
    header.writeUInt32BE(100_001, 12);
    client.wire.write(header);
    expect(dubboText(await client.response(8n))).toBe(
      "40 metaproto: the request is malformed or too large",
    );
    await network.until("the connection's end", () => client.wire.isClosed);
    const stranger = await DubboConsumer.connect(network);
    stranger.wire.write(Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    await network.until("the stranger's end", () => stranger.wire.isClosed);
    expect(stranger.responses.size).toBe(0);
  });

  it("a server that was killed and is back is used again", async () => {
    const provider = await DubboProvider.start(world, "v1");
    const network = await openWith(world, [provider]);
    const client = await DubboConsumer.connect(network);
    let id = 0n;
    for (let round = 0; round < 3; round++) {
      expect(dubboText(await client.call({ id: ++id, method: "m" }))).toBe("v1");
      await provider.endpoint.kill();
      // Either of the two, depending on what Envoy has seen by now.
      expect(dubboText(await client.call({ id: ++id, method: "m" }))).toMatch(
        /^(35 metaproto: the connection ended|80 metaproto: cannot connect)/,
      );
      await provider.endpoint.restart();
    }
    expect(dubboText(await client.call({ id: ++id, method: "m" }))).toBe("v1");
    expect(client.wire.isClosed).toBe(false);
  });

  it("a oneway request is delivered and not answered", async () => {
    const provider = await DubboProvider.start(world, "v1");
    const network = await openWith(world, [provider]);
    const client = await DubboConsumer.connect(network);
    client.send({ id: 1n, method: "fire", isTwoWay: false });
    await client.call({ id: 2n, method: "call" });
    await network.until("both", () => provider.requests.length === 2);
    expect([...client.responses.keys()]).toEqual([2n]);
  });

  it("a server that announces its end finishes what it has, and gets nothing more", async () => {
    const leaving = await startHeld(world, "leaving");
    const network = await openWith(world, [leaving]);
    const client = await DubboConsumer.connect(network);
    client.send({ id: 1n, method: "m" });
    await network.until("the request", () => leaving.requests.length === 1);
    const old = leaving.requests[0]?.wire;
    old?.write(dubboReadonly(99n));
    await network.pass(50);
    leaving.answers = true;
    for (let id = 2n; id <= 10n; id++) await client.call({ id, method: "m" });
    expect(leaving.requests.filter(({ wire }) => wire === old)).toHaveLength(1);
    expect(old?.isClosed).toBe(false);
    const [first] = leaving.requests;
    if (first !== undefined) leaving.reply(first, "the last");
    expect(dubboText(await client.response(1n))).toBe("the last");
    await network.until("the connection's end", () => old?.isClosed === true);
  });

  it("4,000 answers in one read of one server reach 4,000 clients", async () => {
    const provider = await startHeld(world);
    const limits = { maxRequestsPerUpstreamConnection: 8000 };
    const network = await openWith(world, [provider], { limits });
    const clients = await consumers(network, 4000);
    for (const client of clients) client.send({ id: 7n, method: "m" });
    await network.until("all requests", () => provider.requests.length === 4000);
    answerAtOnce(provider);
    await network.until("all answers", () =>
      clients.every(({ responses }) => responses.size === 1),
    );
    const texts = await Promise.all(
      clients.map(async (client) => dubboText(await client.response(7n))),
    );
    expect(new Set(texts).size).toBe(4000);
  });
}

export function dubboScenarios(world: World): void {
  it("clients of three workers get their own answers, from pools of each worker's own", async () => {
    const provider = await startHeld(world);
    const network = await openWith(world, [provider], {}, 3);
    const clients = await consumers(network, 60);
    clients.forEach((client, index) => {
      client.send({ id: 1n, method: `m${String(index)}` });
    });
    await network.until("all requests", () => provider.requests.length === 60);
    expect(provider.endpoint.wires.length).toBeLessThanOrEqual(3);
    for (const request of [...provider.requests].reverse()) {
      provider.reply(request, /m\d+/.exec(request.frame.body.toString("latin1"))?.[0]);
    }
    for (const [index, client] of clients.entries()) {
      expect(dubboText(await client.response(1n))).toBe(`m${String(index)}`);
    }
    expect(await network.stat("downstream_rq_total")).toBe(60);
  });

  it("a connection that ends with 500 requests of 500 clients outstanding fails each of them", async () => {
    const provider = await startHeld(world);
    const network = await openWith(world, [provider]);
    const clients = await consumers(network, 500);
    for (const client of clients) client.send({ id: 1n, method: "m" });
    await network.until("all requests", () => provider.requests.length === 500);
    for (const wire of new Set(provider.requests.map((request) => request.wire))) wire.reset();
    for (const client of clients) {
      expect(dubboText(await client.response(1n))).toBe(
        "35 metaproto: the connection ended before the response, cluster v1",
      );
    }
  });

  it("a server that closes after its last answers loses none of them", async () => {
    const provider = await startHeld(world);
    const network = await openWith(world, [provider]);
    const clients = await consumers(network, 200);
    for (const client of clients) client.send({ id: 1n, method: "m" });
    await network.until("all requests", () => provider.requests.length === 200);
    answerAtOnce(provider);
    for (const wire of new Set(provider.requests.map((request) => request.wire))) wire.close();
    for (const client of clients) {
      expect(dubboText(await client.response(1n))).toMatch(/^to \d+$/);
    }
  });

  it("a client that goes away mid-request takes nothing with it", async () => {
    const provider = await startHeld(world);
    const network = await openWith(world, [provider]);
    const [leaving, staying] = await consumers(network, 2);
    leaving?.send({ id: 1n, method: "m" });
    leaving?.wire.write(dubboRequest({ id: 2n, method: "half" }).subarray(0, 40));
    staying?.send({ id: 1n, method: "m" });
    await network.until("both requests", () => provider.requests.length === 2);
    leaving?.wire.reset();
    await network.pass(50);
    for (const request of provider.requests) provider.reply(request, "answer");
    expect(staying && dubboText(await staying.response(1n))).toBe("answer");
    expect(provider.endpoint.wires.filter((wire) => !wire.isClosed)).toHaveLength(1);
  });

  it("clients that come, ask and go, some without waiting, leave nothing behind", async () => {
    const provider = await DubboProvider.start(world, "v1");
    const network = await openWith(world, [provider]);
    for (let wave = 0; wave < 10; wave++) {
      const clients = await consumers(network, 50);
      clients.forEach((client, index) => {
        client.send({ id: 1n, method: "m" });
        if (index % 3 === 0) client.wire.reset();
      });
      for (const [index, client] of clients.entries()) {
        if (index % 3 !== 0) expect(dubboText(await client.response(1n))).toBe("v1");
        client.wire.close();
      }
    }
    expect(await network.stat("downstream_rq_active")).toBe(0);
    expect(await network.stat("downstream_cx_active")).toBe(0);
    expect(await network.stat("upstream_cx_active")).toBe(1);
  });

  it("heartbeats of a client are answered by the proxy", async () => {
    const provider = await DubboProvider.start(world, "v1");
    const network = await openWith(world, [provider]);
    const client = await DubboConsumer.connect(network);
    const header = { isRequest: true, isTwoWay: true, isEvent: true, serialization: 2 };
    client.wire.write(dubboFrame({ ...header, status: 0, id: 5n }, Buffer.from("4e", "hex")));
    const answer = await client.response(5n);
    expect(answer).toMatchObject({ isRequest: false, isEvent: true, status: Status.Ok });
    expect(provider.events).toHaveLength(0);
  });

  it("connections are given up when the server is silent, and the next request finds another", async () => {
    const provider = await startHeld(world);
    const plugin = { upstreamHeartbeat: "0.3s", defaultTimeout: "0s" };
    const network = await openWith(world, [provider], plugin);
    const client = await DubboConsumer.connect(network);
    client.send({ id: 1n, method: "m" });
    expect(dubboText(await client.response(1n))).toContain(
      "the connection ended before the response",
    );
    expect(provider.events.length).toBeGreaterThan(0);
    provider.answers = true;
    expect(dubboText(await client.call({ id: 2n, method: "m" }))).toBe("v1");
  });
}
