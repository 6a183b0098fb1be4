// Filter metaproto.filters.stats on the host emulator: what is counted, under which labels, and within
// which bounds.
import { describe, expect, it } from "vitest";
import { LineMesh, LineServer, type LineClient } from "../switchboard/line-fixture.js";
import { pluginConfiguration, routeConfiguration, type MeshOptions } from "../switchboard/mesh.js";
import { byLabels, samples, statsFilter, type StatsInit } from "./stats-fixture.js";

const REQUESTS = "metaproto.line.requests_total";
const RESPONSES = "metaproto.line.responses_total";
const ACTIVE = "metaproto.line.requests_active";
const DURATION = "metaproto.line.request_duration_milliseconds";

/** The default boundaries, and the bucket without an end. */
const ENDS = [
  ...["0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000"],
  ...["30000", "60000", "300000", "600000", "1800000", "3600000", "+Inf"],
];

function meshOf(
  server: LineServer,
  config: StatsInit = { methodAttribute: "verb" },
  options: Partial<MeshOptions> = {},
): LineMesh {
  return new LineMesh({ clusters: { v1: [server] }, filters: [statsFilter(config)], ...options });
}

function ask(mesh: LineMesh, ...lines: readonly string[]): LineClient {
  const client = mesh.connect();
  client.send(...lines);
  mesh.run();
  return client;
}

describe("requests", () => {
  it("are counted by route configuration, route, cluster and method", () => {
    const mesh = meshOf(
      new LineServer("v1"),
      { methodAttribute: "VERB" },
      {
        clusters: { v1: [new LineServer("v1")], v2: [new LineServer("v2")] },
        routes: [
          {
            name: "puts",
            match: [{ name: "verb", exact: "PUT" }],
            destinations: [{ cluster: "v2" }],
          },
          { name: "rest", destinations: [{ cluster: "v1" }] },
        ],
      },
    );
    ask(mesh, "PUT a", "GET b", "GET c", "DEL d");
    expect(
      byLabels(mesh, REQUESTS, "route_configuration", "route", "upstream_cluster", "method"),
    ).toEqual({
      "demo_20880/puts/v2/PUT": 1,
      "demo_20880/rest/v1/GET": 2,
      "demo_20880/rest/v1/DEL": 1,
    });
    ask(mesh, "GET e");
    expect(byLabels(mesh, REQUESTS, "method")).toEqual({ PUT: 1, GET: 3, DEL: 1 });
  });

  it("without a method attribute are not told apart, and have no such label", () => {
    const mesh = meshOf(new LineServer("v1"), {});
    ask(mesh, "PUT a", "GET b");
    const counted = samples(mesh).filter(({ name }) => name === REQUESTS);
    expect(counted).toEqual([
      {
        name: REQUESTS,
        labels: { route_configuration: "demo_20880", route: "default", upstream_cluster: "v1" },
        value: 2,
      },
    ]);
  });

  it("without a route have `-`, and so has all that is not known of a malformed one", () => {
    const mesh = meshOf(
      new LineServer("v1"),
      { methodAttribute: "verb" },
      {
        routes: [{ match: [{ name: "verb", exact: "GET" }], destinations: [{ cluster: "v1" }] }],
      },
    );
    ask(mesh, "PUT a");
    ask(mesh, "\x01");
    expect(
      byLabels(mesh, RESPONSES, "route", "upstream_cluster", "method", "status", "response_flag"),
    ).toEqual({ "-/-/PUT/error/NR": 1, "-/-/-/error/DPE": 1 });
    expect(byLabels(mesh, REQUESTS, "method")).toEqual({ PUT: 1, "-": 1 });
    expect(byLabels(mesh, ACTIVE)).toEqual({});
  });

  it("without the attribute have the method `-`", () => {
    const mesh = meshOf(new LineServer("v1"), { methodAttribute: "nothing" });
    ask(mesh, "GET a");
    expect(byLabels(mesh, REQUESTS, "method")).toEqual({ "-": 1 });
  });

  it("that are under way are active, and bytes are counted both ways", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(server);
    ask(mesh, "GET abc", "GET d");
    expect(byLabels(mesh, ACTIVE, "method")).toEqual({ GET: 2 });
    server.answer(1);
    mesh.run();
    expect(byLabels(mesh, ACTIVE, "method")).toEqual({ GET: 1 });
    server.answer();
    mesh.run();
    expect(byLabels(mesh, ACTIVE, "method")).toEqual({});
    expect(byLabels(mesh, "metaproto.line.request_bytes_total", "method")).toEqual({ GET: 8 + 6 });
    expect(byLabels(mesh, "metaproto.line.response_bytes_total", "method")).toEqual({
      GET: "v1: GET abc\n".length + "v1: GET d\n".length,
    });
  });
});

describe("responses", () => {
  it("are counted by status and flag, those of the proxy as well", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(
      server,
      { methodAttribute: "verb" },
      {
        routes: [{ destinations: [{ cluster: "v1" }], timeout: "0.1s" }],
        clusterSettings: { v1: { maxRequests: 2 } },
      },
    );
    ask(mesh, "GET late", "GET gone", "GET beyond");
    mesh.host.advance(200);
    const client = ask(mesh, "GET a");
    client.socket.close();
    mesh.run();
    server.answers = true;
    ask(mesh, "GET b");
    expect(byLabels(mesh, RESPONSES, "status", "response_flag")).toEqual({
      "error/UT": 1,
      // A time-out closes a connection that answers in order.
      "error/UC": 1,
      "error/UO": 1,
      "error/DC": 1,
      "ok/-": 1,
    });
    expect(byLabels(mesh, REQUESTS, "method")).toEqual({ GET: 5 });
    expect(byLabels(mesh, ACTIVE)).toEqual({});
  });
});

describe("durations", () => {
  it("fall into Istio's buckets, cumulatively", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(server, {});
    for (const [index, ms] of [40, 70, 300].entries()) {
      ask(mesh, `GET ${String(index)}`);
      mesh.host.advance(ms);
      server.answer();
      mesh.run();
    }
    const buckets = samples(mesh).filter(({ name }) => name === `${DURATION}_bucket`);
    expect(buckets.map(({ labels }) => labels["le"])).toEqual(ENDS);
    const values = buckets.map(({ value }) => value);
    expect(values).toEqual([0, 0, 0, 0, 0, 1, 2, 2, 3, ...Array<number>(11).fill(3)]);
    expect(byLabels(mesh, `${DURATION}_count`)).toEqual({ "": 3 });
    const sum = byLabels(mesh, `${DURATION}_sum`)[""] ?? 0;
    expect(sum).toBeGreaterThanOrEqual(410);
    expect(sum).toBeLessThan(450);
  });

  it("or into those that are asked for", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(server, { durationBucketsMs: [20, 100, 4294967295] });
    ask(mesh, "GET a");
    mesh.host.advance(50);
    server.answer();
    mesh.run();
    expect(byLabels(mesh, `${DURATION}_bucket`, "le")).toEqual({
      "100": 1,
      "4294967295": 1,
      "+Inf": 1,
    });
  });
});

describe("labels", () => {
  it("cannot be broken by what a client or a route calls itself", () => {
    const names = ["a.b.c", "..", "x;.;route=.=y;.;", "100%", "顾客", '"\\', "_rq_200"];
    const mesh = meshOf(
      new LineServer("v1"),
      { methodAttribute: "verb" },
      {
        routes: [{ name: "r;.;method=.=z;.;", destinations: [{ cluster: "v1" }] }],
      },
    );
    for (const name of names) {
      const client = mesh.connect();
      client.socket.send(Buffer.from(`${name} a\n`));
    }
    mesh.connect().socket.send(Buffer.from([0xc0, 0x41, 0xed, 0xa0, 0x80, 0xe9, 0x20, 0x0a]));
    mesh.run();
    expect(byLabels(mesh, REQUESTS, "route", "method")).toEqual(
      Object.fromEntries(
        [
          "a.b.c",
          "..",
          "x%3B.%3Broute%3D.%3Dy%3B.%3B",
          "100%25",
          "顾客",
          '"\\',
          "_rq_200",
          "%C0A%ED%A0%80%E9",
        ].map((name) => [`r%3B.%3Bmethod%3D.%3Dz%3B.%3B/${name}`, 1]),
      ),
    );
  });

  it("are cut off at 256 bytes", () => {
    const mesh = meshOf(new LineServer("v1"));
    ask(mesh, `${"x".repeat(300)} a`, `${"x".repeat(256)} a`);
    expect(byLabels(mesh, REQUESTS, "method")).toEqual({ ["x".repeat(256)]: 2 });
  });
});

describe("bounds", () => {
  it("further methods are `other`, the first ones keep their own series", () => {
    const mesh = meshOf(new LineServer("v1"), { methodAttribute: "verb", maxMethods: 2 });
    ask(mesh, "A 1", "B 2", "C 3", "D 4", "A 5");
    expect(byLabels(mesh, REQUESTS, "method")).toEqual({ A: 2, B: 1, other: 2 });
  });

  it("are those of each route configuration", () => {
    const server = new LineServer("v1");
    const options = {
      clusters: { v1: [server] },
      filters: [statsFilter({ methodAttribute: "verb", maxMethods: 1 })],
    };
    const routeConfigurations = ["a", "b"].map((name) => routeConfiguration(options, name));
    const mesh = new LineMesh({ ...options, plugin: { routeConfigurations } });
    for (const name of ["a", "b"]) {
      mesh.connectSocket(name).send(Buffer.from(`${name} 1\nX 2\n`));
      mesh.run();
    }
    expect(byLabels(mesh, REQUESTS, "route_configuration", "method")).toEqual({
      "a/a": 1,
      "a/other": 1,
      "b/b": 1,
      "b/other": 1,
    });
  });

  it("a hundred methods unless told otherwise", () => {
    const mesh = meshOf(new LineServer("v1"));
    ask(mesh, ...Array.from({ length: 130 }, (_, index) => `M${String(index)} a`));
    mesh.host.advance(10_000);
    const counted = byLabels(mesh, REQUESTS, "method");
    expect(counted["other"]).toBe(30);
    expect(Object.keys(counted)).toHaveLength(101);
  });

  it("beyond 1024 series everything is `other`, and an unused one gives way after ten minutes", () => {
    const routes = Array.from({ length: 30 }, (_, index) => ({
      name: `r${String(index)}`,
      match: [{ name: "key", exact: String(index) }],
      destinations: [{ cluster: "v1" }],
    }));
    const mesh = meshOf(
      new LineServer("v1"),
      { methodAttribute: "verb", maxMethods: 50 },
      { routes },
    );
    for (let route = 0; route < 30; route++) {
      ask(mesh, ...Array.from({ length: 40 }, (_, m) => `M${String(m)} ${String(route)}`));
    }
    mesh.host.advance(70_000);
    const counted = byLabels(
      mesh,
      REQUESTS,
      "route_configuration",
      "route",
      "upstream_cluster",
      "method",
    );
    expect(Object.keys(counted)).toHaveLength(1025);
    expect(counted["other/other/other/other"]).toBe(30 * 40 - 1024);
    expect(counted["demo_20880/r29/v1/M3"]).toBeUndefined();

    mesh.host.advance(11 * 60_000);
    ask(mesh, "M3 29");
    const later = byLabels(mesh, REQUESTS, "route", "method");
    expect(later["r29/M3"]).toBe(1);
    expect(later["other/other"]).toBe(30 * 40 - 1024);
  });
});

describe("a new route configuration", () => {
  it("goes on with the series of routes that are still there", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server, { methodAttribute: "verb" });
    ask(mesh, "GET a");
    expect(byLabels(mesh, REQUESTS, "route")).toEqual({ default: 1 });
    mesh.host.reconfigure(
      pluginConfiguration({
        clusters: { v1: [server] },
        filters: [statsFilter({ methodAttribute: "verb" })],
        routes: [
          { name: "default", destinations: [{ cluster: "v1" }] },
          { name: "new", destinations: [{ cluster: "v1" }] },
        ],
      }),
    );
    ask(mesh, "GET a");
    expect(byLabels(mesh, REQUESTS, "route")).toEqual({ default: 2 });
  });

  it.each([
    [{ maxMethods: 1001 }, "filters[0].maxMethods: must not be more than 1000"],
    [{ methodAttribute: "x".repeat(257) }, "filters[0].methodAttribute: longer than 256 bytes"],
    [{ durationBucketsMs: [5, 5] }, "durationBucketsMs[1]: must be larger than the one before"],
    [{ durationBucketsMs: [0] }, "filters[0].durationBucketsMs[0]: must be 1 to 4294967295"],
    [
      { durationBucketsMs: Array.from({ length: 65 }, (_, index) => index + 1) },
      "filters[0].durationBucketsMs: must not be more than 64",
    ],
    [{ istio: { reporter: 2 } }, "filters[0].istio.reporter: must be SOURCE or DESTINATION"],
    [
      { istio: { labels: { team: "a" } } },
      "filters[0].istio.labels: Istio's metrics have no label team",
    ],
    [
      { istio: { labels: { source_app: "x".repeat(257) } } },
      "filters[0].istio.labels.source_app: longer than 256",
    ],
  ] as const)("that is wrong is refused: %j", (config, fault) => {
    const server = new LineServer("v1");
    const mesh = meshOf(server);
    const filters = [statsFilter(config as StatsInit)];
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration({ clusters: { v1: [server] }, filters }));
    }).toThrow();
    expect(mesh.host.logs.map(({ message }) => message).join("\n")).toContain(fault);
  });

  it("that is no message is refused", () => {
    const server = new LineServer("v1");
    const mesh = meshOf(server);
    const config = Buffer.from([0x0a, 0x7f, 0x00]).toString("base64");
    const filters = [{ name: "metaproto.filters.stats", config }];
    expect(() => {
      mesh.host.reconfigure(pluginConfiguration({ clusters: { v1: [server] }, filters }));
    }).toThrow();
    const logs = mesh.host.logs.map(({ message }) => message).join("\n");
    expect(logs).toContain("filters[0]: malformed at byte 0");
  });
});

describe("several workers", () => {
  it("add up, and gauges too", () => {
    const server = new LineServer("v1");
    server.answers = false;
    const mesh = meshOf(server, { methodAttribute: "verb" }, { host: { workers: 2 } });
    for (const worker of [0, 1, 1]) {
      mesh.connectSocket(undefined, worker).send(Buffer.from("GET a\n"));
    }
    mesh.run();
    expect(byLabels(mesh, ACTIVE, "method")).toEqual({ GET: 3 });
    server.answer(2);
    mesh.run();
    expect(byLabels(mesh, ACTIVE, "method")).toEqual({ GET: 1 });
    expect(byLabels(mesh, REQUESTS, "method")).toEqual({ GET: 3 });
    expect(byLabels(mesh, `${DURATION}_count`)).toEqual({ "": 2 });
  });
});
