import { create } from "@bufbuild/protobuf";
import { type StatsConfig, StatsConfigSchema } from "../../gen/envoy/config/metrics/v3/stats_pb.js";

/**
 * Labels for the modules' own metrics: `wasmcustom.metaproto.<protocol>.local_reply_<flag>` becomes
 * `metaproto_local_reply{protocol="...",response_flag="..."}` in Prometheus. Of each expression the first group is
 * cut out of the name and the second is the label's value.
 */
export function statsConfig(): StatsConfig {
  const regex = (value: string) => ({ case: "regex" as const, value });
  return create(StatsConfigSchema, {
    statsTags: [
      { tagName: "protocol", tagValue: regex(String.raw`^wasmcustom\.metaproto\.(([^.]+)\.)`) },
      {
        tagName: "response_flag",
        tagValue: regex(String.raw`^wasmcustom\.metaproto\.[^.]+\.local_reply(_([a-z]+))$`),
      },
    ],
  });
}
