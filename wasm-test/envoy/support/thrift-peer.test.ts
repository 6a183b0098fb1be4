// Every official client against every official server, with nothing in between: what tests may rely on.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PeerServer, answersByLabel } from "./peer-client.js";
import {
  type ThriftClient,
  type ThriftEndpoint,
  type ThriftLanguage,
  type ThriftTarget,
  missingThriftPeer,
  startThriftClient,
  startThriftServer,
} from "./thrift-peer.js";
import { WIRES } from "./thrift-wire.js";

const LANGUAGES: readonly ThriftLanguage[] = ["go", "python"];
const missing = LANGUAGES.map(missingThriftPeer).find((reason) => reason !== undefined);

describe.skipIf(missing)("Thrift peers", () => {
  const servers = new Map<ThriftLanguage, PeerServer>();
  const clients = new Map<ThriftLanguage, ThriftClient>();
  const labelOf = (wire: (typeof WIRES)[number]): string => `${wire.transport}-${wire.protocol}`;

  beforeAll(async () => {
    const endpoints: ThriftEndpoint[] = WIRES.map((wire) => ({ ...wire, label: labelOf(wire) }));
    await Promise.all(
      LANGUAGES.map(async (language) => {
        servers.set(language, await startThriftServer(language, endpoints));
        clients.set(language, await startThriftClient(language));
      }),
    );
  });

  afterAll(async () => {
    await Promise.all([...servers.values(), ...clients.values()].map((peer) => peer.stop()));
  });

  const pairs = LANGUAGES.flatMap((client) => LANGUAGES.map((server) => [client, server] as const));
  const cases = pairs.flatMap(([from, to]) => WIRES.map((wire) => [from, to, wire] as const));

  test.each(cases)("%s client, %s server, %o", async (from, to, wire) => {
    const [client, server] = [clients.get(from), servers.get(to)];
    if (client === undefined || server === undefined) throw new Error("not started");
    const label = labelOf(wire);
    const target: ThriftTarget = { ...wire, port: server.port(label) };

    const hello = await client.call(target, { method: "hello", args: ["you"] });
    expect(hello).toMatchObject({ value: `Hello you from ${label}`, label });
    expect((await client.call(target, { method: "add", args: [-3, 70_000] })).value).toBe(69_997);
    const item = await client.call(target, { method: "echoItem" });
    const counts = { apple: 3 };
    const fields = { id: "i1", qty: 5, price: 1.5, counts, color: "BLUE", child: "child" };
    expect(item.value).toEqual({ ...fields, tags: ["first", label] });
    expect((await client.call(target, { method: "nothing" })).value).toBeNull();

    const declared = await client.fail(target, { method: "failBiz", args: ["no"] });
    expect(declared).toMatchObject({
      className: "BizError",
      code: 42,
      message: `no from ${label}`,
    });
    const undeclared = await client.fail(target, { method: "failUndeclared", args: ["no"] });
    expect(undeclared).toMatchObject({ className: "TApplicationException", code: 6 });
    const unknown = await client.fail(target, { method: "noSuchMethod" });
    expect(unknown).toMatchObject({ className: "TApplicationException", code: 1 });

    const second = { ...target, service: "Second" };
    const multiplexed = await client.call(second, { method: "hello", args: ["you"] });
    expect(multiplexed.value).toBe(`Hello you from ${label}/Second`);

    const what = `${from} ${to} ${label}`;
    await client.call(target, { method: "fire", args: [what] });
    await client.call(target, { method: "nothing" });
    expect((await server.statistics())[label]?.fired).toContain(what);

    const headers = { user: "u-1", trace: "t-2" };
    const isHeader = wire.transport === "header";
    const seen = await client.call(target, { method: "headers", ...(isHeader ? { headers } : {}) });
    expect(seen.value).toEqual(isHeader ? headers : {});
    expect(seen.attachments).toEqual(isHeader ? { label } : {});
  });

  test.each(pairs)("%s client, %s server: 8 MiB, timeouts, traffic", async (from, to) => {
    const [client, server] = [clients.get(from), servers.get(to)];
    if (client === undefined || server === undefined) throw new Error("not started");
    for (const wire of [WIRES[0], WIRES[3], WIRES[7]]) {
      const label = labelOf(wire);
      const target: ThriftTarget = { ...wire, port: server.port(label), timeoutMs: 30_000 };
      const argument = { $string: 8 << 20 };
      const big = await client.call(target, { method: "big", args: [argument] });
      expect(big.value).toEqual({ ...argument, echoed: true });

      const impatient = { ...target, timeoutMs: 100 };
      const slow = await client.fail(impatient, { method: "slow", args: [1_000] });
      expect(slow.className).toBe("TTransportException");

      const requests = [
        { method: "hello", args: ["x"] },
        { method: "getUser", args: ["y"], name: "user" },
      ] as const;
      const burst = await client.burst(target, requests, { count: 60, concurrency: 3 });
      expect(burst).toMatchObject({ requests: 60, failed: 0, errors: {} });
      expect([...answersByLabel(burst, "user")]).toEqual([[label, 30]]);
    }
    const target: ThriftTarget = { ...WIRES[0], port: server.port(labelOf(WIRES[0])) };
    const request = { method: "hello", args: ["x"] } as const;
    const traffic = await client.traffic({ ...target, connections: 3 }, [request], 100);
    const marked = await traffic.mark();
    const first = await traffic.waitForFirst(labelOf(WIRES[0]));
    expect(first.atMs).toBeGreaterThanOrEqual(marked);
    const total = await traffic.stop();
    expect(total.failed).toBe(0);
    expect(total.requests).toBeGreaterThan(0);
  });
});
