// A Thrift mesh with one server, whose requests are traced, and its collector.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { TracingSchema } from "../../controlplane/gen/metaproto/filters/v1/tracing_pb.js";
import type { ThriftWire } from "../envoy/support/thrift-wire.js";
import type { TestHostOptions } from "../host/index.js";
import type { FilterOptions } from "../switchboard/mesh.js";
import { Service, ThriftMesh, type ThriftClient } from "../switchboard/thrift-fixture.js";
import { filterOptions } from "./filter-options.js";
import { TraceCollector } from "./trace-collector.js";

/** The transport that carries contexts. */
export const HEADER = { transport: "header", protocol: "binary" } as const satisfies ThriftWire;

/** Of a million traces. */
export const ALWAYS = 1_000_000;

/** Envoy's name of the collector. */
const COLLECTOR = "collector";

export type TracingOptions = MessageInitShape<typeof TracingSchema>;

/** The filter with a collector and a name, and what `options` say. */
export function tracing(options: TracingOptions): FilterOptions {
  return filterOptions(TracingSchema, { cluster: COLLECTOR, serviceName: "shop", ...options });
}

/** What a mesh with `collector` is made of besides its servers. */
export function tracedBy(
  collector: TraceCollector,
  options: TracingOptions,
): { filters: FilterOptions[]; host: Partial<TestHostOptions> } {
  return {
    filters: [tracing(options)],
    host: { clusters: { [COLLECTOR]: { grpc: collector.server } } },
  };
}

export class TracedMesh {
  readonly service = new Service("v1");
  readonly collector = new TraceCollector();
  readonly mesh: ThriftMesh;
  readonly client: ThriftClient;

  constructor(options: TracingOptions, wire: ThriftWire = HEADER, workers = 1) {
    const { filters, host } = tracedBy(this.collector, options);
    this.mesh = new ThriftMesh({
      clusters: { v1: [this.service] },
      filters,
      host: { ...host, workers },
    });
    this.client = this.mesh.connect(wire);
  }

  /** Calls, and lets the span reach the collector. */
  call(headers?: Readonly<Record<string, string>>): void {
    this.client.call("hello", headers === undefined ? {} : { headers });
    this.flush();
  }

  /** Lets spans reach the collector. */
  flush(): void {
    this.mesh.run();
    this.mesh.host.advance(1200);
  }

  /** THeader key-values of the last call as the server got them. */
  get received(): Readonly<Record<string, string>> {
    return this.service.requests.at(-1)?.message.headers ?? {};
  }
}
