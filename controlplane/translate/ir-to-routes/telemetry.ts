import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AccessLogSchema } from "../../gen/metaproto/filters/v1/access_log_pb.js";
import {
  PeerMetadata_Side as Side,
  type PeerMetadataSchema,
} from "../../gen/metaproto/filters/v1/peer_metadata_pb.js";
import {
  Stats_Reporter as Reporter,
  type StatsSchema,
} from "../../gen/metaproto/filters/v1/stats_pb.js";
import {
  Tracing_Kind as Kind,
  type TracingSchema,
} from "../../gen/metaproto/filters/v1/tracing_pb.js";
import type { AccessLog, PeerMetadata, Stats, Tracing, WorkloadText } from "../../ir/filter.js";
import { durationField } from "./duration-field.js";

export function accessLog({
  format,
  otlp,
  filter,
}: AccessLog): MessageInitShape<typeof AccessLogSchema> {
  return {
    format:
      format.kind === "text"
        ? { case: "text", value: format.text }
        : { case: "json", value: { members: sorted(format.members) } },
    output:
      otlp === undefined
        ? { case: "log", value: true }
        : {
            case: "otlp",
            value: {
              cluster: otlp.cluster,
              ...durationField("flushInterval", otlp.flushIntervalMs),
              resourceAttributes: sorted(otlp.resourceAttributes),
            },
          },
    ...(filter && {
      filter: {
        errorsOnly: filter.errorsOnly,
        ...durationField("minDuration", filter.minDurationMs),
        perMillion: filter.perMillion,
      },
    }),
  };
}

export function tracing(from: Tracing): MessageInitShape<typeof TracingSchema> {
  return {
    cluster: from.cluster,
    serviceName: from.serviceName,
    kind: from.side === "server" ? Kind.SERVER : Kind.CLIENT,
    perMillion: from.perMillion,
    tags: sorted(from.tags),
    b3: from.b3,
    ...durationField("flushInterval", from.flushIntervalMs),
  };
}

export function stats(from: Stats): MessageInitShape<typeof StatsSchema> {
  const { methodAttribute, maxMethods, durationBucketsMs, istio } = from;
  return {
    methodAttribute,
    maxMethods: maxMethods ?? 0,
    durationBucketsMs: [...durationBucketsMs],
    ...(istio && {
      istio: {
        reporter: istio.reporter === "source" ? Reporter.SOURCE : Reporter.DESTINATION,
        labels: sorted(istio.labels),
      },
    }),
  };
}

export function peerMetadata(from: PeerMetadata): MessageInitShape<typeof PeerMetadataSchema> {
  const workload: Record<string, string> = {};
  for (const [name, value] of Object.entries(from.workload))
    if (value !== undefined) workload[WORKLOAD_NAMES[name as WorkloadText]] = value;
  return {
    side: from.side === "inbound" ? Side.INBOUND : Side.OUTBOUND,
    propagate: from.propagate,
    workload: sorted(workload),
  };
}

/** As the modules call them. */
const WORKLOAD_NAMES: Readonly<Record<WorkloadText, string>> = {
  workload: "workload",
  namespace: "namespace",
  cluster: "cluster",
  app: "app",
  version: "version",
  canonicalService: "canonical_service",
  canonicalRevision: "canonical_revision",
};

/** The order of a map's entries is that of its bytes. */
function sorted(members: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}
