// What the filter metaproto.filters.stats has told the host, as labels and values.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { StatsSchema } from "../../controlplane/gen/metaproto/filters/v1/stats_pb.js";
import type { FilterOptions, Mesh } from "../switchboard/mesh.js";
import { filterOptions } from "./filter-options.js";

export type StatsInit = MessageInitShape<typeof StatsSchema>;

export function statsFilter(config: StatsInit = {}): FilterOptions {
  return filterOptions(StatsSchema, config);
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LABEL = /([a-z_]+)=\.=([^;]*);\.;/g;

function sample(metric: string, value: bigint): Sample | undefined {
  if (!metric.includes("=.=")) return undefined;
  const labels = [...metric.matchAll(LABEL)].map(([, key = "", text = ""]) => [key, text] as const);
  const name = metric.replaceAll(LABEL, "");
  return { name, labels: Object.fromEntries(labels), value: Number(BigInt.asIntN(64, value)) };
}

/** All metrics with labels, once the module has handed them over. */
export function samples(mesh: Mesh): Sample[] {
  mesh.host.advance(3000);
  const { counters, gauges } = mesh.host.metrics;
  return [...counters, ...gauges].flatMap(([name, value]) => sample(name, value) ?? []);
}

/** Values by the given labels, joined with `/`; metrics that are 0 left out. */
export function byLabels(
  mesh: Mesh,
  metric: string,
  ...keys: readonly string[]
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const { name, labels, value } of samples(mesh)) {
    if (name !== metric || value === 0) continue;
    const key = keys.map((label) => labels[label] ?? "").join("/");
    values[key] = (values[key] ?? 0) + value;
  }
  return values;
}
