// Two Envoys in a row, the caller's and the service's: each shows the other's workload in Istio's metrics, and
// neither the official clients nor their servers see what the proxies tell each other.
import { afterAll, beforeAll, expect, test } from "vitest";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  PeerMetadata_Side as Side,
  PeerMetadataSchema,
} from "../../controlplane/gen/metaproto/filters/v1/peer_metadata_pb.js";
import {
  Stats_Reporter as Reporter,
  StatsSchema,
} from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import { waitUntil } from "./support/deadline.js";
import { describeWith } from "./support/describe-with.js";
import { missingDubboPeer, startDubboConsumer, startDubboProvider } from "./support/dubbo-peer.js";
import { Envoy } from "./support/envoy.js";
import { parsePrometheus } from "./support/prometheus.js";
import { LISTENER, switchboardBootstrap } from "./support/switchboard-bootstrap.js";
import { missingThriftPeer, startThriftClient, startThriftServer } from "./support/thrift-peer.js";

const CLUSTER = "outbound|20880||cart.shop";
const KEYS = ["workload", "workload_namespace", "cluster", "app", "version", "canonical_service"];
const SIDES = ["source", "destination"];
const TAGS = [
  "reporter",
  ...SIDES.flatMap((side) => [
    ...[...KEYS, "canonical_revision", "principal"].map((key) => `${side}_${key}`),
  ]),
  ...["destination_service", "destination_service_name", "destination_service_namespace"],
  ...["request_protocol", "response_code", "response_flags", "connection_security_policy", "le"],
];

/** As Istio's injector writes it for a pod. */
const NODES = {
  source: {
    id: "sidecar~10.0.0.1~web-v1.front~front.svc.cluster.local",
    cluster: "web.front",
    metadata: {
      NAMESPACE: "front",
      WORKLOAD_NAME: "web-v1",
      CLUSTER_ID: "Kubernetes",
      LABELS: { app: "web", version: "v1", "service.istio.io/canonical-name": "web" },
    },
  },
  destination: {
    id: "sidecar~10.0.0.2~cart-v2.shop~shop.svc.cluster.local",
    cluster: "cart.shop",
    metadata: {
      NAMESPACE: "shop",
      WORKLOAD_NAME: "cart-v2",
      CLUSTER_ID: "Kubernetes",
      LABELS: { app: "cart", version: "v2" },
    },
  },
};

type Place = keyof typeof NODES;

function bootstrap(protocol: "dubbo" | "thrift", place: Place, port: number): object {
  const isSource = place === "source";
  const encoded = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  const peers = create(PeerMetadataSchema, {
    side: isSource ? Side.OUTBOUND : Side.INBOUND,
    propagate: true,
  });
  const reporter = isSource ? Reporter.SOURCE : Reporter.DESTINATION;
  const stats = create(StatsSchema, { istio: { reporter } });
  const filters = [
    {
      name: "metaproto.filters.peer_metadata",
      config: encoded(toBinary(PeerMetadataSchema, peers)),
    },
    { name: "metaproto.filters.stats", config: encoded(toBinary(StatsSchema, stats)) },
  ];
  const routes = [{ name: "all", destinations: [{ cluster: CLUSTER }] }];
  const clusters = [{ name: CLUSTER, endpoints: 1 }];
  return {
    ...switchboardBootstrap({
      protocol,
      clusters: { [CLUSTER]: [port] },
      plugin: { routeConfigurations: [{ name: "test", filters, clusters, routes }] },
    }),
    node: NODES[place],
    stats_config: {
      stats_tags: TAGS.map((tag) => ({ tag_name: tag, regex: `(${tag}=\\.=(.*?);\\.;)` })),
    },
  };
}

/** The server behind the service's proxy, behind the caller's. */
class Pair {
  private constructor(
    readonly source: Envoy,
    readonly destination: Envoy,
    readonly port: number,
  ) {}

  static async start(protocol: "dubbo" | "thrift", port: number): Promise<Pair> {
    const destination = await Envoy.start({ bootstrap: bootstrap(protocol, "destination", port) });
    const inner = await destination.listenerPort(LISTENER);
    const source = await Envoy.start({ bootstrap: bootstrap(protocol, "source", inner) });
    return new Pair(source, destination, await source.listenerPort(LISTENER));
  }

  /** The labels of all requests of one proxy, once it has counted so many; they have one set in common. */
  async labels(place: Place, requests: number): Promise<Readonly<Record<string, string>>> {
    const found = await waitUntil(`${String(requests)} requests told by the ${place}`, async () => {
      const samples = parsePrometheus(await this[place].admin("/stats/prometheus")).filter(
        ({ name, value }) => name === "istio_requests_total" && value > 0,
      );
      const total = samples.reduce((sum, { value }) => sum + value, 0);
      return total === requests ? samples : undefined;
    });
    expect(found).toHaveLength(1);
    return found[0]?.labels ?? {};
  }

  async stop(): Promise<void> {
    await this.source.stop();
    await this.destination.stop();
  }
}

const WEB = {
  source_workload: "web-v1",
  source_workload_namespace: "front",
  source_cluster: "Kubernetes",
  source_app: "web",
  source_version: "v1",
  source_canonical_service: "web",
  source_canonical_revision: "v1",
};
const CART = {
  destination_workload: "cart-v2",
  destination_workload_namespace: "shop",
  destination_cluster: "Kubernetes",
  destination_app: "cart",
  destination_version: "v2",
  destination_canonical_service: "cart",
  destination_canonical_revision: "v2",
};

function expectNothing(attachments: unknown): void {
  expect(JSON.stringify(attachments)).not.toContain("peer-metadata");
}

describeWith("Dubbo through two proxies", [missingDubboPeer()], () => {
  let provider: Awaited<ReturnType<typeof startDubboProvider>>;
  let consumer: Awaited<ReturnType<typeof startDubboConsumer>>;
  let pair: Pair;

  beforeAll(async () => {
    [provider, consumer] = await Promise.all([
      startDubboProvider({ endpoints: [{ label: "v1" }] }),
      startDubboConsumer(),
    ]);
    pair = await Pair.start("dubbo", provider.port("v1"));
  });

  afterAll(async () => {
    await Promise.all([provider.stop(), consumer.stop()]);
    await pair.stop();
  });

  test("each proxy knows the other's workload, and nobody else sees of it", async () => {
    const { port } = pair;
    const attachments = { user: "u-1" };
    for (let i = 0; i < 5; i++) {
      const seen = await consumer.call({ port }, { method: "attachments", attachments });
      expect(seen.value).toMatchObject({ user: "u-1" });
      expectNothing(seen.value);
      expectNothing(seen.attachments);
    }
    expect(await pair.labels("destination", 5)).toMatchObject({ reporter: "destination", ...WEB });
    expect(await pair.labels("source", 5)).toMatchObject({ reporter: "source", ...CART });
  });
});

describeWith("Thrift with THeader through two proxies", [missingThriftPeer("go")], () => {
  const HEADER = { transport: "header", protocol: "binary" } as const;

  test("each proxy knows the other's workload, and nobody else sees of it", async () => {
    const server = await startThriftServer("go", [{ label: "v1", ...HEADER }]);
    const client = await startThriftClient("go");
    const pair = await Pair.start("thrift", server.port("v1"));
    try {
      const target = { ...HEADER, port: pair.port };
      for (let i = 0; i < 5; i++) {
        const seen = await client.call(target, { method: "headers", headers: { user: "u-1" } });
        expect(seen.value).toMatchObject({ user: "u-1" });
        expectNothing(seen.value);
        expectNothing(seen.attachments);
      }
      expect(await pair.labels("destination", 5)).toMatchObject(WEB);
      expect(await pair.labels("source", 5)).toMatchObject(CART);
    } finally {
      await Promise.all([server.stop(), client.stop()]);
      await pair.stop();
    }
  });
});
