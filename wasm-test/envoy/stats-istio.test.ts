// Istio's standard metrics from a real Envoy with the stats_tags and the stats_matcher that Istio's own
// bootstrap has, as of its main branch, after requests of the official Dubbo and Thrift clients.
import { afterAll, beforeAll, expect, test } from "vitest";
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Stats_Reporter as Reporter,
  StatsSchema,
} from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
  startDubboProvider,
} from "./support/dubbo-peer.js";
import { Envoy } from "./support/envoy.js";
import type { PeerServer } from "./support/peer-client.js";
import { parsePrometheus, type PrometheusSample } from "./support/prometheus.js";
import { LISTENER, switchboardBootstrap } from "./support/switchboard-bootstrap.js";
import { missingThriftPeer, startThriftClient, startThriftServer } from "./support/thrift-peer.js";
import { FRAMED } from "./support/thrift-wire.js";

/** What docs/operators/filters/stats.md asks to be set in the mesh's configuration. */
const EXTRA_STAT_TAGS = [
  ...["reporter", "source_workload", "source_workload_namespace", "source_principal"],
  ...["source_app", "source_version", "source_cluster", "source_canonical_service"],
  ...["source_canonical_revision", "destination_workload", "destination_workload_namespace"],
  ...["destination_principal", "destination_app", "destination_version", "destination_cluster"],
  ...["destination_canonical_service", "destination_canonical_revision", "destination_service"],
  ...["destination_service_name", "destination_service_namespace", "request_protocol"],
  ...["response_code", "response_flags", "connection_security_policy", "le"],
  ...["route_configuration", "route", "upstream_cluster", "method", "status", "response_flag"],
];

/** As Istio renders it: the expressions of extraStatTags among its own, which look anywhere in a name. */
const STATS_CONFIG = {
  use_all_default_tags: false,
  stats_tags: [
    {
      tag_name: "cluster_name",
      regex: String.raw`^cluster\.((.+?(\..+?\.svc\.cluster\.local)?)\.)`,
    },
    { tag_name: "tcp_prefix", regex: String.raw`^tcp\.((.*?)\.)\w+?$` },
    { tag_name: "response_code", regex: String.raw`_rq(_(\d{3}))$` },
    { tag_name: "response_code_class", regex: String.raw`_rq(_(\dxx))$` },
    ...EXTRA_STAT_TAGS.map((tag) => ({ tag_name: tag, regex: `(${tag}=\\.=(.*?);\\.;)` })),
    { tag_name: "cache", regex: String.raw`(cache\.(.+?)\.)` },
    { tag_name: "component", regex: String.raw`(component\.(.+?)\.)` },
    { tag_name: "tag", regex: String.raw`(tag\.(.+?);\.)` },
    { tag_name: "wasm_filter", regex: String.raw`(wasm_filter\.(.+?)\.)` },
  ],
  stats_matcher: {
    inclusion_list: {
      patterns: ["reporter=", "cluster_manager", "listener_manager", "server", "wasm", "istio"].map(
        (prefix) => ({ prefix }),
      ),
    },
  },
};

const HOST = "greeter.shop.svc.cluster.local";
const CLUSTER = `outbound|20880|v1|${HOST}`;

function bootstrap(
  protocol: "dubbo" | "thrift",
  port: number,
  method: string,
  istio: MessageInitShape<typeof StatsSchema>["istio"],
): object {
  const stats = create(StatsSchema, { methodAttribute: "method", ...(istio && { istio }) });
  const config = Buffer.from(toBinary(StatsSchema, stats)).toString("base64");
  const options = {
    protocol,
    clusters: { [CLUSTER]: [port] },
    plugin: {
      routeConfigurations: [
        {
          name: "test",
          filters: [{ name: "metaproto.filters.stats", config }],
          clusters: [{ name: CLUSTER, endpoints: 1 }],
          routes: [
            {
              name: "no-users",
              match: [{ name: "method", exact: method, invert: true }],
              destinations: [{ cluster: CLUSTER }],
              timeout: "0.5s",
            },
          ],
        },
      ],
    },
  };
  return { ...switchboardBootstrap(options), stats_config: STATS_CONFIG };
}

/** All of Istio's metrics and of the filter's own, once Envoy has so many requests of both. */
function samplesOf(envoy: Envoy, requests: number): Promise<PrometheusSample[]> {
  return waitUntil(`${String(requests)} requests told`, async () => {
    const samples = parsePrometheus(await envoy.admin("/stats/prometheus"));
    const sum = (end: RegExp): number =>
      samples.filter(({ name }) => end.test(name)).reduce((total, { value }) => total + value, 0);
    const counts = [/^istio_requests_total$/, /_responses_total$/, /^istio_response_bytes_count$/];
    return counts.every((name) => sum(name) === requests) ? samples : undefined;
  });
}

function byCode(samples: readonly PrometheusSample[]): Record<string, number> {
  const requests = samples.filter(({ name }) => name === "istio_requests_total");
  return Object.fromEntries(
    requests.map(({ labels, value }) => [
      `${labels["response_code"] ?? ""} ${labels["response_flags"] ?? ""}`,
      value,
    ]),
  );
}

describeWith("Istio's metrics of Dubbo", [missingDubboPeer()], () => {
  let provider: PeerServer;
  let consumer: DubboConsumer;
  let envoy: Envoy;
  let port: number;

  beforeAll(async () => {
    [provider, consumer] = await Promise.all([
      startDubboProvider({ endpoints: [{ label: "v1" }] }),
      startDubboConsumer(),
    ]);
    const labels = {
      source_workload: "web-v1",
      source_workload_namespace: "shop",
      source_canonical_service: "web",
      request_protocol: "http",
    };
    envoy = await Envoy.start({
      bootstrap: bootstrap("dubbo", provider.port("v1"), "getUser", {
        reporter: Reporter.SOURCE,
        labels,
      }),
    });
    port = await envoy.listenerPort(LISTENER);
  });

  afterAll(async () => {
    await Promise.all([provider.stop(), consumer.stop()]);
    await envoy.stop();
  });

  test("have the names, labels and values that dashboards ask for", async () => {
    for (let i = 0; i < 4; i++) await consumer.call({ port }, { method: "sayHello", args: ["a"] });
    await consumer.fail({ port }, { method: "failRuntime", args: ["boom"] });
    await consumer.fail({ port }, { method: "getUser", args: ["1"] });
    await consumer.fail({ port }, { method: "slow", args: [1_500] });
    const samples = await samplesOf(envoy, 7);
    expect(byCode(samples)).toEqual({ "200 -": 5, "404 NR": 1, "504 UT": 1 });
    const requests = samples.find(
      ({ name, labels }) => name === "istio_requests_total" && labels["response_code"] === "200",
    );
    expect(requests?.labels).toEqual({
      reporter: "source",
      source_workload: "web-v1",
      source_workload_namespace: "shop",
      source_principal: "unknown",
      source_app: "unknown",
      source_version: "unknown",
      source_cluster: "unknown",
      source_canonical_service: "web",
      source_canonical_revision: "unknown",
      destination_workload: "unknown",
      destination_workload_namespace: "unknown",
      destination_principal: "unknown",
      destination_app: "unknown",
      destination_version: "unknown",
      destination_cluster: "unknown",
      destination_canonical_service: "unknown",
      destination_canonical_revision: "unknown",
      destination_service: HOST,
      destination_service_name: "greeter",
      destination_service_namespace: "shop",
      request_protocol: "http",
      response_code: "200",
      response_flags: "-",
      connection_security_policy: "unknown",
    });
  });

  test("have durations and bytes as buckets", async () => {
    const samples = await samplesOf(envoy, 7);
    const late = samples.filter(({ labels }) => labels["response_code"] === "504");
    const buckets = new Map(
      late
        .filter(({ name }) => name === "istio_request_duration_milliseconds_bucket")
        .map(({ labels, value }) => [labels["le"], value]),
    );
    expect(buckets.size).toBe(20);
    expect([buckets.get("250"), buckets.get("+Inf")]).toEqual([0, 1]);
    const value = (metric: string): number | undefined =>
      late.find(({ name }) => name === metric)?.value;
    // The time-out of 500 ms, with its resolution of 10 ms.
    expect(value("istio_request_duration_milliseconds_sum")).toBeGreaterThanOrEqual(490);
    expect(value("istio_request_bytes_count")).toBe(1);
    expect(value("istio_request_bytes_sum")).toBeGreaterThan(100);
    expect(value("istio_response_bytes_sum")).toBeGreaterThan(50);
  });

  test("stand beside those of routes, whose labels are extracted as well", async () => {
    const samples = await samplesOf(envoy, 7);
    const requests = samples.filter(({ name }) => name === "metaproto_dubbo_requests_total");
    const { labels } = requests.find(({ labels: { method } }) => method === "sayHello") ?? {};
    expect(labels).toEqual({
      route_configuration: "test",
      route: "no-users",
      upstream_cluster: CLUSTER,
      method: "sayHello",
    });
    const names = new Set(samples.map(({ name }) => name).filter((name) => name.includes("istio")));
    expect([...names].sort()).toEqual([
      ...["bucket", "count", "sum"].map((part) => `istio_request_bytes_${part}`),
      ...["bucket", "count", "sum"].map((part) => `istio_request_duration_milliseconds_${part}`),
      "istio_requests_total",
      ...["bucket", "count", "sum"].map((part) => `istio_response_bytes_${part}`),
    ]);
  });
});

describeWith("Istio's metrics of Thrift", [missingThriftPeer("go")], () => {
  test("at the server's side, where nobody knows the client without mutual TLS", async () => {
    const server = await startThriftServer("go", [{ label: "v1", ...FRAMED }]);
    const client = await startThriftClient("go");
    const envoy = await Envoy.start({
      bootstrap: bootstrap("thrift", server.port("v1"), "getUser", {
        reporter: Reporter.DESTINATION,
        labels: { destination_workload: "greeter-v1", destination_service: "greeter" },
      }),
    });
    try {
      const target = { ...FRAMED, port: await envoy.listenerPort(LISTENER) };
      for (let i = 0; i < 3; i++) await client.call(target, { method: "hello", args: ["a"] });
      await client.fail(target, { method: "failBiz", args: ["boom"] });
      await client.fail(target, { method: "failUndeclared", args: ["boom"] });
      await client.fail(target, { method: "getUser", args: ["1"] });
      const samples = await samplesOf(envoy, 6);
      expect(byCode(samples)).toEqual({ "200 -": 4, "500 -": 1, "404 NR": 1 });
      const [requests] = samples.filter(({ name }) => name === "istio_requests_total");
      expect(requests?.labels).toMatchObject({
        reporter: "destination",
        destination_workload: "greeter-v1",
        destination_service: "greeter",
        source_principal: "unknown",
        request_protocol: "thrift",
        connection_security_policy: "none",
      });
    } finally {
      await Promise.all([server.stop(), client.stop()]);
      await envoy.stop();
    }
  });
});
