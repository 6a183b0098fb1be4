// One route with everything that can happen to a request on its way: a fault, a limit, a timeout, retries and mirrors.
// What the official clients see of their interplay, and whether servers, stats and the access log tell the same of it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { missingDubboPeer, startDubboConsumer, startDubboProvider } from "./support/dubbo-peer.js";
import { dubboFrameLength } from "./support/dubbo-wire.js";
import {
  RpcCode,
  expectApplicationException,
  expectRpcException,
} from "./support/expect-failure.js";
import { Mesh } from "./support/mesh.js";
import type { CallResult, PeerServer, TrafficTally } from "./support/peer-client.js";
import type { PeerFailure } from "./support/peer-process.js";
import { freePorts } from "./support/ports.js";
import { parsePrometheus } from "./support/prometheus.js";
import { type ManagedProtocol, type ServiceOptions, yamlOf } from "./support/resources.js";
import { TcpServer } from "./support/tcp-server.js";
import { missingThriftPeer, startThriftClient, startThriftServer } from "./support/thrift-peer.js";
import { ExceptionType, thriftFrameLength } from "./support/thrift-wire.js";

const HEADER = { transport: "header", protocol: "binary" } as const;
const ABORTED = "metaproto: aborted by fault injection";
const LIMITED = "metaproto: local rate limit exceeded";
const TOKENS = 5;
const TIMEOUT_MS = 800;
const PER_TRY_MS = 300;
const FOREVER = "24h";

/** Attachments or headers by which a request asks for what it is to meet. */
type Metadata = Readonly<Record<string, string>>;

/** What a test does with the clients and servers of either protocol. */
interface Peer {
  readonly protocol: ManagedProtocol;
  readonly hello: string;
  /** With the endpoints `a` and `shadow`. */
  readonly server: PeerServer;
  readonly frameLength: typeof dubboFrameLength;
  /** One after the other, so that each try meets a connection that nobody else has ended. */
  hellos(port: number, count: number, metadata?: Metadata): Promise<TrafficTally>;
  /** The server takes so long. */
  call(port: number, ms: number, metadata?: Metadata): Promise<CallResult>;
  fail(port: number, ms: number, metadata?: Metadata): Promise<PeerFailure>;
  expectFailure(failure: PeerFailure, kind: "reset" | "timeout", text: string | RegExp): void;
  stop(): Promise<void>;
}

async function startDubbo(): Promise<Peer> {
  const [server, consumer] = await Promise.all([
    startDubboProvider({ endpoints: [{ label: "a" }, { label: "shadow" }] }),
    startDubboConsumer(),
  ]);
  const slow = (ms: number, attachments: Metadata) => ({ method: "slow", args: [ms], attachments });
  return {
    ...{ protocol: "dubbo", hello: "sayHello", server, frameLength: dubboFrameLength },
    hellos: (port, count, attachments = {}) => {
      const hello = { method: "sayHello", args: ["you"], attachments };
      return consumer.burst({ port }, [hello], { count });
    },
    call: (port, ms, metadata = {}) => consumer.call({ port }, slow(ms, metadata)),
    fail: (port, ms, metadata = {}) => consumer.fail({ port }, slow(ms, metadata)),
    expectFailure: (failure, kind, text) => {
      expectRpcException(failure, kind === "reset" ? RpcCode.Network : RpcCode.Timeout, text);
    },
    stop: async () => {
      await Promise.all([server.stop(), consumer.stop()]);
    },
  };
}

async function startThrift(): Promise<Peer> {
  const [server, client] = await Promise.all([
    startThriftServer("go", [
      { label: "a", ...HEADER },
      { label: "shadow", ...HEADER },
    ]),
    startThriftClient("go"),
  ]);
  const slow = (ms: number, headers: Metadata) =>
    ({ method: "slow", args: [ms], headers }) as const;
  return {
    ...{ protocol: "thrift", hello: "hello", server, frameLength: thriftFrameLength },
    hellos: (port, count, headers = {}) => {
      const hello = { method: "hello", args: ["you"], headers } as const;
      return client.burst({ port, ...HEADER }, [hello], { count });
    },
    call: (port, ms, metadata = {}) => client.call({ port, ...HEADER }, slow(ms, metadata)),
    fail: (port, ms, metadata = {}) => client.fail({ port, ...HEADER }, slow(ms, metadata)),
    expectFailure: (failure, _, text) => {
      expectApplicationException(failure, ExceptionType.InternalError, text);
    },
    stop: async () => {
      await Promise.all([server.stop(), client.stop()]);
    },
  };
}

/** Everything on one route; `ports`: of the listeners, and one that nobody listens on. */
function servicesOf(peer: Peer, brokenPort: number, ports: readonly number[]): ServiceOptions[] {
  const [main = 0, shadow = 0, dead = 0, nobody = 0] = ports;
  const { protocol, server } = peer;
  const service = (name: string, port: number, endpoints: readonly number[]): ServiceOptions => ({
    ...{ protocol, host: `${name}.${protocol}`, port },
    endpoints: endpoints.map((endpoint) => ({ port: endpoint, version: "v1" })),
  });
  const mirrorTo = (name: string, port: number) => ({
    destination: { host: `${name}.${protocol}`, port: { number: port } },
  });
  const bucket = { maxTokens: TOKENS, tokensPerFill: 1, fillInterval: FOREVER };
  const limited = { match: { attributes: { limited: { exact: "yes" } } }, tokenBucket: bucket };
  return [
    service("shadow", shadow, [server.port("shadow")]),
    service("dead", dead, [nobody]),
    {
      ...service("main", main, [server.port("a"), brokenPort]),
      routes: [
        {
          name: "everything",
          to: { v1: 100 },
          timeout: `${String(TIMEOUT_MS)}ms`,
          responseMutation: { served: "%UPSTREAM_HOST% after %UPSTREAM_REQUEST_ATTEMPT_COUNT%" },
          more: {
            fault: {
              delay: { attribute: "fault-delay" },
              // Of a kind that would be tried again if it were not made up.
              abort: { attribute: "fault-abort", kind: "RESET" },
            },
            localRateLimit: { conditions: [limited] },
            retries: {
              attempts: 5,
              perTryTimeout: `${String(PER_TRY_MS)}ms`,
              retryOn: "5xx",
              retryBudget: { minRetryConcurrency: 100 },
            },
            mirrors: [mirrorTo("shadow", shadow), mirrorTo("dead", dead)],
          },
        },
      ],
    },
  ];
}

function protocolYaml({ protocol }: Peer): object {
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "ApplicationProtocol",
    metadata: { name: protocol },
    spec: {
      ...{ protocol, codec: protocol, stats: {} },
      accessLog: {
        text: "LINE %PROTOCOL% %ROUTE_NAME% %RESPONSE_STATUS% %RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %DURATION%",
      },
    },
  };
}

interface Line {
  readonly status: string;
  readonly flags: string;
  readonly tries: number;
  readonly ms: number;
}

interface Broken {
  readonly server: TcpServer;
  /** Requests that it took and hung up on. */
  taken: number;
}

/** Closes each connection at its first request. */
async function startBroken(frameLength: Peer["frameLength"]): Promise<Broken> {
  const broken = { taken: 0 };
  const server = await TcpServer.start(async (connection) => {
    await connection.readFrame(frameLength, 60_000);
    broken.taken++;
    connection.end();
  });
  return Object.assign(broken, { server });
}

const missing = [missingDubboPeer(), missingThriftPeer("go")];

describeWith("on one route", missing, () => {
  const peers = new Map<ManagedProtocol, Peer>();
  const brokenBy = new Map<ManagedProtocol, Broken>();
  const portBy = new Map<ManagedProtocol, number>();
  let mesh: Mesh;

  beforeAll(async () => {
    const services: ServiceOptions[] = [];
    for (const peer of await Promise.all([startDubbo(), startThrift()])) {
      const broken = await startBroken(peer.frameLength);
      const ports = await freePorts(4);
      peers.set(peer.protocol, peer);
      brokenBy.set(peer.protocol, broken);
      portBy.set(peer.protocol, ports[0] ?? 0);
      services.push(...servicesOf(peer, broken.server.port, ports));
    }
    const protocols = yamlOf(...[...peers.values()].map(protocolYaml));
    mesh = await Mesh.start(services, { files: { "protocols.yaml": protocols } });
  });

  afterAll(async () => {
    await Promise.all([...peers.values()].map((peer) => peer.stop()));
    await Promise.all([...brokenBy.values()].map(({ server }) => server.stop()));
    await mesh.stop();
  });

  describe.each(["dubbo", "thrift"] as const)("a %s request", (protocol) => {
    let peer: Peer;
    let port: number;
    /** What the client has asked for so far. */
    let asked = 0;

    beforeAll(() => {
      peer = peers.get(protocol) as Peer;
      port = portBy.get(protocol) ?? 0;
    });

    const stat = (name: string) => mesh.envoy.stat(`wasmcustom.metaproto.${protocol}.${name}`);

    function linesNow(): Line[] {
      const start = `LINE ${protocol} everything `;
      return mesh.envoy.log().flatMap((line) => {
        const at = line.indexOf(start);
        if (at < 0) return [];
        const [status = "", flags = "", tries, ms] = line.slice(at + start.length).split(" ");
        return [{ status, flags, tries: Number(tries), ms: Number(ms) }];
      });
    }

    /** Those of the requests of `send`, as many as it says. */
    async function linesOf(count: number, send: () => Promise<unknown>): Promise<Line[]> {
      const before = linesNow().length;
      await send();
      asked += count;
      return waitUntil(`${String(count)} lines`, () => {
        const lines = linesNow().slice(before);
        return lines.length >= count && lines;
      });
    }

    /** What servers have got since `before`, once they have all of it. */
    interface Arrivals {
      readonly primary: number;
      readonly shadow: number;
    }

    async function arrivals(): Promise<Arrivals> {
      const seen = await peer.server.statistics();
      const sum = (label: string): number =>
        Object.values(seen[label]?.calls ?? {}).reduce((total, count) => total + count, 0);
      return {
        primary: sum("a") + (brokenBy.get(protocol)?.taken ?? 0),
        shadow: sum("shadow"),
      };
    }

    function expectArrivals(before: Arrivals, primary: number, shadow: number): Promise<void> {
      const expected = { primary: before.primary + primary, shadow: before.shadow + shadow };
      return expect.poll(arrivals).toEqual(expected);
    }

    const triesOf = (lines: readonly Line[]): number =>
      lines.reduce((total, { tries }) => total + tries, 0);

    test("that is sent again is mirrored once, and a mirror that is gone harms nobody", async () => {
      const count = 100;
      const before = await arrivals();
      const failed = await stat("mirror_rq_failed");
      const lines = await linesOf(count, async () => {
        const burst = await peer.hellos(port, count);
        expect(burst).toMatchObject({ succeeded: count, failed: 0 });
      });
      expect(lines.every(({ flags, status }) => flags === "-" && status === "ok")).toBe(true);
      expect(triesOf(lines)).toBeGreaterThan(count);
      await expectArrivals(before, triesOf(lines), count);
      await expect.poll(() => stat("mirror_rq_failed")).toBe(failed + count);
      const retries = (): Promise<number> => stat("upstream_rq_retry");
      await expect.poll(retries).toBe(triesOf(lines) - count);
    });

    test("that is aborted is neither sent nor mirrored, and takes no token", async () => {
      const count = 2 * TOKENS;
      const before = await arrivals();
      const [mirrored, retried] = [await stat("mirror_rq_total"), await stat("upstream_rq_retry")];
      const metadata = { "fault-abort": "yes", limited: "yes" };
      const lines = await linesOf(count + 1, async () => {
        const burst = await peer.hellos(port, count, metadata);
        expect(burst.failed).toBe(count);
        expect(Object.keys(burst.errors)).toEqual([expect.stringContaining(ABORTED)]);
        peer.expectFailure(await peer.fail(port, 0, metadata), "reset", ABORTED);
      });
      expect(new Set(lines.map(({ flags, tries }) => `${flags} ${String(tries)}`))).toEqual(
        new Set(["FI 0"]),
      );
      await expect.poll(() => stat("local_reply_fi")).toBe(count + 1);
      await expectArrivals(before, 0, 0);
      expect(await stat("mirror_rq_total")).toBe(mirrored);
      expect(await stat("upstream_rq_retry")).toBe(retried);
      expect(await stat("local_rate_limit_ok")).toBe(0);
    });

    test("beyond its limit is neither sent, nor tried again, nor mirrored", async () => {
      const count = 4 * TOKENS;
      const before = await arrivals();
      const lines = await linesOf(count, async () => {
        const burst = await peer.hellos(port, count, { limited: "yes" });
        expect(burst).toMatchObject({ succeeded: TOKENS, failed: count - TOKENS });
        expect(Object.keys(burst.errors)).toEqual([expect.stringContaining(LIMITED)]);
      });
      const refused = lines.filter(({ flags }) => flags === "RL");
      expect(refused).toHaveLength(count - TOKENS);
      expect(triesOf(refused)).toBe(0);
      await expectArrivals(before, triesOf(lines), TOKENS);
      await expect.poll(() => stat("local_rate_limit_ok")).toBe(TOKENS);
      expect(await stat("local_rate_limit_enforced")).toBe(count - TOKENS);
      expect(await stat("local_reply_rl")).toBe(count - TOKENS);
    });

    test("that is delayed has all of its timeout left, and is mirrored when it is sent", async () => {
      const delayMs = TIMEOUT_MS + 200;
      let served: unknown;
      const before = await arrivals();
      const [line, ...others] = await linesOf(1, async () => {
        const metadata = { "fault-delay": String(delayMs) };
        const { elapsedMs, attachments } = await peer.call(port, 0, metadata);
        expect(elapsedMs).toBeGreaterThanOrEqual(delayMs);
        served = attachments["served"];
      });
      expect(others).toEqual([]);
      expect(line).toMatchObject({ status: "ok", flags: "-" });
      const endpoint = `127.0.0.1:${String(peer.server.port("a"))}`;
      expect(served).toBe(`${endpoint} after ${String(line?.tries)}`);
      expect(line?.ms).toBeGreaterThanOrEqual(delayMs);
      await expectArrivals(before, line?.tries ?? 0, 1);
    });

    test("that is slow is tried as often as its timeout lets it be, delayed or not", async () => {
      for (const delayMs of [0, 400]) {
        const before = await arrivals();
        const perTry = await stat("upstream_rq_per_try_timeout");
        const started = performance.now();
        const [line] = await linesOf(1, async () => {
          const failure = await peer.fail(port, 2 * TIMEOUT_MS, { "fault-delay": String(delayMs) });
          peer.expectFailure(failure, "timeout", /no response within \d+ ms/);
        });
        expect(performance.now() - started).toBeGreaterThanOrEqual(delayMs + TIMEOUT_MS);
        expect(line).toMatchObject({ status: "error", flags: "UT" });
        expect(line?.ms).toBeGreaterThanOrEqual(delayMs + TIMEOUT_MS);
        // The first two took PER_TRY_MS each, so that the last one was cut short; some were hung up on at once.
        expect(line?.tries).toBeGreaterThanOrEqual(2);
        expect(line?.tries).toBeLessThanOrEqual(1 + 5);
        await expectArrivals(before, line?.tries ?? 0, 1);
        const timeouts = (): Promise<number> => stat("upstream_rq_per_try_timeout");
        await expect.poll(timeouts).toBeGreaterThan(perTry);
      }
    });

    test("is told of once, by stats and log alike", async () => {
      const lines = linesNow();
      expect(lines).toHaveLength(asked);
      const flags: Record<string, number> = {};
      for (const { flags: flag } of lines) flags[flag] = (flags[flag] ?? 0) + 1;
      expect(Object.keys(flags).sort()).toEqual(["-", "FI", "RL", "UT"]);
      const told = await waitUntil("all stats told", async () => {
        const samples = parsePrometheus(await mesh.envoy.admin("/stats/prometheus"));
        const own = samples.filter(
          ({ labels }) => labels["protocol"] === protocol && labels["route"] === "everything",
        );
        const byFlag: Record<string, number> = {};
        for (const { name, labels, value } of own) {
          const flag = labels["response_flag"] ?? "";
          if (name === "metaproto_responses_total") byFlag[flag] = (byFlag[flag] ?? 0) + value;
        }
        const requests = own.filter(({ name }) => name === "metaproto_requests_total");
        const total = requests.reduce((sum, { value }) => sum + value, 0);
        return (
          total === asked && Object.values(byFlag).reduce((a, b) => a + b, 0) === asked && byFlag
        );
      });
      expect(told).toEqual(flags);
      for (const [flag, name] of [
        ["FI", "local_reply_fi"],
        ["RL", "local_reply_rl"],
        ["UT", "local_reply_ut"],
      ] as const) {
        expect(await stat(name), name).toBe(flags[flag]);
      }
      expect(await stat("downstream_rq_total")).toBe(asked);
      const sent = lines.filter(({ tries }) => tries > 0);
      // Of a request that timed out the last retry may have been decided, and its time over before it was sent.
      const retries = await stat("upstream_rq_retry");
      expect(retries).toBeGreaterThanOrEqual(triesOf(sent) - sent.length);
      expect(retries).toBeLessThanOrEqual(triesOf(sent) - sent.length + (flags["UT"] ?? 0));
      expect(await stat("mirror_rq_total")).toBe(2 * sent.length);
      expect(await stat("access_log_written")).toBe(asked);
      expect(await stat("downstream_rq_active")).toBe(0);
      expect(await stat("fault_delays_injected")).toBe(2);
      expect(await stat("fault_delays_active")).toBe(0);
    });
  });
});
