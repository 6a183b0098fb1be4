// Golden: testdata/everything.in.yaml -> everything.out.yaml. Written anew with UPDATE_GOLDEN=1, to be reviewed.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import {
  type FilterConfig,
  type RouteConfiguration,
  RouteConfigurationSchema,
} from "../../gen/metaproto/v1/route_pb.js";
import type { Cluster } from "../../ir/cluster.js";
import type { Listener } from "../../ir/mesh.js";
import { FILTER_SCHEMAS } from "./filters.js";
import type { CompileRegex } from "./matches.js";
import { translateToRoutes } from "./translate-to-routes.js";

const TESTDATA = join(import.meta.dirname, "testdata");

const fakeCompile: CompileRegex = (pattern) => ({
  dfa: Buffer.from(`dfa of ${pattern}`),
  literalPrefix: "1.",
});

function readable({ routes, filters, ...rest }: RouteConfiguration): unknown {
  const decode = (configs: readonly FilterConfig[]): unknown[] =>
    configs.map(({ name, config, disabled }) => {
      const schema = FILTER_SCHEMAS.get(name);
      if (disabled) return { name, disabled };
      if (schema === undefined) return { name, bytes: Buffer.from(config).toString() };
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

  test("filters are named after the files that have their messages, whose first one is theirs", () => {
    for (const [name, schema] of FILTER_SCHEMAS) {
      expect(schema.file.name.replace("metaproto/filters/v1/", "metaproto.filters.")).toBe(name);
      expect(schema.file.messages[0]).toBe(schema);
    }
    expect(FILTER_SCHEMAS.size).toBe(8);
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
