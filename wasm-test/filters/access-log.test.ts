// The filter `metaproto.filters.access_log` in the host emulator: one line for every outcome, to the host's log
// and to a scripted collector.
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { AccessLogSchema } from "../../controlplane/gen/metaproto/filters/v1/access_log_pb.js";
import {
  ExportLogsServiceRequestSchema,
  type ExportLogsServiceRequest,
} from "../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.js";
import { GrpcServer, type GrpcServerStream } from "../host/index.js";
import { DubboMesh, Provider } from "../switchboard/dubbo-fixture.js";
import { LineMesh, LineServer, type LineClient } from "../switchboard/line-fixture.js";
import { pluginConfiguration, type MeshOptions } from "../switchboard/mesh.js";
import { Service, ThriftMesh } from "../switchboard/thrift-fixture.js";
import { filterOptions } from "./filter-options.js";

type Message = MessageInitShape<typeof AccessLogSchema>;

interface Options {
  readonly format?: NonNullable<Message["format"]>;
  readonly output?: NonNullable<Message["output"]>;
  readonly filter?: NonNullable<Message["filter"]>;
}

const MARK = "LOG ";
const log = { case: "log", value: true } as const;
const INFO = 2;

function text(value: string): { readonly case: "text"; readonly value: string } {
  return { case: "text", value: MARK + value };
}

function json(members: Readonly<Record<string, string>>): NonNullable<Options["format"]> {
  return { case: "json", value: { members } };
}

function accessLog(options: Options): ReturnType<typeof filterOptions> {
  return filterOptions(AccessLogSchema, { output: log, ...options });
}

/** Lines of the access log, without their mark. */
function lines(mesh: LineMesh | DubboMesh | ThriftMesh): string[] {
  return mesh.host.logs
    .filter(({ level }) => level === INFO)
    .map(({ message }) => message)
    .filter((message) => message.startsWith(MARK))
    .map((message) => message.slice(MARK.length));
}

const OUTCOME =
  "%ATTR(verb)% %ATTR(key)% %RESPONSE_STATUS% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT%";

function lineMesh(options: Options, more: Partial<MeshOptions> = {}): LineMesh {
  return new LineMesh({
    clusters: { v1: [new LineServer("v1")] },
    filters: [accessLog(options)],
    ...more,
  });
}

function ask(mesh: LineMesh, ...requests: readonly string[]): LineClient {
  const client = mesh.connect();
  client.send(...requests);
  mesh.run();
  return client;
}

describe("a line for every outcome", () => {
  it("an answer of the server", () => {
    const mesh = lineMesh({ format: text(`${OUTCOME} %BYTES_RECEIVED% %BYTES_SENT% %PROTOCOL%`) });
    const client = ask(mesh, "GET a", "PUT b x");
    expect(lines(mesh)).toEqual([
      "GET a ok - via_upstream default v1 1 6 10 line",
      "PUT b ok - via_upstream default v1 1 8 12 line",
    ]);
    expect(mesh.stat("access_log_written")).toBe(2);
    expect(mesh.stat("access_log_dropped")).toBe(0);
    const held = mesh.stat("buffered_bytes");
    for (let i = 0; i < 50; i++) client.send(`GET ${"a".repeat(i * 40)}`);
    mesh.run();
    expect(lines(mesh)).toHaveLength(52);
    expect(mesh.stat("buffered_bytes")).toBe(held);
  });

  it("addresses, times and durations", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = lineMesh(
      {
        format: text(
          "%START_TIME% %DURATION% %UPSTREAM_HOST% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_PEER_URI_SAN%",
        ),
      },
      { clusters: { v1: [server] } },
    );
    ask(mesh, "GET a");
    mesh.host.advance(250);
    server.answer();
    mesh.run();
    expect(lines(mesh)).toEqual([
      expect.stringMatching(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 250 [\d.]+:\d+ ([\d.]+):\d+ \1 [\d.]+:\d+ -$/,
      ),
    ]);
  });

  it("no route, no endpoint, a timeout, a bound, a reset, a client that is gone", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const destinations = [{ cluster: "v1" }];
    const mesh = lineMesh(
      { format: text(OUTCOME) },
      {
        clusters: { v1: [server], empty: [] },
        clusterSettings: { v1: { maxRequests: 1 } },
        routes: [
          { name: "gets", match: [{ name: "verb", exact: "GET" }], destinations, timeout: "0.2s" },
          {
            name: "e",
            match: [{ name: "verb", exact: "DEL" }],
            destinations: [{ cluster: "empty" }],
          },
        ],
      },
    );
    ask(mesh, "PUT no-route");
    ask(mesh, "DEL no-endpoint");
    mesh.host.advance(5_000);
    ask(mesh, "GET late", "GET too-many");
    mesh.host.advance(500);
    const gone = ask(mesh, "GET gone");
    gone.socket.close();
    mesh.run();
    ask(mesh, "GET cut");
    for (const { connection } of server.requests) connection.close();
    mesh.host.advance(100);
    const seen = lines(mesh);
    expect(seen).toHaveLength(6);
    expect(seen).toEqual([
      "PUT no-route error NR route_not_found - - 0",
      "DEL no-endpoint error UH no_healthy_upstream e empty 0",
      "GET late error UT response_timeout gets v1 1",
      "GET too-many error UO overload gets v1 0",
      "GET gone - DC downstream_remote_disconnect gets v1 1",
      "GET cut error UC upstream_reset_before_response_started{connection_termination} gets v1 1",
    ]);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("leave nothing behind, whatever they are", () => {
    const server = new LineServer("v1");
    const options = {
      clusters: { v1: [server] },
      clusterSettings: { v1: { maxRequests: 1 } },
      routes: [
        {
          match: [{ name: "verb", exact: "GET" }],
          destinations: [{ cluster: "v1" }],
          timeout: "0.2s",
        },
      ],
    };
    const round = (mesh: LineMesh): number => {
      server.answers = false;
      ask(mesh, "PUT no-route", "GET late", "GET too-many");
      mesh.host.advance(500);
      ask(mesh, "GET gone").socket.close();
      mesh.run();
      server.answers = true;
      ask(mesh, "GET answered").socket.close();
      mesh.host.advance(200);
      return mesh.stat("buffered_bytes");
    };
    const logged = lineMesh({ format: text(OUTCOME) }, options);
    const rounds = [1, 2, 3].map(() => round(logged));
    expect(new Set(rounds.slice(1)).size).toBe(1);
    const plain = new LineMesh(options);
    const [, second] = [round(plain), round(plain)];
    expect(rounds[1]).toBe(second);
    expect(lines(logged)).toHaveLength(15);
  });

  it("requests that there is no room for, whose frames nobody reads", () => {
    const server = new Provider("v1");
    server.answers = false;
    const mesh = new DubboMesh({
      clusters: { v1: [server] },
      filters: [
        accessLog({ format: text("%ATTR(method)% %RESPONSE_FLAGS% %DOWNSTREAM_REMOTE_ADDRESS%") }),
      ],
      plugin: { limits: { maxRequestsPerDownstreamConnection: 1 } },
    });
    const client = mesh.connect();
    client.request({ id: 1n, method: "first" });
    client.request({ id: 2n, method: "second" });
    mesh.run();
    expect(lines(mesh)).toEqual([expect.stringMatching(/^- UO [\d.]+:\d+$/)]);
    server.requests[0]?.reply("x");
    mesh.run();
    expect(lines(mesh)[1]).toMatch(/^first - [\d.]+:\d+$/);
  });

  it("oneway requests, business exceptions and framework errors", () => {
    const service = new Service("v1");
    const mesh = new ThriftMesh({
      clusters: { v1: [service] },
      filters: [
        accessLog({
          format: text(
            "%ATTR(method)% %RESPONSE_STATUS% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_SENT% %DOWNSTREAM_REMOTE_ADDRESS%",
          ),
        }),
      ],
    });
    const client = mesh.connect();
    client.oneway("fire");
    mesh.run();
    expect(lines(mesh)).toEqual([expect.stringMatching(/^fire - - oneway_sent 0 [\d.]+:\d+$/)]);
  });
});

describe("text", () => {
  it("may end with a line break, as Envoy's formats do", () => {
    const mesh = lineMesh({ format: text("%ATTR(verb)%\n") });
    ask(mesh, "GET a");
    expect(lines(mesh)).toEqual(["GET"]);
  });

  it("holds no line that a client has made up", () => {
    const mesh = lineMesh({ format: text('key="%ATTR(key)%" end') });
    const client = mesh.connect();
    client.socket.send(Buffer.from('PUT a"\r\u0085\u001b[2Jb\\ x\n', "utf8"));
    client.socket.send(Buffer.from([0x50, 0x20, 0xff, 0xfe, 0x0a]));
    mesh.run();
    expect(lines(mesh)).toEqual([
      'key="a\\"\\r\\u0085\\u001b[2Jb\\\\" end',
      'key="\ufffd\ufffd" end',
    ]);
  });
});

describe("JSON", () => {
  it("has strings, numbers, null and what was written between operators", () => {
    const mesh = lineMesh({
      format: json({
        log: MARK,
        verb: "%ATTR(verb)%",
        'a "key"': "%ATTR(key)%",
        missing: "%ATTR(nothing)%",
        duration: "%DURATION%",
        mixed: "%DURATION% ms by %PROTOCOL%",
      }),
    });
    ask(mesh, "GET a");
    ask(mesh, "GET");
    const objects = mesh.host.logs
      .map(({ message }) => message)
      .filter((message) => message.startsWith('{"log"'))
      .map((message) => JSON.parse(message) as unknown);
    const object = {
      log: MARK,
      verb: "GET",
      'a "key"': "a",
      missing: null,
      duration: 0,
      mixed: "0 ms by line",
    };
    expect(objects).toEqual([object, { ...object, 'a "key"': null }]);
  });

  it("can be parsed whatever bytes a request has", () => {
    const mesh = lineMesh({ format: json({ key: "%ATTR(key)%", both: "<%ATTR(key)%>" }) });
    const client = mesh.connect();
    const keys: Buffer[] = [];
    for (let first = 0; first < 256; first++) {
      for (const second of [0x22, 0x5c, 0x80, 0xbf, 0xff, 0x41]) {
        const key = Buffer.from([first, second, 0x78]);
        if (!key.includes(0x20) && !key.includes(0x0a)) keys.push(key);
      }
    }
    for (const key of keys) {
      client.socket.send(Buffer.concat([Buffer.from("PUT "), key, Buffer.from(" v\n")]));
      mesh.run();
    }
    const objects = mesh.host.logs
      .filter(({ message }) => message.startsWith('{"key"'))
      .map(({ message }) => JSON.parse(message) as { key: string; both: string });
    expect(objects).toHaveLength(keys.length);
    for (const [index, key] of keys.entries()) {
      const expected = new TextDecoder("utf-8", { ignoreBOM: true }).decode(key);
      expect(objects[index]).toEqual({ key: expected, both: `<${expected}>` });
    }
  });
});

describe("filters", () => {
  const filtered = (filter: Options["filter"], more: Partial<MeshOptions> = {}): LineMesh =>
    lineMesh({ format: text("%ATTR(key)%"), ...(filter === undefined ? {} : { filter }) }, more);

  it("errors only", () => {
    const mesh = filtered(
      { errorsOnly: true },
      {
        routes: [{ match: [{ name: "verb", exact: "GET" }], destinations: [{ cluster: "v1" }] }],
      },
    );
    ask(mesh, "GET a", "PUT b", "GET c");
    expect(lines(mesh)).toEqual(["b"]);
  });

  it("the least duration", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = filtered(
      { minDuration: { seconds: 0n, nanos: 100_000_000 } },
      { clusters: { v1: [server] } },
    );
    for (const [key, ms] of [
      ["fast", 90],
      ["slow", 110],
    ] as const) {
      ask(mesh, `GET ${key}`);
      mesh.host.advance(ms);
      server.answer();
      mesh.run();
    }
    expect(lines(mesh)).toEqual(["slow"]);
  });

  it("so many of a million", () => {
    const mesh = filtered({ perMillion: 250_000 });
    const count = 4_000;
    for (let at = 0; at < count; at += 100) {
      ask(mesh, ...Array.from({ length: 100 }, (_, i) => `GET ${at + i}`));
    }
    const seen = lines(mesh);
    // Five standard deviations of a binomial distribution.
    const deviation = Math.sqrt(count * 0.25 * 0.75);
    expect(Math.abs(seen.length - count / 4)).toBeLessThan(5 * deviation);
    expect(new Set(seen).size).toBe(seen.length);
    expect(mesh.stat("access_log_written")).toBe(seen.length);
  });

  it("nothing is written where the host keeps no lines of level info", () => {
    const mesh = filtered(undefined, { host: { logLevel: 3 } });
    ask(mesh, "GET a");
    expect(lines(mesh)).toEqual([]);
  });
});

describe("a collector", () => {
  const otlp = (more: object = {}): NonNullable<Options["output"]> => ({
    case: "otlp",
    value: { cluster: "collector", ...more },
  });

  class Collector {
    readonly streams: GrpcServerStream[] = [];
    readonly requests: ExportLogsServiceRequest[] = [];
    answers = true;
    readonly server = new GrpcServer({
      onMessage: (stream, message) => {
        this.streams.push(stream);
        this.requests.push(fromBinary(ExportLogsServiceRequestSchema, message));
        if (this.answers) this.take(stream);
      },
    });

    /** `answer`: an encoded ExportLogsServiceResponse. */
    take(stream: GrpcServerStream | undefined, answer = Buffer.alloc(0)): void {
      stream?.send(answer);
      stream?.close(0);
    }

    get records(): NonNullable<ReturnType<Collector["recordsOf"]>> {
      return this.requests.flatMap((request) => this.recordsOf(request));
    }

    private recordsOf(
      request: ExportLogsServiceRequest,
    ): ExportLogsServiceRequest["resourceLogs"][number]["scopeLogs"][number]["logRecords"] {
      return request.resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => logRecords),
      );
    }
  }

  function meshWith(
    collector: Collector,
    options: Options,
    more: Partial<MeshOptions> = {},
  ): LineMesh {
    return lineMesh(options, {
      host: { clusters: { collector: { grpc: collector.server } } },
      ...more,
    });
  }

  it("gets records in batches, with their resource", () => {
    const collector = new Collector();
    const mesh = meshWith(collector, {
      format: { case: "text", value: "%ATTR(verb)% %ATTR(key)%" },
      output: otlp({ resourceAttributes: { "service.name": "demo" } }),
    });
    ask(mesh, "GET a", 'PUT "b\\', "GET");
    mesh.host.advance(900);
    expect(collector.requests).toHaveLength(0);
    mesh.host.advance(200);
    expect(collector.requests).toHaveLength(1);
    const [resource] = collector.requests[0]?.resourceLogs ?? [];
    expect(resource?.resource?.attributes).toMatchObject([
      { key: "service.name", value: { value: { case: "stringValue", value: "demo" } } },
    ]);
    expect(resource?.scopeLogs[0]?.scope?.name).toBe("metaproto");
    expect(collector.records.map(({ body }) => body?.value.value)).toEqual([
      "GET a",
      'PUT "b\\',
      "GET -",
    ]);
    const [first] = collector.records;
    expect(first).toMatchObject({ severityNumber: 9, severityText: "INFO" });
    expect(first?.timeUnixNano).toBeGreaterThan(0n);
    expect(first?.observedTimeUnixNano).toBeGreaterThanOrEqual(first?.timeUnixNano ?? 0n);
    expect(collector.streams[0]?.target).toMatchObject({
      cluster: "collector",
      service: "opentelemetry.proto.collector.logs.v1.LogsService",
      method: "Export",
    });
    ask(mesh, "GET c");
    mesh.host.advance(1_100);
    expect(collector.records.map(({ body }) => body?.value.value).at(-1)).toBe("GET c");
    expect(mesh.stat("access_log_dropped")).toBe(0);
    expect(mesh.stat("access_log_written")).toBe(4);
  });

  it("gets members of JSON as attributes, and errors by their severity", () => {
    const collector = new Collector();
    const mesh = meshWith(
      collector,
      {
        format: json({
          verb: "%ATTR(verb)%",
          key: "%ATTR(key)%",
          bytes: "%BYTES_RECEIVED%",
          mixed: "%ATTR(verb)%/%RESPONSE_FLAGS%/%ATTR(key)%",
        }),
        output: otlp({ flushInterval: { seconds: 0n, nanos: 50_000_000 } }),
      },
      {
        routes: [{ match: [{ name: "verb", exact: "GET" }], destinations: [{ cluster: "v1" }] }],
      },
    );
    ask(mesh, "GET a", "PUT");
    mesh.host.advance(70);
    const attributes = collector.records.map((record) =>
      Object.fromEntries(record.attributes.map(({ key, value }) => [key, value?.value.value])),
    );
    expect(attributes).toEqual([
      { verb: "GET", key: "a", bytes: 6n, mixed: "GET/-/a" },
      { verb: "PUT", bytes: 4n, mixed: "PUT/NR/-" },
    ]);
    expect(collector.records.map(({ severityText }) => severityText)).toEqual(["INFO", "ERROR"]);
    expect(collector.records.every(({ body }) => body === undefined)).toBe(true);
  });

  it("that does not answer gets no second batch, and what does not fit is dropped and counted", () => {
    const collector = new Collector();
    collector.answers = false;
    const mesh = meshWith(collector, {
      format: { case: "text", value: `%ATTR(key)% ${"x".repeat(4_000)}` },
      output: otlp({ flushInterval: { seconds: 0n, nanos: 50_000_000 } }),
    });
    const count = 600;
    for (let at = 0; at < count; at += 50) {
      ask(mesh, ...Array.from({ length: 50 }, (_, i) => `GET ${at + i}`));
      mesh.host.advance(60);
    }
    expect(collector.requests).toHaveLength(1);
    collector.answers = true;
    collector.take(collector.streams[0]);
    mesh.host.advance(100);
    expect(collector.requests).toHaveLength(2);
    const received = collector.records.length;
    // One MiB waits at most.
    expect(received).toBeLessThan(320);
    expect(received).toBeGreaterThan(290);
    expect(mesh.stat("access_log_dropped")).toBe(count - received);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("large batches are sent before their time", () => {
    const collector = new Collector();
    const mesh = meshWith(collector, {
      format: { case: "text", value: "x".repeat(4_000) },
      output: otlp({ flushInterval: { seconds: 60n, nanos: 0 } }),
    });
    for (let i = 0; i < 3; i++) ask(mesh, ...Array.from({ length: 50 }, () => "GET a"));
    mesh.host.advance(20);
    expect(collector.records).toHaveLength(150);
  });

  it("what it refuses is counted", () => {
    const collector = new Collector();
    collector.answers = false;
    const options: Options = {
      format: { case: "text", value: "x" },
      output: otlp({ flushInterval: { seconds: 0n, nanos: 50_000_000 } }),
    };
    const mesh = meshWith(collector, options);
    ask(mesh, "GET a", "GET b", "GET c");
    mesh.host.advance(100);
    // ExportLogsServiceResponse { partial_success { rejected_log_records: 2 } }
    collector.take(collector.streams[0], Buffer.from([0x0a, 0x02, 0x08, 0x02]));
    mesh.run();
    expect(mesh.stat("access_log_dropped")).toBe(2);
    ask(mesh, "GET a");
    mesh.host.advance(100);
    collector.streams[1]?.close(14, "unavailable");
    mesh.run();
    expect(mesh.stat("access_log_dropped")).toBe(3);
    collector.server.reachability = "no-endpoints";
    ask(mesh, "GET a");
    mesh.host.advance(100);
    expect(mesh.stat("access_log_dropped")).toBe(4);
    collector.server.reachability = "refused";
    ask(mesh, "GET a");
    mesh.host.advance(100);
    expect(mesh.stat("access_log_dropped")).toBe(5);
    collector.server.reachability = "up";
    collector.answers = true;
    ask(mesh, "GET a");
    mesh.host.advance(100);
    expect(mesh.stat("access_log_dropped")).toBe(5);
    expect(mesh.host.warnings).toEqual([]);
  });

  it("a call that never ends is given up", () => {
    const collector = new Collector();
    collector.answers = false;
    const mesh = meshWith(collector, {
      format: { case: "text", value: "x" },
      output: otlp({ flushInterval: { seconds: 0n, nanos: 50_000_000 } }),
    });
    ask(mesh, "GET a");
    mesh.host.advance(12_000);
    ask(mesh, "GET b");
    mesh.host.advance(100);
    expect(collector.requests).toHaveLength(2);
    expect(mesh.stat("access_log_dropped")).toBe(1);
  });

  it("keeps its records when the routes are replaced", () => {
    const collector = new Collector();
    const options: Options = { format: { case: "text", value: "%ATTR(key)%" }, output: otlp() };
    const server = new LineServer("v1");
    const mesh = meshWith(collector, options, { clusters: { v1: [server] } });
    ask(mesh, "GET a");
    mesh.host.reconfigure(
      pluginConfiguration({
        clusters: { v1: [server] },
        filters: [accessLog({ ...options, filter: { perMillion: 1_000_000 } })],
      }),
    );
    ask(mesh, "GET b");
    mesh.host.advance(1_100);
    expect(collector.requests).toHaveLength(1);
    expect(collector.records.map(({ body }) => body?.value.value)).toEqual(["a", "b"]);
  });

  it("there are no more than 16 at a time", () => {
    const collector = new Collector();
    const server = new LineServer("v1");
    const to = (count: number, from = 0): MeshOptions => ({
      clusters: { v1: [server] },
      routes: Array.from({ length: count }, (_, index) => ({
        match: [{ name: "key", exact: String(index + from) }],
        destinations: [{ cluster: "v1" }],
        filters: [
          accessLog({
            format: { case: "text", value: "x" },
            output: otlp({ resourceAttributes: { index: String(index + from) } }),
          }),
        ],
      })),
      host: { clusters: { collector: { grpc: collector.server } } },
    });
    const mesh = new LineMesh(to(16));
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration(to(17)));
    }).toThrow();
    const faults = mesh.host.logs.map(({ message }) => message).join("\n");
    expect(faults).toContain("routes[16].filters[0].otlp: more than 16 collectors are in use");
    // Those that nobody has used for a minute make room.
    mesh.host.advance(61_000);
    mesh.host.reconfigure(pluginConfiguration(to(16, 100)));
    ask(mesh, "GET 107");
    mesh.host.advance(1_100);
    expect(collector.requests[0]?.resourceLogs[0]?.resource?.attributes).toMatchObject([
      { key: "index", value: { value: { value: "107" } } },
    ]);
  });
});

describe("what is refused", () => {
  it.each<[string, Options, string]>([
    ["no format", { format: { case: undefined } }, "format: needs one of text, json"],
    [
      "no output",
      { format: text("x"), output: { case: undefined } },
      "output: needs one of log, otlp",
    ],
    [
      "an unknown operator",
      { format: text("%NOPE%") },
      "text: at offset 4: there is no operator %NOPE%",
    ],
    ["an empty text", { format: { case: "text", value: "" } }, "text: empty"],
    [
      "a line break within",
      { format: text("a\nb") },
      "text: a control character, such as a line break, within the line",
    ],
    ["no members", { format: json({}) }, "json.members: empty"],
    [
      "an unknown operator of a member",
      { format: json({ ok: "%DURATION%", bad: "x %FOO(a)%" }) },
      "json.members[bad]: at offset 2: there is no operator %FOO(a)%",
    ],
    [
      "more than a million of a million",
      { format: text("x"), filter: { perMillion: 1_000_001 } },
      "filter.perMillion: over 1000000",
    ],
    [
      "a negative duration",
      { format: text("x"), filter: { minDuration: { seconds: -1n, nanos: 0 } } },
      "filter.minDuration: not from 0s to 86400s",
    ],
    [
      "a collector without a name",
      { format: text("x"), output: { case: "otlp", value: {} } },
      "otlp.cluster: missing",
    ],
    [
      "a flush interval below a tick",
      {
        format: text("x"),
        output: { case: "otlp", value: { cluster: "c", flushInterval: { nanos: 9_000_000 } } },
      },
      "otlp.flushInterval: less than 0.01s",
    ],
    [
      "a resource that fills a batch",
      {
        format: text("x"),
        output: {
          case: "otlp",
          value: { cluster: "c", resourceAttributes: { a: "x".repeat(1 << 20) } },
        },
      },
      "otlp.resourceAttributes: too large",
    ],
  ])("%s", (_, options, fault) => {
    const server = new LineServer("v1");
    const mesh = new LineMesh({ clusters: { v1: [server] } });
    expect(() => {
      mesh.host.reconfigure(
        pluginConfiguration({ clusters: { v1: [server] }, filters: [accessLog(options)] }),
      );
    }).toThrow();
    const logs = mesh.host.logs.map(({ message }) => message).join("\n");
    expect(logs).toContain(`filters[0].${fault}`);
  });

  it("bytes that are no message", () => {
    const server = new LineServer("v1");
    const mesh = new LineMesh({ clusters: { v1: [server] } });
    const config = Buffer.from([0x0a, 0x7f]).toString("base64");
    const filters = [{ name: "metaproto.filters.access_log", config }];
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration({ clusters: { v1: [server] }, filters }));
    }).toThrow();
    const logs = mesh.host.logs.map(({ message }) => message).join("\n");
    expect(logs).toContain("filters[0].config: malformed protobuf");
  });
});
