// Golden: testdata/everything.in.yaml -> everything.out.yaml. Written anew with UPDATE_GOLDEN=1, to be reviewed.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DescMessage, fromBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { file_metaproto_filters_v1_access_log } from "../../gen/metaproto/filters/v1/access_log_pb.js";
import { file_metaproto_filters_v1_authorization } from "../../gen/metaproto/filters/v1/authorization_pb.js";
import { file_metaproto_filters_v1_fault } from "../../gen/metaproto/filters/v1/fault_pb.js";
import { file_metaproto_filters_v1_global_rate_limit } from "../../gen/metaproto/filters/v1/global_rate_limit_pb.js";
import { file_metaproto_filters_v1_local_rate_limit } from "../../gen/metaproto/filters/v1/local_rate_limit_pb.js";
import { file_metaproto_filters_v1_stats } from "../../gen/metaproto/filters/v1/stats_pb.js";
import { file_metaproto_filters_v1_tracing } from "../../gen/metaproto/filters/v1/tracing_pb.js";
import {
  type FilterConfig,
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../gen/metaproto/v1/route_pb.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Listener } from "../../ir/mesh.js";
import type { CompileRegex } from "./matches.js";
import { translateToRoutes } from "./translate-to-routes.js";

const TESTDATA = join(import.meta.dirname, "testdata");

const fakeCompile: CompileRegex = (pattern) => ({
  dfa: Buffer.from(`dfa of ${pattern}`),
  literalPrefix: "1.",
});

/** Filters are named after the files that have their messages; the first message is the filter's own. */
const FILTER_SCHEMAS: ReadonlyMap<string, DescMessage> = new Map(
  [
    file_metaproto_filters_v1_access_log,
    file_metaproto_filters_v1_authorization,
    file_metaproto_filters_v1_fault,
    file_metaproto_filters_v1_global_rate_limit,
    file_metaproto_filters_v1_local_rate_limit,
    file_metaproto_filters_v1_stats,
    file_metaproto_filters_v1_tracing,
  ].flatMap(({ name, messages: [message] }) =>
    message === undefined
      ? []
      : [[name.replace("metaproto/filters/v1/", "metaproto.filters."), message] as const],
  ),
);

function readable({ routes, filters, ...rest }: RouteConfiguration): unknown {
  const decode = (configs: readonly FilterConfig[]): unknown[] =>
    configs.map(({ name, config }) => {
      const schema = FILTER_SCHEMAS.get(name);
      if (schema === undefined) throw new Error(name);
      return { name, config: toJson(schema, fromBinary(schema, config)) };
    });
  const bare = { ...rest, filters: [], routes: routes.map((route) => ({ ...route, filters: [] })) };
  const json = toJson(RouteConfigurationSchema, bare) as { routes: object[] };
  return {
    ...json,
    routes: json.routes.map((route, index) => ({
      ...route,
      filters: decode(routes[index]?.filters ?? []),
    })),
    filters: decode(filters),
  };
}

function input(): { listener: Listener; clusters: ReadonlyMap<string, Cluster> } {
  const text = readFileSync(join(TESTDATA, "everything.in.yaml"), "utf8");
  const { listener, clusters } = parse(text) as { listener: Listener; clusters: Cluster[] };
  return { listener, clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])) };
}

describe("routes", () => {
  test("everything a route can say reaches the module", () => {
    const { listener, clusters } = input();
    const result = translateToRoutes(listener, clusters, fakeCompile);
    if (result.kind !== "routes") throw new Error(result.faults.join());
    const actual = stringify(readable(result.routes), { lineWidth: 0 });
    const file = join(TESTDATA, "everything.out.yaml");
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, actual);
    expect(actual).toBe(readFileSync(file, "utf8"));
  });

  test("a pattern that cannot be compiled refuses the whole, naming route and reason", () => {
    const { listener, clusters } = input();
    const result = translateToRoutes(listener, clusters, () => ({ error: "too many states" }));
    expect(result).toEqual({
      kind: "refused",
      faults: [
        'demo.meta_20880: route all kinds: match on version: regex "1\\\\..*": too many states',
        'demo.meta_20880: route all kinds: match on method: regex "get.*": too many states',
        'demo.meta_20880: filters: match on method: regex "a|b": too many states',
      ],
    });
  });
});
