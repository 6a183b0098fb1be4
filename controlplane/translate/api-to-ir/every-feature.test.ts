// What modules that have every filter and feature are asked to do.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { formatFault } from "../../api/fault.js";
import { type Resource, validateResource } from "../../api/kinds.js";
import type { FilterKind } from "../../ir/filter.js";
import type { EngineFeature, ModuleFeatures } from "../module-features.js";
import { translateToMesh } from "./translate-to-mesh.js";

const TESTDATA = join(import.meta.dirname, "testdata", "every-feature");

const EVERY_FILTER: Readonly<Record<FilterKind, true>> = {
  accessLog: true,
  authorization: true,
  fault: true,
  globalRateLimit: true,
  localRateLimit: true,
  stats: true,
  tracing: true,
};

const EVERY_FEATURE: Readonly<Record<EngineFeature, true>> = {
  retryPolicy: true,
  mirrors: true,
  hashPolicy: true,
  outlierDetection: true,
  mutationOperators: true,
};

const ALL: ModuleFeatures = {
  filters: new Set(Object.keys(EVERY_FILTER) as FilterKind[]),
  engine: new Set(Object.keys(EVERY_FEATURE) as EngineFeature[]),
};

const NONE: ModuleFeatures = { filters: new Set(), engine: new Set() };

function resources(yaml: string): Resource[] {
  return parseAllDocuments(yaml).map((document) => {
    const validation = validateResource(document.toJS());
    if (validation.outcome !== "valid") throw new Error(JSON.stringify(validation));
    return validation.resource;
  });
}

function translate(yaml: string, features: ModuleFeatures) {
  const translation = translateToMesh({ resources: resources(yaml), modules: [], features });
  return {
    ...translation,
    faults: translation.faults.map(formatFault),
    warnings: translation.warnings.map(formatFault),
  };
}

const FILTERS = readFileSync(join(TESTDATA, "filters.in.yaml"), "utf8");

describe("a translation for modules that can do everything", () => {
  it("is as reviewed", async () => {
    const { mesh, faults, warnings } = translate(FILTERS, ALL);
    const output = stringify(
      { mesh, faults, warnings },
      { lineWidth: 0, aliasDuplicateObjects: false },
    );
    await expect(output).toMatchFileSnapshot(join(TESTDATA, "filters.out.yaml"));
  });
});

describe("a translation for modules that can do nothing of it", () => {
  it("has none of it, and a warning for each", () => {
    const { mesh, faults, warnings } = translate(FILTERS, NONE);
    expect(faults).toEqual([]);
    const [listener] = mesh.listeners;
    expect(listener?.filters).toEqual([]);
    for (const route of listener?.routes ?? [])
      expect(route).toMatchObject({
        filters: [],
        mirrors: [],
        retryPolicy: undefined,
        hashPolicy: undefined,
      });
    for (const cluster of mesh.clusters)
      expect(cluster).toMatchObject({ hashPolicy: undefined, requestOutlierDetection: undefined });
    const paths = warnings.map((warning) => warning.split(": not applied by this version")[0]);
    expect(paths.sort()).toEqual([
      "ApplicationProtocol/dubbo: spec.accessLog",
      "ApplicationProtocol/dubbo: spec.stats",
      "ApplicationProtocol/dubbo: spec.tracing",
      "DestinationRule/cart: spec.trafficPolicy.loadBalancer.consistentHash",
      "DubboAuthorizationPolicy/callers",
      "MetaAuthorizationPolicy/everywhere",
      "MetaAuthorizationPolicy/named",
      "MetaAuthorizationPolicy/of-others",
      "MetaRouter/cart: spec.globalRateLimit",
      "MetaRouter/cart: spec.localRateLimit",
      "MetaRouter/cart: spec.routes[0].fault",
      "MetaRouter/cart: spec.routes[0].hashPolicy",
      "MetaRouter/cart: spec.routes[0].localRateLimit",
      "MetaRouter/cart: spec.routes[0].mirrors",
      "MetaRouter/cart: spec.routes[0].requestMutation[0].value: operators are not applied by this version: the text is taken as it is",
      "MetaRouter/cart: spec.routes[0].retries",
      "MetaRouter/cart: spec.routes[1].fault",
      "MetaRouter/cart: spec.routes[1].globalRateLimit",
      "MetaRouter/cart: spec.routes[1].hashPolicy",
      "MetaRouter/cart: spec.routes[1].mirror",
      "MetaRouter/cart: spec.routes[2].retries",
    ]);
  });

  it("keeps the values of mutations as they are", () => {
    const { mesh } = translate(FILTERS, NONE);
    expect(mesh.listeners[0]?.routes[0]?.requestMutation[0]?.value).toBe("%ROUTE_NAME% of 100%");
  });
});
