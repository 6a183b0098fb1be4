// The global rate limit, by the example module and a scripted service: what the service is asked, what
// becomes of the request meanwhile, and what if it cannot be asked.
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { GlobalRateLimitSchema } from "../../controlplane/gen/metaproto/filters/v1/global_rate_limit_pb.js";
import {
  RateLimitRequestSchema,
  RateLimitResponse_Code as Code,
  RateLimitResponseSchema,
} from "../gen/envoy/service/ratelimit/v3/rls_pb.js";
import { GrpcServer, type GrpcServerStream } from "../host/index.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { LineMesh, LineServer, type LineClient } from "../switchboard/line-fixture.js";
import {
  pluginConfiguration,
  routeConfiguration,
  type FilterOptions,
  type Mesh,
  type MeshOptions,
} from "../switchboard/mesh.js";
import { RouteControl } from "../switchboard/route-control.js";
import { filterOptions } from "./filter-options.js";

type LimitInit = Exclude<MessageInitShape<typeof GlobalRateLimitSchema>, { $typeName: string }>;

const LIMITED = "ERR metaproto: global rate limit exceeded: shop";
const FAILED = "ERR metaproto: the rate limit service did not answer, cluster rls";
const NAME = "demo_20880";
const TIMEOUT_MS = 50;
const GRACE_MS = 1000;

function attribute(name: string, key = name) {
  return { key, source: { case: "attribute" as const, value: name } };
}

function fixed(key: string, value: string) {
  return { key, source: { case: "value" as const, value } };
}

const CLIENT = { key: "client", source: { case: "sourceAddress" as const, value: true } };

function limit(init: LimitInit = {}): FilterOptions {
  return filterOptions(GlobalRateLimitSchema, {
    domain: "shop",
    cluster: "rls",
    timeout: { nanos: TIMEOUT_MS * 1e6 },
    descriptors: [{ entries: [attribute("verb")] }],
    ...init,
  });
}

interface Asked {
  readonly stream: GrpcServerStream;
  readonly domain: string;
  /** `key=value` of each entry, by descriptor. */
  readonly descriptors: readonly (readonly string[])[];
  answer(code: Code): void;
}

/** A service whose answers a test decides about. */
class ScriptedService {
  readonly asked: Asked[] = [];
  /** Null: the test answers later. */
  decide: ((asked: Asked) => Code) | null = () => Code.OK;
  readonly grpc = new GrpcServer({
    onMessage: (stream, message) => {
      this.#receive(stream, message);
    },
  });

  #receive(stream: GrpcServerStream, message: Uint8Array): void {
    const request = fromBinary(RateLimitRequestSchema, message);
    expect(request.hitsAddend).toBe(0);
    const asked: Asked = {
      stream,
      domain: request.domain,
      descriptors: request.descriptors.map(({ entries }) =>
        entries.map(({ key, value }) => `${key}=${value}`),
      ),
      answer: (overallCode) => {
        const response = create(RateLimitResponseSchema, { overallCode });
        stream.send(toBinary(RateLimitResponseSchema, response));
        stream.close(0);
      },
    };
    this.asked.push(asked);
    if (this.decide !== null) asked.answer(this.decide(asked));
  }
}

interface Setup {
  readonly mesh: LineMesh;
  readonly server: LineServer;
  readonly service: ScriptedService;
}

function setUp(filters: readonly FilterOptions[], options: Partial<MeshOptions> = {}): Setup {
  const service = new ScriptedService();
  const server = new LineServer("v1");
  const mesh = new LineMesh({
    clusters: { v1: [server] },
    filters,
    ...options,
    host: { clusters: { rls: { grpc: service.grpc } }, ...options.host },
  });
  return { mesh, server, service };
}

function ask(mesh: LineMesh, ...lines: readonly string[]): LineClient {
  const client = mesh.connect();
  client.send(...lines);
  mesh.run();
  return client;
}

function counts(mesh: Mesh): Record<string, number> {
  const names = ["ok", "over_limit", "error", "failure_mode_allowed", "overflow"];
  const pairs = names.map((name) => [name, mesh.stat(`rate_limit_${name}`)] as const);
  return Object.fromEntries(pairs.filter(([, count]) => count > 0));
}

describe("a request", () => {
  it("passes if the service lets it, and is told if not", () => {
    const { mesh, server, service } = setUp([limit()]);
    service.decide = ({ descriptors }) =>
      descriptors[0]?.[0] === "verb=PUT" ? Code.OVER_LIMIT : Code.OK;
    const client = ask(mesh, "GET a", "PUT b", "GET c");
    expect(client.answers).toEqual(["v1: GET a", LIMITED, "v1: GET c"]);
    expect(server.texts).toEqual(["GET a", "GET c"]);
    expect(service.grpc.streams[0]?.target).toMatchObject({
      cluster: "rls",
      service: "envoy.service.ratelimit.v3.RateLimitService",
      method: "ShouldRateLimit",
    });
    expect(counts(mesh)).toEqual({ ok: 2, over_limit: 1 });
    expect(mesh.stat("local_reply_rl")).toBe(1);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("passes where the service has no limit for it", () => {
    const { mesh, service } = setUp([limit()]);
    service.decide = () => Code.UNKNOWN;
    expect(ask(mesh, "GET a").answers).toEqual(["v1: GET a"]);
  });

  it("waits for the answer, and others do not wait for it", () => {
    const { mesh, server, service } = setUp([limit()]);
    service.decide = null;
    const waiting = ask(mesh, "GET a", "GET b");
    const other = ask(mesh, "GET c");
    expect(service.asked).toHaveLength(3);
    expect(server.texts).toEqual([]);
    service.asked[2]?.answer(Code.OK);
    service.asked[1]?.answer(Code.OK);
    mesh.run();
    expect(other.answers).toEqual(["v1: GET c"]);
    expect(waiting.answers).toEqual([]);
    service.asked[0]?.answer(Code.OVER_LIMIT);
    mesh.run();
    expect(waiting.answers).toEqual([LIMITED, "v1: GET b"]);
  });

  it("that nobody waits for any more is not asked about any longer", () => {
    const { mesh, server, service } = setUp([limit()]);
    service.decide = null;
    ask(mesh, "GET a");
    service.asked[0]?.answer(Code.OK);
    mesh.run();
    const idle = mesh.stat("buffered_bytes");
    const client = ask(mesh, "GET b", "GET c");
    client.socket.close();
    mesh.run();
    expect(service.asked.slice(1).map(({ stream }) => stream.cancelled)).toEqual([true, true]);
    expect(server.texts).toEqual(["GET a"]);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(mesh.stat("buffered_bytes")).toBe(idle);
    mesh.host.advance(5_000);
    expect(counts(mesh)).toEqual({ ok: 1 });
    expect(mesh.host.warnings).toEqual([]);
  });

  it("that is one-way is dropped and counted", () => {
    const service = new ScriptedService();
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      filters: [limit({ descriptors: [{ entries: [attribute("method")] }] })],
      host: { clusters: { rls: { grpc: service.grpc } } },
    });
    service.decide = () => (service.asked.length > 2 ? Code.OVER_LIMIT : Code.OK);
    const client = mesh.connect();
    for (let id = 1n; id <= 5n; id++) client.request({ id, method: "m", isTwoWay: false });
    mesh.run();
    expect(service.asked.map(({ descriptors }) => descriptors)).toEqual(
      Array.from({ length: 5 }, () => [["method=m"]]),
    );
    expect(provider.requests).toHaveLength(2);
    expect(client.responses.size).toBe(0);
    expect(counts(mesh)).toEqual({ ok: 2, over_limit: 3 });
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it("of a configuration that was replaced meanwhile is answered by that one", () => {
    const control = new RouteControl();
    const { mesh, server, service } = setUp([], {
      plugin: { routeConfigurations: [], discoveryCluster: "control" },
      host: {},
    });
    mesh.host.upstreams.set("control", { grpc: control.grpc });
    mesh.host.upstreams.set("rls", { grpc: service.grpc });
    const publish = (...filters: readonly FilterOptions[]): void => {
      control.publish([routeConfiguration({ clusters: { v1: [server] }, filters }, NAME)]);
      mesh.run();
    };
    const client = mesh.connect(NAME);
    publish(limit({ denyOnFail: true }));
    service.decide = null;
    client.send("GET a", "GET b", "GET c");
    mesh.run();
    publish(limit({ domain: "other" }));
    publish();
    mesh.host.advance(30);
    service.asked[0]?.answer(Code.OK);
    service.asked[1]?.answer(Code.OVER_LIMIT);
    service.asked[2]?.stream.close(13);
    mesh.run();
    expect(client.answers).toEqual(["v1: GET a", LIMITED, FAILED]);
    client.send("GET d");
    mesh.run();
    expect(client.answers.at(-1)).toBe("v1: GET d");
    expect(service.asked).toHaveLength(3);
  });
});

describe("the service is asked about", () => {
  function asked(init: LimitInit, ...lines: readonly (string | Buffer)[]): Asked[] {
    const { mesh, service } = setUp([limit(init)]);
    const client = mesh.connect();
    for (const line of lines) client.socket.send(Buffer.concat([Buffer.from(line), LINE_END]));
    mesh.run();
    expect(client.answers).toHaveLength(lines.length);
    return service.asked;
  }
  const LINE_END = Buffer.from("\n");

  it("descriptors of several entries, from attributes, fixed values and the client's address", () => {
    const descriptors = [
      { entries: [attribute("Verb", "method"), fixed("tier", "gold")] },
      { entries: [CLIENT] },
      { entries: [fixed("all", "yes"), attribute("key"), CLIENT] },
    ];
    const [first] = asked({ domain: "dom", descriptors }, "GET a");
    expect(first?.domain).toBe("dom");
    expect(first?.descriptors).toEqual([
      ["method=GET", "tier=gold"],
      ["client=127.0.0.1"],
      ["all=yes", "key=a", "client=127.0.0.1"],
    ]);
  });

  it("no descriptor of which an attribute is absent; without any it is not asked", () => {
    const keyed = [{ entries: [attribute("verb"), attribute("key")] }];
    expect(asked({ descriptors: keyed }, "GET", "GET a").map((it) => it.descriptors)).toEqual([
      [["verb=GET", "key=a"]],
    ]);
    const both = [{ entries: [attribute("key")] }, { entries: [attribute("verb")] }, ...keyed];
    expect(asked({ descriptors: both }, "GET").map((it) => it.descriptors)).toEqual([
      [["verb=GET"]],
    ]);
  });

  it("requests that match only", () => {
    const match = ["GET", "a"].map((value, i) => ({
      name: i === 0 ? "verb" : "key",
      specifier: { case: "exact" as const, value },
    }));
    expect(asked({ match }, "GET a", "PUT a", "GET b")).toHaveLength(1);
  });

  it("values that are UTF-8, however a client spells them", () => {
    const descriptors = [{ entries: [attribute("key")] }];
    const key = (...bytes: number[]): Buffer => Buffer.from([0x47, 0x20, ...bytes]);
    const values = asked(
      { descriptors },
      "G täglich-日本-😀",
      key(0x61, 0xff, 0x62),
      key(0xc3),
      key(0xed, 0xa0, 0x80),
      key(0xf0, 0x9f, 0x98),
    ).map((it) => it.descriptors[0]?.[0]);
    expect(values).toEqual(["key=täglich-日本-😀", "key=a?b", "key=?", "key=???", "key=?"]);
  });

  it("the first 1024 bytes of a long value", () => {
    const descriptors = [{ entries: [attribute("key")] }];
    const [first, second] = asked({ descriptors }, `G ${"x".repeat(5_000)}`, `G y`);
    expect(first?.descriptors).toEqual([[`key=${"x".repeat(1024)}`]]);
    expect(second?.descriptors).toEqual([["key=y"]]);
  });

  it.each([
    ["10.1.2.3:4567", "10.1.2.3"],
    ["[2001:db8::1]:80", "2001:db8::1"],
  ])("the client's address without its port: %s", (sourceAddress, value) => {
    const { mesh, service } = setUp([limit({ descriptors: [{ entries: [CLIENT] }] })]);
    const socket = mesh.host.connect({ sourceAddress });
    socket.send(Buffer.from("GET a\n"));
    mesh.run();
    expect(service.asked[0]?.descriptors).toEqual([[`client=${value}`]]);
  });

  it("as much as a configuration can want", () => {
    const entry = fixed("k".repeat(4096), "v".repeat(4096));
    const entries = Array.from({ length: 16 }, () => entry);
    const descriptors = Array.from({ length: 32 }, () => ({ entries }));
    const { mesh, service } = setUp([limit({ domain: "d".repeat(4096), descriptors })]);
    expect(ask(mesh, "GET a").answers).toEqual(["v1: GET a"]);
    expect(service.asked[0]?.descriptors.flat()).toHaveLength(512);
    expect(counts(mesh)).toEqual({ ok: 1 });
  });
});

describe("a service that cannot be asked", () => {
  const failures: readonly (readonly [string, (setup: Setup) => void])[] = [
    ["has no endpoint", ({ service }) => (service.grpc.reachability = "no-endpoints")],
    ["refuses connections", ({ service }) => (service.grpc.reachability = "refused")],
    [
      "answers with an error",
      ({ service }) => {
        service.decide = (asked) => {
          asked.stream.close(13, "internal");
          return Code.OK;
        };
      },
    ],
    [
      "answers with nonsense",
      ({ service }) => {
        service.decide = (asked) => {
          asked.stream.send(Uint8Array.of(0x0a, 0xff));
          asked.stream.close(0);
          return Code.OK;
        };
      },
    ],
    ["does not answer in time", ({ service }) => (service.decide = null)],
  ];

  it.each(failures)("since it %s: requests pass, unless they are to be refused", (_, fail) => {
    for (const denyOnFail of [false, true]) {
      const setup = setUp([limit({ denyOnFail })]);
      const { mesh } = setup;
      fail(setup);
      const client = ask(mesh, "GET a", "GET b");
      mesh.host.advance(TIMEOUT_MS);
      expect(client.answers).toEqual(denyOnFail ? [FAILED, FAILED] : ["v1: GET a", "v1: GET b"]);
      const allowed = denyOnFail ? {} : { failure_mode_allowed: 2 };
      expect(counts(mesh)).toEqual({ error: 2, ...allowed });
      expect(mesh.stat("local_reply_rl")).toBe(denyOnFail ? 2 : 0);
      expect(mesh.stat("downstream_rq_active")).toBe(0);
      expect(mesh.stat("timers_active")).toBe(0);
    }
  });

  it("since the cluster is not there: likewise", () => {
    for (const denyOnFail of [false, true]) {
      const { mesh } = setUp([limit({ cluster: "nowhere", denyOnFail })]);
      const failed = FAILED.replace("rls", "nowhere");
      expect(ask(mesh, "GET a").answers).toEqual([denyOnFail ? failed : "v1: GET a"]);
    }
  });

  it("is waited for exactly as long as its timeout says, 20 ms by default", () => {
    for (const [timeout, ms] of [
      [undefined, 20],
      [{ nanos: 33_000_001 }, 34],
    ] as const) {
      const { mesh, service } = setUp([limit(timeout === undefined ? {} : { timeout })]);
      if (timeout === undefined) {
        mesh.host.reconfigure(
          pluginConfiguration({
            clusters: { v1: [new LineServer("v1")] },
            filters: [
              filterOptions(GlobalRateLimitSchema, {
                domain: "shop",
                cluster: "rls",
                descriptors: [{ entries: [attribute("verb")] }],
              }),
            ],
          }),
        );
      }
      service.decide = null;
      const client = ask(mesh, "GET a");
      mesh.host.advance(ms - 1);
      expect(client.answers).toEqual([]);
      mesh.host.advance(1);
      expect(client.answers).toHaveLength(1);
    }
  });

  it("is found again", () => {
    const { mesh, service } = setUp([limit()]);
    service.grpc.reachability = "refused";
    ask(mesh, "GET a");
    service.grpc.reachability = "up";
    service.decide = () => Code.OVER_LIMIT;
    expect(ask(mesh, "GET b").answers).toEqual([LIMITED]);
  });

  it("is not waited for beyond a second more if the host forgets the call", () => {
    const { mesh, service } = setUp([limit({ denyOnFail: true })]);
    const { loop } = mesh.host;
    const setTimer = loop.setTimer.bind(loop);
    loop.setTimer = (ms, action) =>
      ms === TIMEOUT_MS ? { cancel: () => undefined } : setTimer(ms, action);
    service.decide = null;
    const client = ask(mesh, "GET a");
    mesh.host.advance(TIMEOUT_MS + GRACE_MS - 10);
    expect(client.answers).toEqual([]);
    mesh.host.advance(40);
    expect(client.answers).toEqual([FAILED]);
    expect(service.asked[0]?.stream.cancelled).toBe(true);
    expect(counts(mesh)).toEqual({ error: 1 });
  });
});

describe("calls in flight", () => {
  it("are 1024 at most: what is more is handled as if the service could not be asked", () => {
    const { mesh, service } = setUp([limit({ timeout: { seconds: 60n } })]);
    service.decide = null;
    const clients = [600, 600].map((count) =>
      ask(mesh, ...Array.from({ length: count }, (_, i) => `GET ${String(i)}`)),
    );
    expect(service.asked).toHaveLength(1024);
    expect(counts(mesh)).toEqual({ error: 176, failure_mode_allowed: 176, overflow: 176 });
    // In an order of their own: each is found.
    for (const asked of [...service.asked].reverse()) asked.answer(Code.OVER_LIMIT);
    mesh.run();
    const answers = clients.flatMap((client) => client.answers);
    expect(answers.filter((answer) => answer === LIMITED)).toHaveLength(1024);
    expect(answers.filter((answer) => answer.startsWith("v1: "))).toHaveLength(176);
    service.decide = () => Code.OK;
    expect(ask(mesh, "GET a").answers).toEqual(["v1: GET a"]);
  });

  it("leave nothing behind, in whatever order they end", () => {
    const { mesh, service } = setUp([limit({ timeout: { seconds: 60n } })]);
    service.decide = null;
    const round = (seed: number): void => {
      service.asked.length = 0;
      const clients = Array.from({ length: 50 }, () =>
        ask(mesh, ...Array.from({ length: 20 }, () => "GET a")),
      );
      const order = service.asked
        .map((asked, i) => ({ asked, at: (i * 7919 + seed * 104_729) % 1000 }))
        .sort((a, b) => a.at - b.at);
      order.forEach(({ asked }, i) => {
        if (i % 5 === 0) clients[i % 50]?.socket.close();
        if (asked.stream.isOpen) asked.answer(i % 2 === 0 ? Code.OK : Code.OVER_LIMIT);
        mesh.run();
      });
      for (const client of clients) client.socket.close();
      mesh.run();
    };
    round(1);
    const idle = [mesh.stat("buffered_bytes"), mesh.stat("memory_bytes")];
    for (let seed = 2; seed < 8; seed++) round(seed);
    expect([mesh.stat("buffered_bytes"), mesh.stat("memory_bytes")]).toEqual(idle);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
    expect(mesh.stat("timers_active")).toBe(0);
    expect(counts(mesh)["overflow"]).toBeUndefined();
    expect(mesh.host.warnings).toEqual([]);
  });

  it("of a read with several frames, long ones among them, do not disturb the read", () => {
    const { mesh } = setUp([limit()]);
    const lines = [1, 40_000, 2, 70_000, 3, 100_000].map((size) => `GET ${"x".repeat(size)}`);
    expect(ask(mesh, ...lines).answers).toEqual(lines.map((line) => `v1: ${line}`));
    expect(mesh.host.warnings).toEqual([]);
  });

  it("cost two host calls, and one for the answer", () => {
    const measured = [limit(), limit({ descriptors: [{ entries: [attribute("none")] }] })].map(
      (filter) => {
        const { mesh } = setUp([filter]);
        const client = mesh.connect();
        for (let i = 0; i < 5; i++) {
          client.send("GET a");
          mesh.run();
        }
        const { stats } = mesh.host.vm;
        stats.reset();
        client.send("GET a");
        mesh.run();
        return { ...stats.hostCalls };
      },
    );
    const [asking = {}, plain = {}] = measured;
    const more = Object.keys(asking)
      .map((name) => [name, (asking[name] ?? 0) - (plain[name] ?? 0)] as const)
      .filter(([, count]) => count !== 0);
    expect(Object.fromEntries(more)).toEqual({
      proxy_set_effective_context: 1,
      proxy_grpc_call: 1,
      proxy_get_buffer_bytes: 1,
      // What comes in another call of the VM has its own time.
      proxy_get_current_time_nanoseconds: 1,
    });
  });
});

describe("a configuration", () => {
  const entry = attribute("verb");
  const long = "x".repeat(4097);
  const wrong: readonly (readonly [init: LimitInit, ...faults: string[]])[] = [
    [
      { domain: "", cluster: "", descriptors: [] },
      "filters[0].domain: missing",
      "filters[0].cluster: missing",
      "filters[0].descriptors: missing",
    ],
    [{ descriptors: [{}] }, "filters[0].descriptors[0].entries: missing"],
    [
      { descriptors: [{ entries: [entry] }, { entries: [entry, {}] }] },
      "filters[0].descriptors[1].entries[1].key: missing",
      "filters[0].descriptors[1].entries[1]: needs one of attribute, value, sourceAddress",
    ],
    [
      { descriptors: [{ entries: [attribute(""), fixed("a", "")] }] },
      "filters[0].descriptors[0].entries[0].attribute: missing",
      "filters[0].descriptors[0].entries[1].value: missing",
    ],
    [
      {
        descriptors: [{ entries: [{ key: "a", source: { case: "sourceAddress", value: false } }] }],
      },
      "filters[0].descriptors[0].entries[0].sourceAddress: must be true",
    ],
    [
      { domain: long, cluster: long, descriptors: [{ entries: [attribute(long, long)] }] },
      "filters[0].domain: longer than 4096 bytes",
      "filters[0].cluster: longer than 4096 bytes",
      "filters[0].descriptors[0].entries[0].key: longer than 4096 bytes",
      "filters[0].descriptors[0].entries[0].attribute: longer than 4096 bytes",
    ],
    [
      { descriptors: [{ entries: [fixed("a", long)] }] },
      "filters[0].descriptors[0].entries[0].value: longer than 4096 bytes",
    ],
    [
      { descriptors: Array.from({ length: 33 }, () => ({ entries: [entry] })) },
      "filters[0].descriptors: more than 32",
    ],
    [
      { descriptors: [{ entries: Array.from({ length: 17 }, () => entry) }] },
      "filters[0].descriptors[0].entries: more than 16",
    ],
    [{ timeout: { seconds: -1n } }, "filters[0].timeout: negative, or longer than 2147483.647s"],
    [
      { match: [{ name: "verb" }] },
      "filters[0].match[0]: needs one of exact, prefix, regex, present",
    ],
  ];
  it.each(wrong.map(([init, ...faults]) => [faults.join(", "), init, faults] as const))(
    "that is wrong is refused: %s",
    (_, init, faults) => {
      const { mesh } = setUp([]);
      expect(() => {
        mesh.host.reconfigure(pluginConfiguration({ clusters: {}, filters: [limit(init)] }));
      }).toThrow();
      const text = mesh.host.logs.map(({ message }) => message).join("\n");
      for (const fault of faults) expect(text).toContain(fault);
    },
  );

  it("of bytes that are no message is refused", () => {
    const { mesh } = setUp([]);
    const name = "metaproto.filters.global_rate_limit";
    const filters = [{ name, config: Buffer.from([0x32, 0x05, 0x08]).toString("base64") }];
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration({ clusters: {}, filters }));
    }).toThrow();
    expect(mesh.host.logs.at(-1)?.message).toContain("filters[0]: malformed protobuf");
  });

  it("leaves nothing behind when it is replaced", () => {
    const control = new RouteControl();
    const { mesh, server, service } = setUp([], {
      plugin: { routeConfigurations: [], discoveryCluster: "control" },
    });
    mesh.host.upstreams.set("control", { grpc: control.grpc });
    const client = mesh.connect(NAME);
    const step = (i: number): void => {
      const descriptors = [{ entries: [attribute("verb"), fixed("step", String(i))] }];
      const filters = [limit({ descriptors })];
      control.publish([routeConfiguration({ clusters: { v1: [server] }, filters }, NAME)]);
      mesh.run();
      client.send("GET a");
      mesh.run();
      mesh.host.advance(20);
    };
    for (let i = 0; i < 50; i++) step(i);
    const memory = mesh.stat("memory_bytes");
    for (let i = 50; i < 600; i++) step(i);
    expect(mesh.stat("memory_bytes")).toBe(memory);
    expect(service.asked).toHaveLength(600);
    expect(client.answers).toHaveLength(600);
  });
});
