// What Thrift users see of the switchboard, in any world.
import { expect, it } from "vitest";
import { FRAMED, WIRES, MessageType } from "../../envoy/support/thrift-wire.js";
import { callFrame, wireName } from "../thrift-messages.js";
import type { Network, World } from "./network.js";
import { ThriftCaller, ThriftServer } from "./thrift-peers.js";

const OVERLOAD = "exception 6: metaproto: too many requests are outstanding for cluster v1";

interface Setup {
  readonly network: Network;
  readonly server: ThriftServer;
}

async function setUp(
  world: World,
  { plugin = {}, timeout }: { plugin?: object; timeout?: string } = {},
): Promise<Setup> {
  const server = await ThriftServer.start(world, "v1");
  const route = {
    destinations: [{ cluster: "v1" }],
    ...(timeout === undefined ? {} : { timeout }),
  };
  const network = await world.open({
    protocol: "thrift",
    clusters: { v1: [server.endpoint] },
    plugin: {
      routeConfigurations: [
        { name: "demo_9090", routes: [route], clusters: [{ name: "v1", endpoints: 1 }] },
      ],
      ...plugin,
    },
  });
  return { network, server };
}

/** Few, and fast: what must hold on every supported Envoy. */
export function thriftSmokeScenarios(world: World): void {
  it("calls of one sequence id from many clients get each its own answer", async () => {
    const { network, server } = await setUp(world);
    server.answers = false;
    const names = Array.from({ length: 20 }, (_, index) => `client ${String(index)}`);
    const callers = await Promise.all(names.map(() => ThriftCaller.connect(network, FRAMED)));
    callers.forEach((caller, index) => {
      caller.send("hello", { seqid: 0, text: names[index] ?? "" });
    });
    await network.until("all calls", () => server.calls.length === names.length);
    for (const call of [...server.calls].reverse()) {
      server.reply(call, /client \d+/.exec(call.message.body.toString())?.[0] ?? "");
    }
    for (const [index, caller] of callers.entries()) {
      expect(await caller.answer(0)).toBe(names[index]);
      expect(caller.replies[0]?.seqid).toBe(0);
    }
    expect(server.peakOutstanding).toBe(1);
  });

  it("calls beyond the pool's bound wait their turn, and beyond that are refused", async () => {
    const limits = { maxConnections: 2, maxPendingRequests: 4 };
    const { network, server } = await setUp(world, { plugin: { limits } });
    server.answers = false;
    const callers = await Promise.all(
      Array.from({ length: 7 }, () => ThriftCaller.connect(network, FRAMED)),
    );
    for (const [index, caller] of callers.slice(0, 2).entries()) {
      caller.send("hello", { text: String(index) });
      await network.until("the call", () => server.calls.length === index + 1);
    }
    for (const [index, caller] of callers.slice(2).entries()) {
      caller.send("hello", { text: String(index + 2) });
      // A refusal shows that the ones before have arrived.
    }
    await network.until("the refusal", () => callers.some(({ replies }) => replies.length > 0));
    for (let answered = 0; answered < 6; answered++) {
      await network.until("the next call", () => server.calls.length > answered);
      const call = server.calls[answered];
      if (call !== undefined) server.reply(call);
    }
    const answers = await Promise.all(callers.map((caller) => caller.answer(0)));
    expect(answers.filter((answer) => answer === "v1")).toHaveLength(6);
    expect(answers.filter((answer) => answer === OVERLOAD)).toHaveLength(1);
    expect(server.endpoint.wires).toHaveLength(2);
    expect(server.peakOutstanding).toBe(1);
  });

  it("clients of all transports and protocols share a cluster, but no connection", async () => {
    const { network, server } = await setUp(world);
    const callers = await Promise.all(WIRES.map((wire) => ThriftCaller.connect(network, wire)));
    for (let round = 0; round < 3; round++) {
      callers.forEach((caller) => {
        caller.send("hello", { seqid: round });
      });
      for (const caller of callers) expect(await caller.answer(round)).toBe("v1");
    }
    const wires = new Map<unknown, Set<string>>();
    for (const { wire, thrift } of server.calls) {
      wires.set(wire, (wires.get(wire) ?? new Set()).add(wireName(thrift)));
    }
    for (const names of wires.values()) expect(names.size).toBe(1);
    expect(server.calls).toHaveLength(3 * WIRES.length);
  });
}

export function thriftScenarios(world: World): void {
  it.each(WIRES.map((wire) => [wireName(wire), wire] as const))(
    "a %s message is understood byte by byte",
    async (_, wire) => {
      const { network } = await setUp(world);
      const caller = await ThriftCaller.connect(network, wire);
      await caller.wire.writeInPieces(callFrame(wire, "hello", { seqid: 1 }), 1);
      await caller.wire.writeInPieces(callFrame(wire, "hello", { seqid: 2 }), 1);
      expect(await caller.answer(0)).toBe("v1");
      expect(await caller.answer(1)).toBe("v1");
      expect(caller.replies.map((reply) => reply.seqid)).toEqual([1, 2]);
    },
  );

  it("a client that sends many calls at once is answered in their order", async () => {
    const { network, server } = await setUp(world);
    const caller = await ThriftCaller.connect(network, FRAMED);
    const calls = Array.from({ length: 50 }, (_, seqid) => callFrame(FRAMED, "hello", { seqid }));
    caller.wire.write(Buffer.concat(calls));
    await caller.answer(49);
    expect(caller.replies.map((reply) => reply.seqid)).toEqual(calls.map((_, index) => index));
    expect(server.peakOutstanding).toBe(1);
  });

  it("300 calls of 300 clients at once have each a connection to itself", async () => {
    const { network, server } = await setUp(world);
    server.answers = false;
    const callers: ThriftCaller[] = [];
    for (let i = 0; i < 300; i++) callers.push(await ThriftCaller.connect(network, FRAMED));
    callers.forEach((caller, index) => {
      caller.send("hello", { text: `client ${String(index)}` });
    });
    await network.until("all calls", () => server.calls.length === 300);
    expect(new Set(server.calls.map(({ wire }) => wire)).size).toBe(300);
    for (const call of server.calls) {
      server.reply(call, /client \d+/.exec(call.message.body.toString())?.[0] ?? "");
    }
    for (const [index, caller] of callers.entries()) {
      expect(await caller.answer(0)).toBe(`client ${String(index)}`);
    }
    // They serve the next calls as well.
    for (const caller of callers) caller.send("again");
    await network.until("all calls again", () => server.calls.length === 600);
    for (const call of server.calls.slice(300)) server.reply(call);
    for (const caller of callers) expect(await caller.answer(1)).toBe("v1");
    expect(server.peakOutstanding).toBe(1);
    expect(server.endpoint.wires.length).toBeLessThan(310);
  });

  it("a oneway call is delivered and not answered", async () => {
    const { network, server } = await setUp(world);
    const caller = await ThriftCaller.connect(network, FRAMED);
    caller.send("fire", { seqid: 1 }, MessageType.Oneway);
    expect(await caller.call("hello", { seqid: 2 })).toBe("v1");
    await network.until("both", () => server.calls.length === 2);
    expect(caller.replies.map((reply) => reply.seqid)).toEqual([2]);
  });

  it("a call that takes too long is answered by the proxy, and its connection given up", async () => {
    const { network, server } = await setUp(world, { timeout: "0.3s" });
    server.answers = false;
    const caller = await ThriftCaller.connect(network, FRAMED);
    expect(await caller.call("slow")).toBe(
      "exception 6: metaproto: no response within 300 ms from cluster v1",
    );
    const slow = server.calls[0]?.wire;
    await network.until("the connection's end", () => slow?.isClosed === true);
    server.answers = true;
    expect(await caller.call("hello")).toBe("v1");
    expect(server.calls[1]?.wire).not.toBe(slow);
  });
}
