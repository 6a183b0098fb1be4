// Faults on purpose: which requests meet them, how long and how often, and what their clients get.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  FaultAbort_Kind as Kind,
  FaultSchema,
} from "../../controlplane/gen/metaproto/filters/v1/fault_pb.js";
import { assertFollowsWeights } from "../envoy/support/statistics.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { LineClient, LineMesh, LineServer } from "../switchboard/line-fixture.js";
import { pluginConfiguration, type FilterOptions, type MeshOptions } from "../switchboard/mesh.js";
import { Service, ThriftMesh } from "../switchboard/thrift-fixture.js";
import { filterOptions } from "./filter-options.js";

type FaultInit = MessageInitShape<typeof FaultSchema>;

const MILLION = 1_000_000;
const ABORTED = "ERR metaproto: aborted by fault injection";

function fault(init: FaultInit): FilterOptions {
  return filterOptions(FaultSchema, init);
}

function ofMs(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 };
}

function fixedDelay(ms: number, perMillion = MILLION) {
  return { duration: { case: "fixed" as const, value: ofMs(ms) }, perMillion };
}

function delayByKey(maxMs?: number) {
  const duration = { case: "attribute" as const, value: "Key" };
  return { duration, perMillion: MILLION, ...(maxMs !== undefined && { max: ofMs(maxMs) }) };
}

function exact(name: string, value: string) {
  return { name, specifier: { case: "exact" as const, value } };
}

interface Setup {
  readonly server: LineServer;
  readonly mesh: LineMesh;
}

function setUp(init: FaultInit, options: Partial<MeshOptions> = {}): Setup {
  const server = new LineServer("v1");
  const mesh = new LineMesh({ clusters: { v1: [server] }, filters: [fault(init)], ...options });
  // Opens the connection to the server, so that nothing but a fault takes time.
  ask(mesh, "WARM");
  mesh.host.advance(200);
  server.requests.length = 0;
  return { server, mesh };
}

function ask(mesh: LineMesh, ...lines: readonly string[]): LineClient {
  const client = mesh.connect();
  client.send(...lines);
  mesh.run();
  return client;
}

/** How many ms after `ask` the answers of `lines` are there, to 10 ms; those that take longer are missing. */
function answerTimes(mesh: LineMesh, lines: readonly string[], withinMs: number): number[] {
  const clients = lines.map((line) => ask(mesh, line));
  const times = clients.map(() => Infinity);
  for (let ms = 0; ms <= withinMs; ms += 10) {
    clients.forEach(({ answers }, index) => {
      if (answers.length > 0) times[index] = Math.min(times[index] ?? Infinity, ms);
    });
    mesh.host.advance(10);
  }
  return times;
}

describe("a delay", () => {
  it("holds the request for its time, to a tick, and lets it go on unchanged", () => {
    const { mesh, server } = setUp({ match: [exact("verb", "GET")], delay: fixedDelay(70) });
    const [slow, quick] = answerTimes(mesh, ["GET a", "PUT b"], 200);
    expect(slow).toBeGreaterThanOrEqual(70);
    expect(slow).toBeLessThanOrEqual(90);
    expect(quick).toBe(0);
    expect(server.texts).toEqual(["PUT b", "GET a"]);
    expect(mesh.stat("fault_delays_injected")).toBe(1);
    expect(mesh.stat("fault_delays_active")).toBe(0);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("lasts as long as the attribute says, in milliseconds, up to the maximum", () => {
    const { mesh } = setUp({ delay: delayByKey(150) });
    const lines = ["GET 40", "GET 100", "GET 151", "GET 99999999999999999999", "GET 0040"];
    const times = answerTimes(mesh, lines, 400);
    [40, 100, 150, 150, 40].forEach((ms, index) => {
      expect(times[index], lines[index]).toBeGreaterThanOrEqual(ms);
      expect(times[index], lines[index]).toBeLessThanOrEqual(ms + 20);
    });
  });

  it("is at most a minute unless the configuration says otherwise", () => {
    const { mesh } = setUp({ delay: delayByKey() });
    const client = ask(mesh, "GET 3600000");
    mesh.host.advance(59_990);
    expect(client.answers).toEqual([]);
    mesh.host.advance(40);
    expect(client.answers).toHaveLength(1);
  });

  it.each(["GET", "GET 0", "GET -5", "GET 5ms", "GET 0x10", "GET 1e3", "GET \u0661"])(
    "is not for a request whose attribute is no number: %j",
    (line) => {
      const { mesh } = setUp({ delay: delayByKey() });
      expect(ask(mesh, line).answers).toHaveLength(1);
      expect(mesh.stat("fault_delays_injected")).toBe(0);
    },
  );

  it("is rounded up to a millisecond", () => {
    const value = { seconds: 0n, nanos: 1 };
    const delay = { duration: { case: "fixed" as const, value }, perMillion: MILLION };
    const { mesh } = setUp({ delay });
    expect(ask(mesh, "GET a").answers).toEqual([]);
    mesh.host.advance(20);
    expect(mesh.stat("fault_delays_injected")).toBe(2);
  });

  it("is for so many requests at a time; others pass, and meet the abort all the same", () => {
    const { mesh, server } = setUp({
      match: [exact("verb", "GET")],
      delay: fixedDelay(100),
      abort: { kind: Kind.INTERNAL, perMillion: MILLION },
      maxActiveDelays: 3,
    });
    const clients = Array.from({ length: 5 }, () => ask(mesh, "GET a"));
    expect(clients.map(({ answers }) => answers.length)).toEqual([0, 0, 0, 1, 1]);
    mesh.host.advance(120);
    expect(clients.map(({ answers }) => answers)).toEqual(Array(5).fill([ABORTED]));
    expect(server.texts).toEqual([]);
    expect(ask(mesh, "GET b").answers).toEqual([]);
    expect(mesh.stat("fault_delays_injected")).toBe(4);
    expect(mesh.stat("fault_delays_overflow")).toBe(2);
    expect(mesh.stat("fault_aborts_injected")).toBe(6);
  });

  it("of 4096 requests at a time unless the configuration says otherwise", () => {
    const { mesh } = setUp(
      { match: [exact("verb", "GET")], delay: fixedDelay(1000) },
      { plugin: { limits: { maxRequestsPerDownstreamConnection: 5000 } } },
    );
    ask(mesh, ...Array.from({ length: 4100 }, () => "GET a"));
    expect(mesh.stat("fault_delays_overflow")).toBe(4);
    expect(mesh.stat("fault_delays_injected")).toBe(4096);
  });

  it("ends with the client, and leaves nothing behind", () => {
    const { mesh, server } = setUp({ match: [exact("verb", "GET")], delay: fixedDelay(5000) });
    const kept = mesh.stat("buffered_bytes");
    const clients = Array.from({ length: 50 }, () => ask(mesh, `GET ${"x".repeat(1000)}`));
    expect(mesh.stat("fault_delays_active")).toBe(50);
    expect(mesh.stat("buffered_bytes")).toBeGreaterThan(kept + 50_000);
    for (const client of clients) client.socket.close();
    mesh.run();
    expect(mesh.stat("fault_delays_active")).toBe(0);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(mesh.stat("buffered_bytes")).toBe(kept);
    mesh.host.advance(6000);
    expect(server.texts).toEqual([]);
  });

  it("keeps the order of answers where the protocol has one", () => {
    const { mesh } = setUp({ match: [exact("verb", "GET")], delay: fixedDelay(50) });
    const client = ask(mesh, "PUT a", "GET b", "PUT c", "GET d");
    expect(client.answers).toEqual(["v1: PUT a"]);
    mesh.host.advance(100);
    expect(client.answers).toEqual(["v1: PUT a", "v1: GET b", "v1: PUT c", "v1: GET d"]);
  });
});

describe("an abort", () => {
  it("answers instead of the server", () => {
    const { mesh, server } = setUp({
      match: [exact("verb", "GET"), exact("key", "a")],
      abort: { kind: Kind.UNAVAILABLE, perMillion: MILLION },
    });
    expect(ask(mesh, "GET a", "GET b", "PUT a").answers).toEqual([
      ABORTED,
      "v1: GET b",
      "v1: PUT a",
    ]);
    expect(server.texts).toEqual(["GET b", "PUT a"]);
    expect(mesh.stat("fault_aborts_injected")).toBe(1);
    expect(mesh.stat("local_reply_fi")).toBe(1);
    expect(mesh.stat("local_reply_uh")).toBe(0);
  });

  it("comes after the delay, which has its own percentage", () => {
    const abort = { kind: Kind.INTERNAL, perMillion: MILLION };
    const match = [exact("verb", "GET")];
    const { mesh } = setUp({ match, delay: fixedDelay(60), abort });
    const [ms] = answerTimes(mesh, ["GET a"], 200);
    expect(ms).toBeGreaterThanOrEqual(60);
    const never = setUp({ match, delay: fixedDelay(60, 0), abort });
    expect(ask(never.mesh, "GET a").answers).toEqual([ABORTED]);
  });

  it("is for requests that have the attribute, if there is one", () => {
    const { mesh } = setUp({
      abort: { kind: Kind.TIMEOUT, perMillion: MILLION, attribute: "KEY" },
    });
    expect(ask(mesh, "GET x", "GET", "GET 7").answers).toEqual([ABORTED, "v1: GET", ABORTED]);
  });

  it("does not touch what does not match", () => {
    const { mesh } = setUp({
      match: [{ name: "key", specifier: { case: "prefix", value: "a" }, invert: true }],
      abort: { kind: Kind.INTERNAL, perMillion: MILLION },
    });
    expect(ask(mesh, "GET abc", "GET bcd", "GET").answers).toEqual([
      "v1: GET abc",
      ABORTED,
      ABORTED,
    ]);
  });
});

describe("an error of the protocol's own", () => {
  function answered(init: FaultInit, attachments: Record<string, string> = {}) {
    const mesh = new DubboMesh({ clusters: { v1: [new Provider("v1")] }, filters: [fault(init)] });
    const client = mesh.connect();
    client.request({ id: 7n, method: "m", attachments });
    mesh.run();
    const { status, body } = client.response(7n);
    return { status, text: body.toString("latin1") };
  }

  it.each([
    [Kind.NO_ROUTE, 20, "RpcException"],
    [Kind.UNAVAILABLE, 20, "RpcException"],
    [Kind.OVERLOADED, 20, "RpcException"],
    [Kind.PERMISSION_DENIED, 20, "RpcException"],
    [Kind.TIMEOUT, 31, ""],
    [Kind.RESET, 35, ""],
    [Kind.INTERNAL, 80, ""],
  ])("Dubbo, kind %i: status %i", (kind, status, exception) => {
    const answer = answered({ abort: { kind, perMillion: MILLION } });
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(exception);
    expect(answer.text).toContain("metaproto: aborted by fault injection");
  });

  it.each([
    ["the configured code", { code: 100 }, {}, 100],
    ["an attribute's number", { code: 100, attribute: "X-Fault" }, { "x-fault": "40" }, 40],
    ["no number", { code: 100, attribute: "x-fault" }, { "x-fault": "yes" }, 100],
    [
      "a number beyond 32 bits",
      { code: 100, attribute: "x-fault" },
      { "x-fault": "4294967296" },
      100,
    ],
    ["a number that is no status", { code: 100, attribute: "x-fault" }, { "x-fault": "256" }, 80],
    ["no code at all", {}, {}, 80],
  ])("Dubbo, %s", (_, abort, attachments, status) => {
    const init = { abort: { kind: Kind.CODE, perMillion: MILLION, ...abort } };
    expect(answered(init, attachments).status).toBe(status);
  });

  it.each([
    [
      "Thrift, a kind",
      { kind: Kind.NO_ROUTE },
      "exception 1: metaproto: aborted by fault injection",
    ],
    ["Thrift, a code", { code: 9 }, "exception 9: metaproto: aborted by fault injection"],
  ])("%s", (_, abort, answer) => {
    const init = { abort: { perMillion: MILLION, ...abort } };
    const mesh = new ThriftMesh({ clusters: { v1: [new Service("v1")] }, filters: [fault(init)] });
    const client = mesh.connect();
    client.call("hello");
    mesh.run();
    expect(client.answers).toEqual([answer]);
  });
});

describe("one-way requests", () => {
  const oneway = { id: 1n, method: "m", isTwoWay: false };

  it("are delayed, and go on though the client has gone", () => {
    const provider = new Provider("v1");
    const filters = [fault({ delay: fixedDelay(100) })];
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, filters });
    const client = mesh.connect();
    client.request(oneway);
    mesh.run();
    client.socket.close();
    mesh.host.advance(80);
    expect(provider.requests).toHaveLength(0);
    mesh.host.advance(100);
    expect(provider.requests).toHaveLength(1);
    expect(mesh.stat("fault_delays_active")).toBe(0);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("are dropped when they are aborted, and counted", () => {
    const provider = new Provider("v1");
    const filters = [fault({ abort: { kind: Kind.INTERNAL, perMillion: MILLION } })];
    const mesh = new DubboMesh({ clusters: { v1: [provider] }, filters });
    const client = mesh.connect();
    client.request(oneway);
    mesh.run();
    expect(provider.requests).toHaveLength(0);
    expect(client.responses.size).toBe(0);
    expect(mesh.stat("local_reply_fi")).toBe(1);
    expect(mesh.stat("fault_aborts_injected")).toBe(1);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("that are delayed are let go when their plugin context goes", () => {
    const provider = new Provider("v1");
    const clusters = { v1: [provider] };
    const mesh = new DubboMesh({ clusters, filters: [fault({ delay: fixedDelay(60_000) })] });
    const client = mesh.connect();
    client.request(oneway);
    mesh.run();
    expect(mesh.stat("fault_delays_active")).toBe(1);
    mesh.host.reconfigure(pluginConfiguration({ clusters }));
    mesh.connect();
    client.socket.close();
    mesh.host.advance(1000);
    expect(mesh.stat("fault_delays_active")).toBe(0);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(mesh.host.warnings).toEqual([]);
  });
});

describe("percentages", () => {
  const COUNT = 40_000;

  /** Requests that were delayed and aborted, by what happened to each. */
  function outcomes(delayPerMillion: number, abortPerMillion: number): Map<string, number> {
    const { mesh } = setUp({
      delay: fixedDelay(10, delayPerMillion),
      abort: { kind: Kind.INTERNAL, perMillion: abortPerMillion },
    });
    const counts = new Map<string, number>();
    const add = (outcome: string, by: number): void => {
      counts.set(outcome, (counts.get(outcome) ?? 0) + by);
    };
    for (let round = 0; round < COUNT / 500; round++) {
      const early = Array.from({ length: 500 }, () => mesh.connect());
      for (const client of early) client.send("GET a");
      mesh.run();
      const late = early.filter(({ answers }) => answers.length === 0);
      mesh.host.advance(30);
      for (const client of early) {
        const isLate = late.includes(client);
        const isAborted = client.answers[0] === ABORTED;
        add(`${isLate ? "late" : "soon"}, ${isAborted ? "aborted" : "answered"}`, 1);
        client.socket.close();
      }
    }
    return counts;
  }

  it("hold in the long run, for delay and abort independently", () => {
    const counts = outcomes(200_000, 50_000);
    assertFollowsWeights(counts, {
      "late, aborted": 20 * 5,
      "late, answered": 20 * 95,
      "soon, aborted": 80 * 5,
      "soon, answered": 80 * 95,
    });
  });

  it("of a few in a million are met too", () => {
    const { mesh } = setUp({ abort: { kind: Kind.INTERNAL, perMillion: 1000 } });
    const client = mesh.connect();
    for (let round = 0; round < 400; round++) {
      client.send(...Array.from({ length: 500 }, () => "GET a"));
      mesh.run();
    }
    const aborted = client.answers.filter((answer) => answer === ABORTED).length;
    assertFollowsWeights(
      new Map([
        ["aborted", aborted],
        ["passed", client.answers.length - aborted],
      ]),
      { aborted: 1, passed: 999 },
    );
    expect(client.answers).toHaveLength(200_000);
  });
});

describe("several workers", () => {
  it("draw apart, bound their delays apart, and count together", () => {
    const server = new LineServer("v1");
    const mesh = new LineMesh({
      clusters: { v1: [server] },
      filters: [fault({ delay: fixedDelay(500), maxActiveDelays: 2 })],
      host: { workers: 3 },
    });
    for (let worker = 0; worker < 3; worker++) {
      for (let i = 0; i < 3; i++) {
        const client = new LineClient(mesh.connectSocket(undefined, worker));
        client.send("GET a");
      }
    }
    mesh.run();
    mesh.host.advance(100);
    expect(server.texts).toHaveLength(3);
    expect(mesh.stat("fault_delays_injected")).toBe(6);
    expect(mesh.stat("fault_delays_overflow")).toBe(3);
    expect(server.texts).toHaveLength(9);
  });
});

describe("a configuration", () => {
  const delay = fixedDelay(1);

  function expectRefused(filter: FilterOptions, text: string): void {
    const clusters = { v1: [new LineServer("v1")] };
    const mesh = new LineMesh({ clusters });
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration({ clusters, filters: [filter] }));
    }).toThrow("rejects the plugin");
    expect(mesh.host.logs.map(({ message }) => message).join("\n")).toContain(text);
  }

  it.each<[string, FaultInit, string]>([
    ["nothing", {}, "filters[0]: needs delay or abort"],
    [
      "a delay without a duration",
      { delay: { perMillion: 1 } },
      "filters[0].delay: needs fixed or attribute",
    ],
    [
      "an empty attribute",
      { delay: { duration: { case: "attribute", value: "" } } },
      "filters[0].delay: needs fixed or attribute",
    ],
    [
      "a delay of nothing",
      { delay: { duration: { case: "fixed", value: ofMs(0) } } },
      "filters[0].delay.fixed: must be above 0s, at most 2147483.647s",
    ],
    [
      "a negative delay",
      { delay: { duration: { case: "fixed", value: { seconds: -1n } } } },
      "filters[0].delay.fixed: must be above 0s",
    ],
    [
      "a delay of a month",
      { delay: fixedDelay(31 * 86_400_000) },
      "filters[0].delay.fixed: must be above 0s",
    ],
    [
      "a maximum of nothing",
      { delay: { ...delay, max: ofMs(0) } },
      "filters[0].delay.max: must be",
    ],
    [
      "more than all requests",
      { delay: { ...delay, perMillion: MILLION + 1 } },
      "filters[0].delay.perMillion: more than a million",
    ],
    [
      "more than all requests",
      { abort: { perMillion: 4_294_967_295 } },
      "filters[0].abort.perMillion: more than a million",
    ],
    ["a match without a name", { match: [{}], delay }, "filters[0].match[0].name: missing"],
  ])("that asks for %s is refused", (_, init, text) => {
    expectRefused(fault(init), text);
  });

  it("that asks for an unknown kind is refused", () => {
    // abort { kind: 8 }
    const config = Buffer.from([0x1a, 2, 0x08, 8]).toString("base64");
    expectRefused({ name: "metaproto.filters.fault", config }, "filters[0].abort.kind: unknown");
  });

  it("is refused wherever it is cut off, or has a field that cannot be read", () => {
    const whole = Buffer.from(
      fault({
        match: [exact("verb", "GET")],
        delay,
        abort: { code: 300, perMillion: 5, attribute: "x" },
        maxActiveDelays: 300,
      }).config ?? "",
      "base64",
    );
    const clusters = { v1: [new LineServer("v1")] };
    for (let length = 0; length < whole.length; length++) {
      const config = whole.subarray(0, length).toString("base64");
      const filters = [{ name: "metaproto.filters.fault", config }];
      // Whatever it is taken for, it is taken or refused: no trap.
      const mesh = new LineMesh({ clusters });
      try {
        mesh.host.reconfigure(pluginConfiguration({ clusters, filters }));
      } catch (error) {
        expect(String(error)).toContain("rejects the plugin");
      }
    }
  });

  it("of a route holds for that route, and can be switched off there", () => {
    const destinations = [{ cluster: "v1" }];
    const abort = fault({ abort: { kind: Kind.INTERNAL, perMillion: MILLION } });
    const mesh = new LineMesh({
      clusters: { v1: [new LineServer("v1")] },
      filters: [abort],
      routes: [
        {
          match: [{ name: "verb", exact: "GET" }],
          destinations,
          filters: [{ name: abort.name, disabled: true }],
        },
        { destinations },
      ],
    });
    expect(ask(mesh, "GET a", "PUT a").answers).toEqual(["v1: GET a", ABORTED]);
  });
});

it("costs no host call", () => {
  const { mesh } = setUp({
    match: [exact("verb", "GET")],
    delay: fixedDelay(10, 1),
    abort: { kind: Kind.INTERNAL, perMillion: 1 },
  });
  const client = mesh.connect();
  const { stats } = mesh.host.vm;
  const callsOf = (line: string): Readonly<Record<string, number>> => {
    client.send(line);
    mesh.run();
    stats.reset();
    client.send(line);
    mesh.run();
    return { ...stats.hostCalls };
  };
  const other = callsOf("PUT a");
  expect(callsOf("GET a")).toEqual(other);
});
