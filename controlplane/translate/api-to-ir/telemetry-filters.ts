// Filters that an ApplicationProtocol asks for, of all requests of its protocol.
import type { ApplicationProtocol } from "../../api/application-protocol.js";
import type {
  AccessLog as ApiAccessLog,
  PeerMetadata as ApiPeerMetadata,
  Stats as ApiStats,
  Tracing as ApiTracing,
} from "../../api/telemetry.js";
import type {
  AccessLog,
  Filter,
  FilterKind,
  PeerMetadata,
  Stats,
  Tracing,
} from "../../ir/filter.js";
import type { Route } from "../../ir/route.js";
import { NOT_APPLIED } from "../module-features.js";
import { parseClusterName } from "./cluster-name.js";
import { perMillion } from "./per-million.js";
import type { FilterContext } from "./router-filters.js";
import type { Service } from "./services.js";

/** A service with what is done with requests to it. */
export interface Served {
  readonly service: Service;
  readonly routes: readonly Route[];
}

export function telemetryFilters(
  protocol: ApplicationProtocol,
  served: Served,
  { features, report, grpcClusters }: FilterContext,
): readonly Filter[] {
  const { accessLog, tracing, stats, peerMetadata } = protocol.spec;
  const filters: Filter[] = [];
  const isApplied = (kind: FilterKind): boolean => {
    const isKnown = features.filters.has(kind);
    if (!isKnown) report.warning(protocol, `spec.${kind}`, NOT_APPLIED);
    return isKnown;
  };
  if (accessLog !== undefined && isApplied("accessLog")) {
    filters.push({ kind: "accessLog", ...accessLogOf(accessLog) });
    if (accessLog.otlp !== undefined)
      grpcClusters.use(accessLog.otlp.cluster, protocol, "spec.accessLog.otlp.cluster");
  }
  if (stats !== undefined && isApplied("stats"))
    filters.push({ kind: "stats", ...statsOf(stats, served) });
  if (peerMetadata !== undefined && isApplied("peerMetadata"))
    filters.push({ kind: "peerMetadata", ...peerMetadataOf(peerMetadata) });
  if (tracing !== undefined && isApplied("tracing")) {
    filters.push({ kind: "tracing", ...tracingOf(tracing) });
    grpcClusters.use(tracing.cluster, protocol, "spec.tracing.cluster");
  }
  return filters;
}

function accessLogOf({ format, otlp, filter }: ApiAccessLog): AccessLog {
  return {
    format,
    otlp,
    filter: filter && {
      errorsOnly: filter.errorsOnly,
      minDurationMs: filter.minDurationMs,
      perMillion: perMillion(filter.percentage),
    },
  };
}

function tracingOf({ kind, randomSamplingPercentage, ...rest }: ApiTracing): Tracing {
  return {
    ...rest,
    side: kind === "SERVER" ? "server" : "client",
    perMillion: perMillion(randomSamplingPercentage),
  };
}

function peerMetadataOf({ side, propagate, workload }: ApiPeerMetadata): PeerMetadata {
  return {
    side: side === "INBOUND" ? "inbound" : "outbound",
    propagate,
    workload: {
      workload: workload?.workload,
      namespace: workload?.namespace,
      cluster: workload?.cluster,
      app: workload?.app,
      version: workload?.version,
      canonicalService: workload?.canonicalService,
      canonicalRevision: workload?.canonicalRevision,
    },
  };
}

function statsOf({ methodAttribute, istio, ...rest }: ApiStats, served: Served): Stats {
  return {
    ...rest,
    methodAttribute: methodAttribute.toLowerCase(),
    istio: istio && {
      reporter: istio.reporter === "SOURCE" ? "source" : "destination",
      labels: { ...destinationLabels(served), ...istio.labels },
    },
  };
}

/**
 * The label that modules cannot find out from the name of a cluster: a ServiceEntry's host does not tell its namespace.
 * Where routes lead to other hosts it depends on the request.
 */
function destinationLabels({ service, routes }: Served): Readonly<Record<string, string>> {
  const { host, entry } = service;
  const isOwn = routes.every(({ destinations }) =>
    destinations.every(({ cluster }) => parseClusterName(cluster)?.host === host),
  );
  return isOwn ? { destination_service_namespace: entry.metadata.namespace } : {};
}
