// Every filter on every request: the configuration that has them all, the services that they ask and tell, and the
// official clients that ask beside the load.
import {
  type DubboConsumer,
  missingDubboPeer,
  startDubboConsumer,
} from "../envoy/support/dubbo-peer.js";
import type { LoadProtocol } from "../envoy/support/load.js";
import { missingOtelCollector, OtelCollector } from "../envoy/support/otel-collector.js";
import type { Traffic, TrafficTally } from "../envoy/support/peer-client.js";
import { missingRateLimitService, RateLimitService } from "../envoy/support/rate-limit-service.js";
import { type RouteOptions, yamlOf } from "../envoy/support/resources.js";
import {
  missingThriftPeer,
  startThriftClient,
  type ThriftClient,
} from "../envoy/support/thrift-peer.js";
import { FRAMED } from "../envoy/support/thrift-wire.js";
import type { ChaosWorld, Surroundings } from "./world.js";

/** Methods of the load, `call0` and so on; the last ones meet what others do not. */
export const METHODS = 20;
const DENIED = "call19";
const LIMITED = "call18";
const ASKED = "call17";

/** What a line of the access log begins with. */
export const LINE = "CHAOS ";

const COLLECTOR = { host: "collector.chaos", port: 4317 };
const LIMITER = { host: "limiter.chaos", port: 8081 };
/** Of the official clients, per second and protocol. */
const OFFICIAL_RATE = 50;

interface Place {
  readonly host: string;
  readonly port: number;
}

function clusterOf({ host, port }: Place): string {
  return `outbound|${String(port)}||${host}`;
}

function serviceEntry({ host, port }: Place, realPort: number): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: host.replaceAll(".", "-"), namespace: "test" },
    spec: {
      hosts: [host],
      ports: [{ number: port, name: "grpc", protocol: "GRPC" }],
      resolution: "STATIC",
      endpoints: [{ address: "127.0.0.1", ports: { grpc: realPort } }],
    },
  };
}

function policy(name: string, spec: object): object {
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaAuthorizationPolicy",
    metadata: { name, namespace: "test" },
    spec,
  };
}

function ofMethod(exact: string): object {
  return { attributes: { method: { exact } } };
}

function ofSource(source: object): object {
  return { rules: [{ from: [{ source }] }] };
}

const POLICIES = [
  policy("denied", {
    action: "DENY",
    rules: [{ to: [{ operation: ofMethod(DENIED) }] }],
  }),
  policy("local", ofSource({ ipBlocks: ["127.0.0.0/8", "::1"] })),
  policy("dry", { dryRun: true, ...ofSource({ namespaces: ["nobody"] }) }),
];

function perSecond(requests: number): object {
  const perFill = Math.max(1, Math.round(requests / 20));
  return { maxTokens: 2 * perFill, tokensPerFill: perFill, fillInterval: "50ms" };
}

function telemetry(protocol: LoadProtocol, hasCollector: boolean): object {
  const cluster = clusterOf(COLLECTOR);
  const flushInterval = "0.1s";
  const stats = { methodAttribute: "method", maxMethods: 8, istio: {} };
  const lines = {
    text: `${LINE}%PROTOCOL% "%ATTR(method)%" %RESPONSE_FLAGS% %DURATION% %UPSTREAM_HOST% %TRACE_ID%`,
    filter: { errorsOnly: true },
  };
  if (!hasCollector) return { stats, accessLog: lines };
  const records = {
    json: { method: "%ATTR(method)%", flags: "%RESPONSE_FLAGS%", ms: "%DURATION%" },
    otlp: { cluster, flushInterval },
    filter: { percentage: { value: 5 } },
  };
  return {
    stats,
    accessLog: protocol === "dubbo" ? records : lines,
    tracing: {
      ...{ cluster, flushInterval, serviceName: protocol, randomSamplingPercentage: 1 },
      tags: { method: "%ATTR(method)%" },
    },
  };
}

/** Call `stop`, always. What a machine lacks is left out. */
export class EveryFilter implements Surroundings {
  private constructor(
    readonly collector: OtelCollector | undefined,
    private readonly limiter: RateLimitService | undefined,
    private readonly consumer: DubboConsumer | undefined,
    private readonly client: ThriftClient | undefined,
  ) {}

  static async start(): Promise<EveryFilter> {
    const [collector, limiter, consumer, client] = await Promise.all([
      missingOtelCollector() === undefined ? OtelCollector.start() : undefined,
      missingRateLimitService() === undefined
        ? RateLimitService.start([
            {
              domain: "chaos",
              descriptors: [
                { key: "method", rate_limit: { unit: "second", requests_per_unit: 20 } },
              ],
            },
          ])
        : undefined,
      missingDubboPeer() === undefined ? startDubboConsumer() : undefined,
      missingThriftPeer("go") === undefined ? startThriftClient("go") : undefined,
    ]);
    return new EveryFilter(collector, limiter, consumer, client);
  }

  /** @throws Error when the world has others. */
  static of(world: ChaosWorld): EveryFilter {
    if (world.surroundings instanceof EveryFilter) return world.surroundings;
    throw new Error("a world without filters");
  }

  get files(): Record<string, string> {
    const { collector, limiter } = this;
    return {
      "filters.yaml": yamlOf(
        ...POLICIES,
        collector && serviceEntry(COLLECTOR, collector.port),
        limiter && serviceEntry(LIMITER, limiter.port),
      ),
    };
  }

  get settings(): Readonly<Record<LoadProtocol, object>> {
    const hasCollector = this.collector !== undefined;
    return { dubbo: telemetry("dubbo", hasCollector), thrift: telemetry("thrift", hasCollector) };
  }

  get router(): Readonly<Record<string, unknown>> {
    const localRateLimit = {
      tokenBucket: perSecond(900),
      conditions: [{ match: ofMethod(LIMITED), tokenBucket: perSecond(20) }],
    };
    if (this.limiter === undefined) return { localRateLimit };
    const globalRateLimit = {
      ...{ domain: "chaos", rateLimitService: clusterOf(LIMITER), requestTimeout: "500ms" },
      match: ofMethod(ASKED),
      descriptors: [{ property: "method", descriptorKey: "method" }],
    };
    return { localRateLimit, globalRateLimit };
  }

  readonly route = (protocol: LoadProtocol): Partial<RouteOptions> => {
    return {
      name: "everything",
      requestMutation: { "x-caller": "%ATTR(method)% of %ROUTE_NAME%" },
      responseMutation: { "x-served": "%UPSTREAM_HOST%" },
      more: {
        fault: {
          delay: { fixedDelay: "20ms", percentage: { value: 2 } },
          abort: { kind: "INTERNAL", percentage: { value: 1 } },
        },
        retries: { attempts: 2, perTryTimeout: "250ms", retryOn: "gateway-error" },
        mirrors: [
          {
            destination: { host: `demo.${protocol}`, subset: "v2" },
            percentage: { value: 10 },
          },
        ],
      },
    };
  };

  /** The official clients ask until they are stopped, each by its own function, which closes its connections. */
  async ask(world: ChaosWorld): Promise<ReadonlyMap<LoadProtocol, () => Promise<TrafficTally>>> {
    const asking = new Map<LoadProtocol, () => Promise<TrafficTally>>();
    for (const { protocol, port } of world.sides) {
      const client = protocol === "dubbo" ? this.consumer : this.client;
      const traffic = await this.trafficOf(protocol, port);
      if (traffic === undefined) continue;
      asking.set(protocol, async () => {
        const tally = await traffic.stop();
        await client?.close(port);
        return tally;
      });
    }
    return asking;
  }

  private trafficOf(protocol: LoadProtocol, port: number): Promise<Traffic> | undefined {
    if (protocol === "dubbo") {
      const hello = { method: "sayHello", args: ["you"] };
      return this.consumer?.traffic({ port }, [hello], OFFICIAL_RATE);
    }
    const hello = { method: "hello", args: ["you"] } as const;
    return this.client?.traffic({ port, ...FRAMED }, [hello], OFFICIAL_RATE);
  }

  readonly stop = async (): Promise<void> => {
    const { collector, limiter, consumer, client } = this;
    for (const peer of [collector, limiter, consumer, client]) await peer?.stop();
  };
}
