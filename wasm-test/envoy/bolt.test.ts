// SOFA Bolt on a stock Envoy, with the official SOFARPC (version 1 of Bolt) and the official SOFABolt (version 2 with
// checksums) on both sides.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { Mesh } from "./support/mesh.js";
import { answersByLabel, type PeerServer } from "./support/peer-client.js";
import type { PeerFailure } from "./support/peer-process.js";
import { freePort, freePorts } from "./support/ports.js";
import type { RouteOptions, ServiceOptions } from "./support/resources.js";
import {
  missingSofaPeer,
  type SofaClient,
  type SofaRequest,
  startSofaClient,
  startSofaServer,
} from "./support/sofa-peer.js";
import { assertFollowsWeights } from "./support/statistics.js";

const HELLO: SofaRequest = { method: "hello", args: ["you"] };
const OTHER: SofaRequest = { method: "other", args: ["you"] };
const ASK: SofaRequest = { method: "ask", args: ["you"] };
const SOFA_EXCEPTION = "com.alipay.sofa.rpc.core.exception.SofaRpcException";
const PROBE_BYTES = 22;

/** Services of one mesh; the listener of each is a port of its own. */
const KINDS = [
  "main",
  "strict",
  "empty",
  "refused",
  "busy",
  "short",
  "limited",
  "mortal",
  "raw",
] as const;
type Kind = (typeof KINDS)[number];

describeWith("SOFA Bolt", [missingSofaPeer()], () => {
  const services = new Map<Kind, ServiceOptions>();
  let servers: PeerServer;
  let mortal: PeerServer;
  let client: SofaClient;
  let mesh: Mesh;

  beforeAll(async () => {
    const [ports, nobody] = [await freePorts(KINDS.length), await freePort()];
    [servers, mortal, client] = await Promise.all([
      startSofaServer([
        { label: "one" },
        { label: "two" },
        { label: "raw-1", kind: "bolt" },
        { label: "raw-2", kind: "bolt" },
      ]),
      startSofaServer([{ label: "mortal" }]),
      startSofaClient(),
    ]);
    const [one, two] = [servers.port("one"), servers.port("two")];
    const both = [
      { port: one, version: "v1" },
      { port: two, version: "v2" },
    ];
    const to = { v1: 100 };
    const rest: Record<Kind, Partial<ServiceOptions>> = {
      main: {
        resources: [
          {
            apiVersion: "metaprotocol.aeraki.io/v1alpha1",
            kind: "ApplicationProtocol",
            metadata: { name: "bolt", namespace: "test" },
            spec: { protocol: "bolt", codec: "bolt", upstreamHeartbeat: "1s" },
          },
        ],
      },
      strict: { routes: [{ match: { method: { exact: "hello" } }, to }] },
      empty: { emptySubsets: ["none"], routes: [{ to: { none: 100 } }] },
      refused: { endpoints: [{ port: nobody, version: "v1" }] },
      busy: { trafficPolicy: { connectionPool: { http: { http2MaxRequests: 1 } } } },
      short: { routes: [{ to, timeout: "300ms" }] },
      limited: {
        router: {
          localRateLimit: { tokenBucket: { maxTokens: 1, tokensPerFill: 1, fillInterval: "1h" } },
        },
      },
      mortal: {
        endpoints: [
          { port: one, version: "v1" },
          { port: mortal.port("mortal"), version: "v1" },
        ],
      },
      raw: {
        endpoints: [
          { port: servers.port("raw-1"), version: "v1" },
          { port: servers.port("raw-2"), version: "v2" },
        ],
      },
    };
    KINDS.forEach((kind, index) => {
      const port = ports[index] ?? 0;
      services.set(kind, {
        ...{ protocol: "bolt", host: `${kind}.bolt`, port, endpoints: both },
        ...rest[kind],
      });
    });
    mesh = await Mesh.start([...services.values()]);
  });

  afterAll(async () => {
    await Promise.all([servers, mortal, client].map((peer) => peer.stop()));
    await mesh.stop();
  });

  const serviceOf = (kind: Kind): ServiceOptions => {
    const service = services.get(kind);
    if (service === undefined) throw new Error(`no service ${kind}`);
    return service;
  };
  const portOf = (kind: Kind): number => serviceOf(kind).port;
  const cluster = (kind: Kind, subset = ""): string =>
    `outbound|${String(portOf(kind))}|${subset}|${kind}.bolt`;
  const route = (kind: Kind, ...routes: readonly RouteOptions[]): Promise<void> =>
    mesh.route(serviceOf(kind), ...routes);
  const stat = (name: string): Promise<number> =>
    mesh.envoy.stat(`wasmcustom.metaproto.bolt.${name}`);
  /** Connections that clients have made so far. */
  const connectionsTo = (kind: Kind): Promise<number> =>
    mesh.envoy.stat(`listener.127.0.0.1_${String(portOf(kind))}.downstream_cx_total`);
  const server = async (request: SofaRequest, kind: Kind = "main"): Promise<string> => {
    const isRaw = kind === "raw";
    const target = { port: portOf(kind), ...(isRaw ? { kind: "bolt" as const } : {}) };
    return (await client.call(target, request)).label;
  };

  describe("routes", () => {
    const withUser = (user: string): SofaRequest => ({ ...HELLO, baggage: { user } });

    test.each([
      ["method", { method: { exact: "hello" } }, HELLO, OTHER],
      [
        "method and service",
        { method: { prefix: "he" }, service: { exact: "demo.Greeter:1.0" } },
        HELLO,
        OTHER,
      ],
      [
        "interface",
        { interface: { regex: "demo\\.Greet.*" }, method: { exact: "other" } },
        OTHER,
        HELLO,
      ],
      ["baggage", { "rpc_req_baggage.user": { exact: "gold" } }, withUser("gold"), withUser("tin")],
      ["the kind of call", { type: { exact: "sync" }, method: { regex: "h.*" } }, HELLO, OTHER],
    ])("by %s", async (_, match, matching, other) => {
      await route("main", { match, to: { v1: 100 } }, { to: { v2: 100 } });
      expect(await server(matching)).toBe("one");
      expect(await server(other)).toBe("two");
    });

    test("by weight, many requests at a time on one connection, spread over endpoints", async () => {
      await route("main", { to: { v1: 30, v2: 70 } });
      const target = { port: portOf("main") };
      const before = await connectionsTo("main");
      const burst = await client.burst(target, [HELLO], { count: 3_000, concurrency: 16 });
      expect(burst).toMatchObject({ succeeded: 3_000, failed: 0 });
      assertFollowsWeights(answersByLabel(burst), { one: 30, two: 70 });
      expect(await connectionsTo("main")).toBe(before);
    });

    test("of version 2, by the class of the content", async () => {
      const match = { class: { exact: "demo.Ask" }, codec: { exact: "1" } };
      await route("raw", { match, to: { v2: 100 } }, { to: { v1: 100 } });
      expect(await server(ASK, "raw")).toBe("raw-2");
      await route("raw");
      const target = { port: portOf("raw"), kind: "bolt" } as const;
      const burst = await client.burst(target, [ASK], { count: 500, concurrency: 8 });
      expect(burst).toMatchObject({ succeeded: 500, failed: 0 });
      expect([...answersByLabel(burst).keys()].sort()).toEqual(["raw-1", "raw-2"]);
    });
  });

  test("mutations are seen by the server and by the client, checksums stay right", async () => {
    const requestMutation = { "rpc_req_baggage.zone": "east", "rpc_req_baggage.user": "changed" };
    const responseMutation = { "rpc_resp_baggage.served-by": "mesh" };
    await route("main", { to: { v1: 100 }, requestMutation, responseMutation });
    const target = { port: portOf("main") };
    const baggage = { user: "gold", kept: "yes" };
    const seen = await client.call(target, { method: "baggage", baggage });
    expect(seen.value).toEqual({ zone: "east", user: "changed", kept: "yes" });
    expect(seen.attachments).toMatchObject({ "served-by": "mesh" });
    const hello = await client.call(target, HELLO);
    expect(hello.attachments).toMatchObject({ "served-by": "mesh", label: "one" });
    await route("raw", { to: { v1: 100 }, requestMutation, responseMutation });
    expect(await server(ASK, "raw")).toBe("raw-1");
    expect(await stat("mutation_skipped")).toBe(0);
  });

  test("an exception of the application passes", async () => {
    await route("main", { to: { v1: 100 } });
    const failure = await client.fail({ port: portOf("main") }, { method: "fail", args: ["boom"] });
    expect(failure.className).toBe("java.lang.IllegalStateException");
    expect(failure.message).toBe("boom from one");
  });

  test("one-way calls arrive, and are not waited for", async () => {
    await route("main", { to: { v2: 100 } });
    const args = ["once"];
    for (let i = 0; i < 3; i++)
      await client.call({ port: portOf("main") }, { method: "fire", args });
    await waitUntil("three one-way calls", async () => {
      return (await servers.statistics())["two"]?.fired.length === 3;
    });
    // Where there is no route they are dropped, and the connection goes on.
    await client.call({ port: portOf("strict") }, { method: "fire", args });
    expect(await server(HELLO, "strict")).toBe("one");
  });

  describe("heartbeats", () => {
    test("of idle clients are answered, in both versions, and keep their connections", async () => {
      await Promise.all([server(HELLO), server(ASK, "raw")]);
      const before = await stat("heartbeat_total");
      const connections = [await connectionsTo("main"), await connectionsTo("raw")];
      await waitUntil(
        "heartbeats of the clients",
        async () => (await stat("heartbeat_total")) >= before + 8,
        { timeoutMs: 20_000 },
      );
      await Promise.all([server(HELLO), server(ASK, "raw")]);
      expect([await connectionsTo("main"), await connectionsTo("raw")]).toEqual(connections);
    });

    test.each<[Kind, SofaRequest]>([
      ["main", HELLO],
      ["raw", ASK],
    ])("of the proxy are answered by servers: %s", async (kind, request) => {
      await route(kind, { to: { v1: 100 } });
      await server(request, kind);
      const name = `cluster.${cluster(kind, "v1")}.upstream_cx`;
      const bytes = async (direction: string): Promise<number> =>
        mesh.envoy.stat(`${name}_${direction}_bytes_total`);
      const [sent, received] = [await bytes("tx"), await bytes("rx")];
      await waitUntil(
        "four probes and their answers",
        async () =>
          (await bytes("tx")) >= sent + 4 * PROBE_BYTES && (await bytes("rx")) >= received + 4 * 20,
        { timeoutMs: 20_000 },
      );
      expect(await stat("upstream_cx_probe_timeout")).toBe(0);
      expect(await stat("upstream_decode_error")).toBe(0);
    });
  });

  describe("errors as SOFARPC's own exceptions", () => {
    const fail = (kind: Kind, request: SofaRequest): Promise<PeerFailure> =>
      client.fail({ port: portOf(kind) }, request);

    test("no route", async () => {
      const failure = await fail("strict", OTHER);
      expect(failure.className).toBe(SOFA_EXCEPTION);
      const port = String(portOf("strict"));
      expect(failure.message).toBe(
        `metaproto: no route of strict.bolt_${port} matches this request`,
      );
      expect(await server(HELLO, "strict")).toBe("one");
    });

    test("no healthy endpoint", async () => {
      const failure = await fail("empty", HELLO);
      expect(failure.className).toBe(SOFA_EXCEPTION);
      const name = cluster("empty", "none");
      expect(failure.message).toBe(`metaproto: cluster ${name} has no healthy endpoint`);
    });

    test("connection refused", async () => {
      const failure = await fail("refused", HELLO);
      expect(failure.className).toBe(SOFA_EXCEPTION);
      const name = cluster("refused");
      expect(failure.message).toBe(`metaproto: cannot connect to an endpoint of cluster ${name}`);
    });

    test("the route's timeout, and the connection goes on", async () => {
      const failure = await fail("short", { method: "slow", args: ["1500"] });
      expect(failure.className).toBe("com.alipay.sofa.rpc.core.exception.SofaTimeOutException");
      expect(await server(HELLO, "short")).toBe("one");
      expect(await connectionsTo("short")).toBe(1);
    });

    test("overload", async () => {
      const slow: SofaRequest = { method: "slow", args: ["1500"] };
      const calls = await Promise.all(
        Array.from({ length: 3 }, () =>
          client.call({ port: portOf("busy") }, slow).then(
            () => undefined,
            (error: unknown) => error as PeerFailure,
          ),
        ),
      );
      const failures = calls.filter((failure) => failure !== undefined);
      expect(failures).toHaveLength(2);
      for (const failure of failures) {
        expect(failure.className).toBe(SOFA_EXCEPTION);
        expect(failure.describe()).toContain("InvokeServerBusyException");
      }
      expect(await server(HELLO, "busy")).toMatch(/one|two/);
    });

    test("rate limit", async () => {
      expect(await server(HELLO, "limited")).toMatch(/one|two/);
      const failure = await fail("limited", HELLO);
      expect(failure.className).toBe(SOFA_EXCEPTION);
      expect(failure.describe()).toContain("InvokeServerBusyException");
    });

    test("to clients without SOFARPC there is a status", async () => {
      await route("raw", { match: { class: { exact: "other" } }, to: { v1: 100 } });
      const failure = await client.fail({ port: portOf("raw"), kind: "bolt" }, ASK);
      expect(failure.describe()).toContain("NO_PROCESSOR");
    });
  });

  test("a server that is killed under load costs the requests that are with it, and no more", async () => {
    const target = { port: portOf("mortal"), concurrency: 8 };
    await waitUntil("both answer", async () => {
      const burst = await client.burst(target, [HELLO], { count: 100, concurrency: 8 });
      return answersByLabel(burst).size === 2;
    });
    const traffic = await client.traffic(target, [HELLO]);
    const before = (await mortal.statistics())["mortal"]?.calls["hello"] ?? 0;
    await waitUntil("traffic on it", async () => {
      return ((await mortal.statistics())["mortal"]?.calls["hello"] ?? 0) > before + 50;
    });
    await mortal.stop();
    // Its endpoint stays: some dials are refused, until its connections are known to fail.
    await waitUntil(
      "no more errors",
      async () => {
        const burst = await client.burst(target, [HELLO], { count: 200, concurrency: 8 });
        return burst.failed === 0;
      },
      { timeoutMs: 20_000 },
    );
    const tally = await traffic.stop();
    expect(tally.succeeded).toBeGreaterThan(100);
    for (const error of Object.keys(tally.errors)) {
      expect(error).toMatch(/metaproto: (the connection ended|cannot connect)/);
    }
  });
});
