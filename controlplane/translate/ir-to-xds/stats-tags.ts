import { create } from "@bufbuild/protobuf";
import { type StatsConfig, StatsConfigSchema } from "../../gen/envoy/config/metrics/v3/stats_pb.js";

/** Labels of the filter `metaproto.filters.stats`. */
const ROUTE_LABELS = [
  "route_configuration",
  "route",
  "upstream_cluster",
  "method",
  "status",
  "response_flag",
  "le",
] as const;

/** `key=.=value;.;`: a value has neither `;` nor `=` in it, the modules write them as %3B and %3D. */
function label(name: string): { tagName: string; regex: string } {
  return { tagName: name, regex: `^wasmcustom\\.metaproto\\..*?(${name}=\\.=([^;]*);\\.;)` };
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
    // Those of Istio's metrics would be 24 more, and Envoy tries each of them on each new metric.
    ...ROUTE_LABELS.map(label),
  ];
  return create(StatsConfigSchema, {
    statsTags: tags.map(({ tagName, regex }) => ({
      tagName,
      tagValue: { case: "regex" as const, value: regex },
    })),
  });
}
