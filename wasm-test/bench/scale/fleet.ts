// Many simulated proxies. Each has a stream as Envoy's own, subscribed to all clusters, their endpoints and all
// listeners, and one as the module of a worker has it, subscribed to some route configurations. Whatever they
// are sent they accept, and count.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import {
  type Cluster,
  Cluster_DiscoveryType,
  ClusterSchema,
} from "../../../controlplane/gen/envoy/config/cluster/v3/cluster_pb.js";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "../../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";

const METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
const PREFIX = "type.googleapis.com";
const CLUSTER = `${PREFIX}/envoy.config.cluster.v3.Cluster`;
const ENDPOINT = `${PREFIX}/envoy.config.endpoint.v3.ClusterLoadAssignment`;
const LISTENER = `${PREFIX}/envoy.config.listener.v3.Listener`;
const ROUTES = `${PREFIX}/metaproto.v1.RouteConfiguration`;

/** What came of one type, over all streams. */
export interface Received {
  responses: number;
  resources: number;
  bytes: number;
  /** When the last one came: milliseconds since 1970. */
  lastMs: number;
}

/** By the type's last word, such as `Cluster`. */
export type FleetReport = Readonly<Record<string, Received>>;

/** The serialized names are the same each time: only what is answered differs. */
class Subscription {
  private readonly names: Uint8Array;

  constructor(
    private readonly typeUrl: string,
    resourceNames: readonly string[],
  ) {
    this.names = toBinary(
      DiscoveryRequestSchema,
      create(DiscoveryRequestSchema, { resourceNames: [...resourceNames] }),
    );
  }

  /** The first request, or the one that accepts `response`. */
  request(node: object, response?: DiscoveryResponse): Buffer {
    const { typeUrl } = this;
    const rest = create(DiscoveryRequestSchema, {
      typeUrl,
      node,
      ...(response && { responseNonce: response.nonce, versionInfo: response.versionInfo }),
    });
    return Buffer.concat([this.names, toBinary(DiscoveryRequestSchema, rest)]);
  }
}

export interface FleetOptions {
  /** `host:port` of the control plane. */
  readonly address: string;
  readonly proxies: number;
  /** Envoy's own streams go elsewhere. */
  readonly isRoutesOnly: boolean;
  /** Of each proxy's module, by the number of the proxy. */
  readonly routeNames: (proxy: number) => readonly string[];
}

export class Fleet {
  private readonly clients: Client[] = [];
  private received: Record<string, Received> = {};
  /** Endpoint subscriptions by version of the clusters: the same for every proxy. */
  private readonly endpoints = new Map<string, Subscription>();

  constructor({ address, proxies, isRoutesOnly, routeNames }: FleetOptions) {
    for (let proxy = 0; proxy < proxies; proxy++) {
      this.addProxy(address, proxy, isRoutesOnly, routeNames(proxy));
    }
  }

  /** What came since the last call. */
  takeReport(): FleetReport {
    const report = this.received;
    this.received = {};
    return report;
  }

  stop(): void {
    for (const client of this.clients) client.close();
  }

  private addProxy(
    address: string,
    proxy: number,
    isRoutesOnly: boolean,
    routeNames: readonly string[],
  ): void {
    const id = `sidecar~10.2.0.1~proxy-${String(proxy)}.bench~bench.svc.cluster.local`;
    const client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
    this.clients.push(client);
    if (!isRoutesOnly) {
      this.openStream(client, { id, cluster: "bench", userAgentName: "envoy" }, [
        [CLUSTER, new Subscription(CLUSTER, [])],
        [LISTENER, new Subscription(LISTENER, [])],
      ]);
    }
    this.openStream(client, { id, cluster: "bench", userAgentName: "metaproto" }, [
      [ROUTES, new Subscription(ROUTES, routeNames)],
    ]);
  }

  private openStream(client: Client, node: object, types: [string, Subscription][]): void {
    const subscriptions = new Map(types);
    const stream: ClientDuplexStream<Buffer, DiscoveryResponse> = client.makeBidiStreamRequest(
      METHOD,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => {
        const response = fromBinary(DiscoveryResponseSchema, bytes);
        this.count(response, bytes.length);
        return response;
      },
    );
    stream.on("error", () => undefined);
    stream.on("data", (response: DiscoveryResponse) => {
      const answer = subscriptions.get(response.typeUrl)?.request(node, response);
      if (answer !== undefined) stream.write(answer);
      if (response.typeUrl !== CLUSTER) return;
      const endpoints = this.endpointsOf(response);
      const before = subscriptions.get(ENDPOINT);
      subscriptions.set(ENDPOINT, endpoints);
      // As Envoy does: an answer may still be due, and the nonce tells that none is given here.
      if (before !== endpoints) stream.write(endpoints.request(node));
    });
    for (const subscription of subscriptions.values()) stream.write(subscription.request(node));
  }

  private endpointsOf({ versionInfo, resources }: DiscoveryResponse): Subscription {
    const known = this.endpoints.get(versionInfo);
    if (known !== undefined) return known;
    const names = resources
      .map(({ value }): Cluster => fromBinary(ClusterSchema, value))
      .filter(
        ({ clusterDiscoveryType: type }) =>
          type.case === "type" && type.value === Cluster_DiscoveryType.EDS,
      )
      .map(({ name }) => name);
    const subscription = new Subscription(ENDPOINT, names);
    this.endpoints.set(versionInfo, subscription);
    return subscription;
  }

  private count({ typeUrl, resources }: DiscoveryResponse, bytes: number): void {
    const name = typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
    const received = (this.received[name] ??= { responses: 0, resources: 0, bytes: 0, lastMs: 0 });
    received.responses++;
    received.resources += resources.length;
    received.bytes += bytes;
    received.lastMs = performance.timeOrigin + performance.now();
  }
}
