import { create } from "@bufbuild/protobuf";
import { type StatsConfig, StatsConfigSchema } from "../../gen/envoy/config/metrics/v3/stats_pb.js";

/** Labels of the filter `metaproto.filters.stats`. */
const ROUTE_LABELS = [
  "route_configuration",
  "route",
  "cluster",
  "method",
  "status",
  "response_flag",
] as const;

/** Labels of Istio's standard metrics, as the same filter tells them; `reporter` stands before them. */
const ISTIO_LABELS = [
  "source_workload",
  "source_workload_namespace",
  "source_principal",
  "source_app",
  "source_version",
  "source_cluster",
  "source_canonical_service",
  "source_canonical_revision",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_app",
  "destination_version",
  "destination_cluster",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "request_protocol",
  "response_code",
  "response_flags",
  "connection_security_policy",
] as const;

/** `key=.=value;.;`: a value has neither `;` nor `=` in it, the modules write them as %3B and %3D. */
function label(prefix: string, name: string): { tagName: string; regex: string } {
  return { tagName: name, regex: `^wasmcustom\\.${prefix}(${name}=\\.=([^;]*);\\.;)` };
}

/**
 * Labels for the modules' own metrics: `wasmcustom.metaproto.<protocol>.local_reply_<flag>` becomes
 * `metaproto_local_reply{protocol="...",response_flag="..."}` in Prometheus. Of each expression the first group is
 * cut out of the name and the second is the label's value. All of them begin with `^wasmcustom\.`, for which Envoy
 * looks before it tries the expression.
 */
export function statsConfig(): StatsConfig {
  const tags = [
    { tagName: "protocol", regex: String.raw`^wasmcustom\.metaproto\.(([^.]+)\.)` },
    {
      tagName: "response_flag",
      regex: String.raw`^wasmcustom\.metaproto\.[^.]+\.local_reply(_([a-z]+))$`,
    },
    {
      tagName: "policy",
      regex: String.raw`^wasmcustom\.metaproto\.[^.]+\.authorization_policy(\.(.+))\.matched$`,
    },
    ...ROUTE_LABELS.map((name) => label("metaproto\\..*?", name)),
    label("", "reporter"),
    ...ISTIO_LABELS.map((name) => label("reporter=.*?", name)),
    label(".*?", "le"),
  ];
  return create(StatsConfigSchema, {
    statsTags: tags.map(({ tagName, regex }) => ({
      tagName,
      tagValue: { case: "regex" as const, value: regex },
    })),
  });
}
