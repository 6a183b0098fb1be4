// The main path with the official Thrift libraries: what must hold on every supported Envoy.
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith } from "./support/describe-with.js";
import { expectApplicationException } from "./support/expect-failure.js";
import { answersByLabel } from "./support/peer-client.js";
import { assertFollowsWeights } from "./support/statistics.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import { FRAMED, STRICT_WIRES, ExceptionType, type ThriftWire } from "./support/thrift-wire.js";

const HELLO = { method: "hello", args: ["you"] } as const;
const HEADER = { transport: "header", protocol: "binary" } as const;

describeWith("Thrift through Envoy", missingThriftPeers(), () => {
  let thrift: ThriftMesh;
  let port: number;

  beforeAll(async () => {
    thrift = await ThriftMesh.start({
      endpoints: [
        { label: "go", language: "go", version: "v1", ...HEADER },
        { label: "python", language: "python", version: "v2", ...HEADER },
      ],
      envoy: { concurrency: 2 },
    });
    ({ port } = thrift);
  });

  afterAll(() => thrift.stop());

  const connections = (): Promise<number> =>
    thrift.mesh.envoy.stat(`listener.127.0.0.1_${port}.downstream_cx_total`);

  const cases = THRIFT_LANGUAGES.flatMap((language) =>
    STRICT_WIRES.map((wire) => [language, wire]),
  );

  test.each(cases as [(typeof THRIFT_LANGUAGES)[number], ThriftWire][])(
    "%s client, %o: one connection spreads its requests over all endpoints",
    async (language, wire) => {
      const client = thrift.client(language);
      const target = { ...wire, port };
      const before = await connections();
      const burst = await client.burst(target, [HELLO], { count: 200 });
      expect(burst).toMatchObject({ succeeded: 200, errors: {} });
      const counts = answersByLabel(burst);
      for (const label of ["go", "python"]) expect(counts.get(label)).toBeGreaterThan(60);
      expect((await connections()) - before).toBe(1);

      const item = await client.call(target, { method: "echoItem" });
      expect(item.value).toMatchObject({ id: "i1", qty: 5, counts: { apple: 3 }, child: "child" });
      const declared = await client.fail(target, { method: "failBiz", args: ["no"] });
      expect(declared).toMatchObject({ className: "BizError", code: 42 });
      const undeclared = await client.fail(target, { method: "failUndeclared", args: ["no"] });
      expectApplicationException(undeclared, ExceptionType.InternalError, /./);
      const unknown = await client.fail(target, { method: "noSuchMethod" });
      expectApplicationException(unknown, ExceptionType.UnknownMethod, /noSuchMethod/);
      const second = await client.call({ ...target, service: "Second" }, HELLO);
      expect(second.value).toMatch(/^Hello you from (go|python)\/Second$/);
    },
  );

  test("live connections follow each edit, and no request fails", async () => {
    const requests = [
      { method: "hello", args: ["a"] },
      { method: "getUser", args: ["b"] },
      { method: "getOrder", args: ["c"], headers: { user: "gold-1" }, name: "gold" },
    ] as const;
    await thrift.mesh.route(thrift.service, { to: { v1: 100 } });
    const traffics = await Promise.all(
      THRIFT_LANGUAGES.map((language) =>
        thrift.client(language).traffic({ ...HEADER, port, connections: 3 }, requests, 200),
      ),
    );
    for (const traffic of traffics) await traffic.waitForFirst("go", "gold");
    const before = await connections();

    await thrift.mesh.route(
      thrift.service,
      { match: { user: { prefix: "gold-" } }, to: { v2: 100 } },
      { match: { method: { exact: "getUser" } }, to: { v1: 20, v2: 80 } },
      { to: { v1: 100 } },
    );
    for (const traffic of traffics) {
      await traffic.mark();
      await traffic.waitForFirst("python", "gold");
      await traffic.waitForFirst("python", "getUser");
      await traffic.waitForFirst("go", "getUser");
      await traffic.waitForFirst("go", "hello");
    }
    await thrift.mesh.route(thrift.service, { to: { v2: 100 } });
    for (const language of THRIFT_LANGUAGES) {
      const target = { ...HEADER, port, connections: 3 };
      const settled = await thrift.client(language).burst(target, requests, { count: 60 });
      expect(settled.errors).toEqual({});
      expect([...answersByLabel(settled)]).toEqual([["python", 60]]);
    }
    for (const traffic of traffics) {
      expect(await traffic.stop()).toMatchObject({ failed: 0, errors: {} });
    }
    expect(await connections()).toBe(before);
  });

  test("weights of 20 and 80 are kept", async () => {
    await thrift.mesh.route(thrift.service, { to: { v1: 20, v2: 80 } });
    const target = { ...FRAMED, port, connections: 8 };
    const count = 4_000;
    const burst = await thrift.client("go").burst(target, [HELLO], { count, concurrency: 8 });
    expect(burst).toMatchObject({ succeeded: count, failed: 0 });
    assertFollowsWeights(answersByLabel(burst), { go: 20, python: 80 });
  });

  test.each(THRIFT_LANGUAGES)(
    "without a route the %s client gets an exception that says so",
    async (language) => {
      const match = { method: { exact: "nothing" } };
      await thrift.mesh.route(thrift.service, { match, to: { v1: 100 } });
      const text = `metaproto: no route of demo.thrift_${port} matches this request`;
      for (const wire of STRICT_WIRES) {
        const failure = await thrift.client(language).fail({ ...wire, port }, HELLO);
        expectApplicationException(failure, ExceptionType.UnknownMethod, text);
      }
    },
  );
});
