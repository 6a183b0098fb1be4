// The local rate limit, by the example module: who is limited, exactly how many pass however many workers
// there are, and what it costs.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  LocalRateLimitSchema,
  type TokenBucketSchema,
} from "../../controlplane/gen/metaproto/filters/v1/local_rate_limit_pb.js";
import type { AttributeMatchSchema } from "../../controlplane/gen/metaproto/v1/route_pb.js";
import { WasmResult } from "../host/abi-values.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { LineMesh, LineServer } from "../switchboard/line-fixture.js";
import { RouteControl } from "../switchboard/route-control.js";
import {
  pluginConfiguration,
  routeConfiguration,
  type FilterOptions,
  type Mesh,
  type MeshOptions,
} from "../switchboard/mesh.js";
import { filterOptions } from "./filter-options.js";

type BucketInit = Exclude<MessageInitShape<typeof TokenBucketSchema>, { $typeName: string }>;
type MatchInit = MessageInitShape<typeof AttributeMatchSchema>;
type LimitInit = MessageInitShape<typeof LocalRateLimitSchema>;

const LIMITED = "ERR metaproto: local rate limit exceeded: shop";
const MINUTE_MS = 60_000;
const NAME = "demo_20880";

function duration(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1e6 };
}

/** Full again after `ms`, unless `tokensPerFill` says otherwise. */
function bucket(maxTokens: number, ms = MINUTE_MS, tokensPerFill = maxTokens): BucketInit {
  return { maxTokens, tokensPerFill, fillInterval: duration(ms) };
}

function limit(init: LimitInit): FilterOptions {
  return filterOptions(LocalRateLimitSchema, { name: "shop", ...init });
}

function onVerb(verb: string, tokenBucket: BucketInit, more: readonly MatchInit[] = []) {
  const match = { name: "verb", specifier: { case: "exact" as const, value: verb } };
  return { match: [match, ...more], tokenBucket };
}

function meshOf(filters: readonly FilterOptions[], options: Partial<MeshOptions> = {}): LineMesh {
  return new LineMesh({ clusters: { v1: [new LineServer("v1")] }, filters, ...options });
}

function ask(mesh: LineMesh, count: number, options: { worker?: number; line?: string } = {}) {
  const client = mesh.connect(undefined, options.worker);
  client.send(...Array.from({ length: count }, () => options.line ?? "GET a"));
  mesh.run();
  expect(client.answers).toHaveLength(count);
  return client.answers;
}

/** How many of `count` requests of a new client pass; all others are told why. */
function passing(
  mesh: LineMesh,
  count: number,
  options: { worker?: number; line?: string } = {},
): number {
  const answers = ask(mesh, count, options);
  const passed = answers.filter((answer) => answer.startsWith("v1: "));
  expect(answers.filter((answer) => answer === LIMITED)).toHaveLength(count - passed.length);
  return passed.length;
}

/** A mesh whose routes come from a control plane. */
function discovered(workers = 1) {
  const control = new RouteControl();
  const clusters = { v1: [new LineServer("v1")] };
  const mesh = new LineMesh({
    clusters,
    plugin: { routeConfigurations: [], discoveryCluster: "control" },
    host: { workers, clusters: { control: { grpc: control.grpc } } },
  });
  const change = (filters: readonly FilterOptions[]): void => {
    control.publish([routeConfiguration({ clusters, filters }, NAME)]);
    mesh.run();
  };
  return { mesh, change };
}

describe("a bucket", () => {
  it("of 2 lets 2 of 10 pass, and says to the others why", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(2) })]);
    expect(ask(mesh, 10)).toEqual(["v1: GET a", "v1: GET a", ...Array<string>(8).fill(LIMITED)]);
    expect(mesh.stat("local_rate_limit_ok")).toBe(2);
    expect(mesh.stat("local_rate_limit_enforced")).toBe(8);
    expect(mesh.stat("local_reply_rl")).toBe(8);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });

  it.each([1, 2, 3, 8])("of 2 lets 2 of 10 pass with %i workers", (workers) => {
    const mesh = meshOf([limit({ tokenBucket: bucket(2) })], { host: { workers } });
    let passed = 0;
    for (let i = 0; i < 10; i++) passed += passing(mesh, 1, { worker: i % workers });
    expect(passed).toBe(2);
  });

  it("is filled by as many tokens as it says, never beyond what it holds", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(5, 1000, 2) })]);
    expect(passing(mesh, 10)).toBe(5);
    mesh.host.advance(999);
    expect(passing(mesh, 10)).toBe(0);
    mesh.host.advance(1);
    expect(passing(mesh, 10)).toBe(2);
    mesh.host.advance(1000);
    expect(passing(mesh, 1)).toBe(1);
    mesh.host.advance(1000);
    // One was left, two came.
    expect(passing(mesh, 10)).toBe(3);
    mesh.host.advance(100 * 1000);
    expect(passing(mesh, 10)).toBe(5);
  });

  it("is filled every 50 ms, on time, whoever fills it", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(1, 50) })], { host: { workers: 3 } });
    let passed = 0;
    // In two seconds from the first request on there are 40 fills.
    for (let ms = 0; ms < 2000; ms += 10) {
      passed += passing(mesh, 1, { worker: (ms / 10) % 3 });
      mesh.host.advance(10);
    }
    expect(passed).toBe(40);
  });

  it("keeps the time of its fills when nobody has asked for a while", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(1, 1000) })]);
    expect(passing(mesh, 1)).toBe(1);
    mesh.host.advance(2500);
    expect(passing(mesh, 2)).toBe(1);
    mesh.host.advance(500);
    expect(passing(mesh, 2)).toBe(1);
  });

  it("outlives a clock that is set back, and one that is set forward fills it once", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(2, 10_000) })]);
    expect(passing(mesh, 3)).toBe(2);
    mesh.host.setClock(-3_600_000);
    expect(passing(mesh, 3)).toBe(0);
    mesh.host.advance(9_999);
    expect(passing(mesh, 3)).toBe(0);
    mesh.host.advance(1);
    expect(passing(mesh, 3)).toBe(2);
    mesh.host.setClock(3_600_000);
    expect(passing(mesh, 5)).toBe(2);
    expect(passing(mesh, 5)).toBe(0);
  });
});

describe("a large bucket", () => {
  // Each worker takes tokens in advance.
  it.each([
    [1000, 1000],
    [5000, 100],
    [300, 7],
  ])("of %i, filled by %i, is exact over four workers", (maxTokens, tokensPerFill) => {
    const fills = 20;
    const mesh = meshOf([limit({ tokenBucket: bucket(maxTokens, 1000, tokensPerFill) })], {
      host: { workers: 4 },
    });
    let passed = 0;
    const drain = (): void => {
      // What a worker has taken in advance and does not use is back after two ticks.
      for (let round = 0; round < 3; round++) {
        for (let worker = 0; worker < 4; worker++) {
          passed += passing(mesh, Math.ceil((maxTokens / 4) * (worker + 1)), { worker });
          mesh.host.advance(10);
        }
        mesh.host.advance(20);
      }
    };
    drain();
    expect(passed).toBe(maxTokens);
    for (let fill = 1; fill <= fills; fill++) {
      mesh.host.advance(1000 - (mesh.host.loop.nowMs % 1000));
      mesh.host.advance(20);
      drain();
      expect(passed).toBe(maxTokens + fill * tokensPerFill);
    }
  });

  it("never gives more than it holds while workers keep some for later", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(1000, 50) })], { host: { workers: 2 } });
    // Both workers take more and more in advance.
    let passed = 0;
    for (let round = 0; round < 100; round++) {
      const before = passed;
      for (let i = 0; i < 4; i++) passed += passing(mesh, 400, { worker: i % 2 });
      expect(passed - before).toBeLessThanOrEqual(1000);
      expect(passed - before).toBeGreaterThan(950);
      mesh.host.advance(50);
    }
  });

  it("gets back what a worker has not used before it is filled again", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(128 * 64, MINUTE_MS) })], {
      host: { workers: 2 },
    });
    passing(mesh, 100, { worker: 1 });
    mesh.host.advance(30);
    expect(passing(mesh, 128 * 64, { worker: 0 })).toBe(128 * 64 - 100);
    expect(passing(mesh, 1, { worker: 1 })).toBe(0);
  });
});

describe("conditions", () => {
  const filters = [
    limit({
      tokenBucket: bucket(3),
      conditions: [onVerb("PUT", bucket(1)), onVerb("DEL", bucket(1))],
    }),
  ];

  it("have buckets of their own, instead of the default one", () => {
    const mesh = meshOf(filters);
    expect(passing(mesh, 5, { line: "PUT a" })).toBe(1);
    expect(passing(mesh, 5, { line: "DEL a" })).toBe(1);
    expect(passing(mesh, 5, { line: "GET a" })).toBe(3);
    expect(passing(mesh, 5, { line: "HEAD a" })).toBe(0);
  });

  it("are looked at in their order, and all matches of one must hold", () => {
    const onKey = { name: "key", specifier: { case: "prefix" as const, value: "b" } };
    const mesh = meshOf([
      limit({ conditions: [onVerb("GET", bucket(1), [onKey]), onVerb("GET", bucket(2))] }),
    ]);
    expect(passing(mesh, 5, { line: "GET b1" })).toBe(1);
    expect(passing(mesh, 5, { line: "GET a1" })).toBe(2);
  });

  it("limit nobody else without a default bucket", () => {
    const mesh = meshOf([limit({ conditions: [onVerb("PUT", bucket(1))] })]);
    expect(passing(mesh, 50, { line: "GET a" })).toBe(50);
    expect(mesh.stat("local_rate_limit_ok")).toBe(0);
  });
});

describe("routes", () => {
  it("have limits of their own instead of those of all routes", () => {
    const destinations = [{ cluster: "v1" }];
    const own = filterOptions(LocalRateLimitSchema, { name: "shop", tokenBucket: bucket(1) });
    const mesh = meshOf([limit({ tokenBucket: bucket(3) })], {
      routes: [
        { match: [{ name: "verb", exact: "PUT" }], destinations, filters: [own] },
        {
          match: [{ name: "verb", exact: "DEL" }],
          destinations,
          filters: [{ name: own.name, disabled: true }],
        },
        { destinations },
      ],
    });
    expect(passing(mesh, 5, { line: "PUT a" })).toBe(1);
    expect(passing(mesh, 5, { line: "DEL a" })).toBe(5);
    expect(passing(mesh, 5, { line: "GET a" })).toBe(3);
  });

  it.each([1, 3])("that change leave equal buckets as they are, with %i workers", (workers) => {
    const { mesh, change } = discovered(workers);
    const clients = Array.from({ length: workers }, (_, worker) => mesh.connect(NAME, worker));
    let turn = 0;
    const askAll = (line: string, count: number): string[] => {
      const client = clients[turn++ % workers];
      const before = client?.answers.length;
      client?.send(...Array.from({ length: count }, () => line));
      mesh.run();
      return client?.answers.slice(before) ?? [];
    };
    const passed = (line: string, count: number): number =>
      askAll(line, count).filter((answer) => answer.startsWith("v1: ")).length;
    const before = { conditions: [onVerb("PUT", bucket(4)), onVerb("GET", bucket(4))] };
    change([limit(before)]);
    expect(passed("GET a", 3)).toBe(3);
    change([limit({ tokenBucket: bucket(9), conditions: [onVerb("GET", bucket(4))] })]);
    expect(passed("GET a", 3)).toBe(1);
    // Another size, another name: other buckets.
    change([limit({ conditions: [onVerb("GET", bucket(5))] })]);
    expect(passed("GET a", 9)).toBe(5);
    change([limit({ ...before, name: "other" })]);
    const answers = askAll("GET a", 5);
    expect(answers.filter((answer) => answer.startsWith("v1"))).toHaveLength(4);
    expect(answers.at(-1)).toBe("ERR metaproto: local rate limit exceeded: other");
    change([limit(before)]);
    expect(passed("GET a", 3)).toBe(0);
    expect(passed("PUT a", 5)).toBe(4);
  });
});

describe("oneway requests", () => {
  it("beyond the limit are dropped and counted", () => {
    const provider = new Provider("v1");
    const mesh = new DubboMesh({
      clusters: { v1: [provider] },
      filters: [limit({ tokenBucket: bucket(2) })],
    });
    const client = mesh.connect();
    for (let id = 1n; id <= 5n; id++) client.request({ id, method: "m", isTwoWay: false });
    mesh.run();
    expect(provider.requests).toHaveLength(2);
    expect(client.responses.size).toBe(0);
    expect(mesh.stat("local_rate_limit_enforced")).toBe(3);
    expect(mesh.stat("local_reply_rl")).toBe(3);
    expect(mesh.stat("downstream_rq_active")).toBe(0);
  });
});

describe("workers that write at once", () => {
  /** Makes every write of the next `count` come too late: another worker has just taken a token. */
  function interfere(mesh: Mesh, count: number): void {
    const { sharedData } = mesh.host;
    const set = sharedData.set.bind(sharedData);
    let left = count;
    sharedData.set = (key, value, cas) => {
      const item = sharedData.get(key);
      if (left > 0 && item !== undefined) {
        left--;
        const tokens = new DataView(item.value.slice().buffer);
        tokens.setUint32(0, Math.max(tokens.getUint32(0, true) - 1, 0), true);
        set(key, new Uint8Array(tokens.buffer), 0);
      }
      return set(key, value, cas);
    };
  }

  it("give no token twice", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(5) })]);
    expect(passing(mesh, 1)).toBe(1);
    interfere(mesh, 3);
    // Three went to others, one is left.
    expect(passing(mesh, 5)).toBe(1);
  });

  it("make a bucket once", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(2) })], { host: { workers: 2 } });
    const { sharedData } = mesh.host;
    const get = sharedData.get.bind(sharedData);
    // Both workers look before either has made it.
    let blind = 2;
    sharedData.get = (key) => (blind-- > 0 ? undefined : get(key));
    const passed = [0, 1].map((worker) => passing(mesh, 5, { worker }));
    expect(passed).toEqual([2, 0]);
  });

  it("do not let the module wait for ever: after a hundred failures the request is refused", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(5) })]);
    let writes = 0;
    mesh.host.sharedData.set = () => {
      writes++;
      return WasmResult.CasMismatch;
    };
    expect(passing(mesh, 1)).toBe(0);
    expect(writes).toBe(100);
  });
});

describe("the cost of a request", () => {
  /** Host calls for `lines` in one read, besides those for the same without a filter. */
  function costOf(filters: readonly FilterOptions[], before: number, lines: number) {
    const calls = [filters, [filterlessClock()]].map((list) => {
      const mesh = meshOf(list);
      const client = mesh.connect();
      client.send("GET a");
      mesh.run();
      for (let i = 0; i < before; i++) {
        client.send(...Array.from({ length: lines }, () => "GET a"));
        mesh.run();
      }
      const { stats } = mesh.host.vm;
      stats.reset();
      client.send(...Array.from({ length: lines }, () => "GET a"));
      mesh.run();
      return { ...stats.hostCalls };
    });
    const [limited = {}, plain = {}] = calls;
    return Object.fromEntries(
      Object.keys(limited)
        .map((name) => [name, (limited[name] ?? 0) - (plain[name] ?? 0)] as const)
        .filter(([, count]) => count !== 0),
    );
  }

  /** A filter that limits nothing: what any filter costs is not counted here. */
  function filterlessClock(): FilterOptions {
    return limit({ conditions: [onVerb("NONE", bucket(1))] });
  }

  it("with a bucket of less than 128 tokens: one read and one write", () => {
    expect(costOf([limit({ tokenBucket: bucket(100) })], 3, 1)).toEqual({
      proxy_get_shared_data: 1,
      proxy_set_shared_data: 1,
    });
    expect(costOf([limit({ tokenBucket: bucket(100) })], 0, 64)).toEqual({
      proxy_get_shared_data: 64,
      proxy_set_shared_data: 64,
    });
  });

  it("that no condition matches: nothing", () => {
    expect(costOf([limit({ conditions: [onVerb("PUT", bucket(1))] })], 3, 1)).toEqual({});
  });

  it("that is refused: nothing, until the bucket is filled", () => {
    const mesh = meshOf([limit({ tokenBucket: bucket(1, 1000) })]);
    expect(passing(mesh, 2)).toBe(1);
    const { stats } = mesh.host.vm;
    stats.reset();
    expect(passing(mesh, 100)).toBe(0);
    expect(stats.hostCalls["proxy_get_shared_data"] ?? 0).toBe(0);
    expect(stats.hostCalls["proxy_set_shared_data"] ?? 0).toBe(0);
  });

  it("with a large bucket: as often as the tokens taken in advance are used up", () => {
    // 1, 1, 2, 4, ... 32 tokens, each time as many as were used before.
    expect(costOf([limit({ tokenBucket: bucket(100_000) })], 0, 64)).toEqual({
      proxy_get_shared_data: 7,
      proxy_set_shared_data: 7,
    });
    // Steady: what was used in one tick is taken in the next at once.
    const mesh = meshOf([limit({ tokenBucket: bucket(1_000_000) })]);
    const client = mesh.connect();
    const second = (): void => {
      for (let tick = 0; tick < 100; tick++) {
        for (let i = 0; i < 10; i++) {
          client.send(...Array.from({ length: 10 }, () => "GET a"));
          mesh.run();
        }
        mesh.host.advance(10);
      }
    };
    second();
    const { stats } = mesh.host.vm;
    stats.reset();
    second();
    // 10,000 requests.
    expect(stats.hostCalls["proxy_get_shared_data"]).toBe(100);
    expect(stats.hostCalls["proxy_set_shared_data"]).toBe(100);
    expect(mesh.stat("local_rate_limit_ok")).toBe(20_000);
  });
});

describe("a configuration", () => {
  const wrong: readonly (readonly [init: LimitInit, ...faults: string[]])[] = [
    [{ name: "", tokenBucket: bucket(1) }, "filters[0].name: missing"],
    [{ name: "x".repeat(8193), tokenBucket: bucket(1) }, "filters[0].name: longer than 8192 bytes"],
    [{}, "filters[0]: needs tokenBucket or conditions"],
    [
      { tokenBucket: {} },
      "filters[0].tokenBucket.maxTokens: must be at least 1",
      "filters[0].tokenBucket.tokensPerFill: must be at least 1",
      "filters[0].tokenBucket.fillInterval: less than 0.05s",
    ],
    [{ tokenBucket: bucket(1, 49) }, "filters[0].tokenBucket.fillInterval: less than 0.05s"],
    [
      { tokenBucket: { ...bucket(1), fillInterval: { seconds: -1n } } },
      "filters[0].tokenBucket.fillInterval: negative, or longer than 2147483.647s",
    ],
    [
      { tokenBucket: { ...bucket(1), fillInterval: { seconds: 2_147_484n } } },
      "filters[0].tokenBucket.fillInterval: negative, or longer than 2147483.647s",
    ],
    [{ conditions: [{ match: [] }] }, "filters[0].conditions[0].tokenBucket: missing"],
    [
      { conditions: [onVerb("GET", bucket(1)), onVerb("PUT", bucket(0))] },
      "filters[0].conditions[1].tokenBucket.maxTokens: must be at least 1",
    ],
    [
      { conditions: [onVerb("GET", bucket(1), [{ name: "key" }])] },
      "filters[0].conditions[0].match[1]: needs one of exact, prefix, regex, present",
    ],
    [
      { conditions: Array.from({ length: 257 }, () => onVerb("GET", bucket(1))) },
      "filters[0].conditions: more than 256",
    ],
  ];
  it.each(wrong.map(([init, ...faults]) => [faults.join(", "), init, faults] as const))(
    "that is wrong is refused: %s",
    (_, init, faults) => {
      const mesh = meshOf([]);
      const options = { clusters: {}, filters: [limit(init)] };
      const plugin = { routeConfigurations: [routeConfiguration({ ...options })] };
      expect(() => {
        mesh.host.reconfigure(pluginConfiguration({ ...options, plugin }));
      }).toThrow();
      const text = mesh.host.logs.map(({ message }) => message).join("\n");
      for (const fault of faults) expect(text).toContain(fault);
    },
  );

  it("of bytes that are no message is refused", () => {
    const mesh = meshOf([]);
    const name = "metaproto.filters.local_rate_limit";
    const filters = [{ name, config: Buffer.from([0x0a, 0x05, 0x08]).toString("base64") }];
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration({ clusters: {}, filters }));
    }).toThrow();
    expect(mesh.host.logs.at(-1)?.message).toContain("filters[0]: malformed protobuf");
  });

  it("may have the longest interval, the most tokens, the longest name, the most conditions", () => {
    const most = { maxTokens: 0xffffffff, tokensPerFill: 0xffffffff };
    const fillInterval = { seconds: 2_147_483n, nanos: 647_000_000 };
    const mesh = meshOf([
      filterOptions(LocalRateLimitSchema, {
        name: "x".repeat(8192),
        tokenBucket: { ...most, fillInterval },
        conditions: Array.from({ length: 256 }, () => onVerb("PUT", { ...most, fillInterval })),
      }),
    ]);
    expect(ask(mesh, 2)).toEqual(["v1: GET a", "v1: GET a"]);
    expect(ask(mesh, 1, { line: "PUT a" })).toEqual(["v1: PUT a"]);
    mesh.host.setClock(24 * 24 * 3_600_000);
    expect(ask(mesh, 1)).toEqual(["v1: GET a"]);
  });

  it("leaves nothing behind when it is replaced", () => {
    const { mesh, change } = discovered();
    const client = mesh.connect(NAME);
    const step = (i: number): void => {
      const verb = `V${String(i)}`;
      change([limit({ conditions: [onVerb(verb, bucket(100_000))] })]);
      client.send(...Array.from({ length: 50 }, () => `${verb} a`));
      mesh.run();
      mesh.host.advance(50);
    };
    for (let i = 0; i < 50; i++) step(i);
    const memory = mesh.stat("memory_bytes");
    const buffered = mesh.stat("buffered_bytes");
    for (let i = 50; i < 1000; i++) step(i);
    expect(mesh.stat("memory_bytes")).toBe(memory);
    expect(mesh.stat("buffered_bytes")).toBe(buffered);
    expect(mesh.stat("local_rate_limit_ok")).toBe(50_000);
  });
});
