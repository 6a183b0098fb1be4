// From resources to objects of Istio. Goldens: testdata/istio/<case>.in.yaml (options, then resources) ->
// testdata/istio/<case>.out.yaml. Written anew with UPDATE_GOLDEN=1, to be reviewed.
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { formatFault } from "../api/fault.js";
import { type Resource, validateResource } from "../api/kinds.js";
import type { DefaultExportTo, ServiceFacts } from "./api-to-ir/istio-facts.js";
import { type Translation, translateToMesh } from "./api-to-ir/translate-to-mesh.js";
import {
  envoyFilters,
  type IstioOptions,
  type KubernetesObject,
  missingModules,
  type ModuleSource,
} from "./ir-to-istio/envoy-filters.js";
import { foundPlugin } from "./ir-to-istio/plugin-annotation.js";
import type { ModuleVersion } from "./ir-to-xds/module-version.js";
import { pluginVersions } from "./ir-to-xds/plugin-version.js";

const TESTDATA = join(import.meta.dirname, "testdata", "istio");
const ROOT = "istio-system";
const isUpdate = process.env["UPDATE_GOLDEN"] === "1";

interface GoldenModule extends Omit<ModuleVersion, "code"> {
  readonly url?: string;
}

interface GoldenOptions {
  readonly modules: readonly GoldenModule[];
  readonly otherModules?: readonly GoldenModule[];
  /** What canaries have of each of the protocols that have some. */
  readonly canaries?: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly module: GoldenModule;
  }[];
  readonly services?: Readonly<Record<string, ServiceFacts>>;
  readonly clusterDomain?: string;
  readonly defaultExportTo?: DefaultExportTo;
}

interface Case {
  readonly golden: GoldenOptions;
  readonly resources: readonly Resource[];
}

const cases = readdirSync(TESTDATA)
  .filter((file) => file.endsWith(".in.yaml"))
  .map((file) => file.slice(0, -".in.yaml".length));

function readCase(name: string): Case {
  const text = readFileSync(join(TESTDATA, `${name}.in.yaml`), "utf8");
  const [options, ...documents] = parseAllDocuments(text).map(
    (document) => document.toJS() as unknown,
  );
  const resources = documents.map((document) => {
    const validation = validateResource(document);
    if (validation.outcome !== "valid") throw new Error(JSON.stringify(validation));
    return validation.resource;
  });
  return { golden: options as GoldenOptions, resources };
}

function moduleOf({ name, digest }: GoldenModule): ModuleVersion {
  return { name, digest, code: Buffer.from(`code of ${digest}`) };
}

function translate({ golden, resources }: Case): Translation {
  const { services = {}, clusterDomain, defaultExportTo } = golden;
  return translateToMesh({
    resources,
    modules: [],
    rootNamespace: ROOT,
    ...(clusterDomain !== undefined && { clusterDomain }),
    istio: {
      services: new Map(Object.entries(services)),
      ...(defaultExportTo && { defaultExportTo }),
    },
  });
}

function optionsOf(golden: GoldenOptions, translation: Translation): IstioOptions {
  const urls = new Map(
    [...golden.modules, ...(golden.otherModules ?? [])].map(({ digest, url }) => [digest, url]),
  );
  const others = (golden.otherModules ?? []).map(moduleOf);
  return {
    rootNamespace: ROOT,
    controlPlane: {
      host: "metaproto.metaproto-system.svc",
      port: 15020,
      identity: "spiffe://cluster.local/ns/metaproto-system/sa/metaproto",
    },
    modules: new Map(golden.modules.map((module) => [module.name, moduleOf(module)])),
    otherPlugins: others.flatMap((module) =>
      pluginVersions(translation.mesh.protocols, new Map([[module.name, module]])),
    ),
    canaries: (golden.canaries ?? []).flatMap(({ labels, module }) =>
      pluginVersions(translation.mesh.protocols, new Map([[module.name, moduleOf(module)]])).map(
        (version) => ({ labels, version }),
      ),
    ),
    sourceOf: ({ digest }): ModuleSource => {
      const url = urls.get(digest);
      return url === undefined ? { kind: "inline" } : { kind: "remote", url, sha256: digest };
    },
  };
}

function objectsOf(input: Case): readonly KubernetesObject[] {
  const translation = translate(input);
  return envoyFilters(translation.mesh, optionsOf(input.golden, translation));
}

function toGolden(input: Case): string {
  const translation = translate(input);
  const { mesh, faults, warnings } = translation;
  const options = optionsOf(input.golden, translation);
  const findings = {
    faults: faults.map(formatFault),
    warnings: warnings.map(formatFault),
    missingModules: missingModules(mesh, options.modules),
  };
  const routes = mesh.listeners.map(({ name, filters, routes: all }) => ({
    name,
    filters: filters.map(({ kind }) => kind),
    routes: all.map(({ match, destinations, filters: own }) => ({
      match: match.map((item) => `${item.name} ${JSON.stringify(item.specifier)}`),
      to: destinations.map(({ cluster, weight }) => `${weight} ${cluster}`),
      filters: own.map(({ kind }) => kind),
    })),
  }));
  const format = { lineWidth: 0, aliasDuplicateObjects: false };
  return [findings, { routes }, ...envoyFilters(mesh, options)]
    .map((document) => stringify(document, format))
    .join("---\n");
}

describe("goldens", () => {
  test.each(cases)("%s", (name) => {
    const file = join(TESTDATA, `${name}.out.yaml`);
    const actual = toGolden(readCase(name));
    if (isUpdate) writeFileSync(file, actual);
    expect(actual).toBe(readFileSync(file, "utf8"));
  });

  test("there is no output without an input", () => {
    const stale = readdirSync(TESTDATA).filter(
      (file) => file.endsWith(".out.yaml") && !cases.includes(file.slice(0, -".out.yaml".length)),
    );
    if (isUpdate) for (const file of stale) rmSync(join(TESTDATA, file));
    expect(isUpdate ? [] : stale).toEqual([]);
  });
});

interface Patch {
  readonly applyTo: string;
  readonly match: { readonly context: string };
  readonly patch: { readonly operation: string; readonly value?: { readonly name: string } };
}

/** Objects for a waypoint have `targetRefs`, and are for nothing else. */
const WAYPOINT_CONTEXT = "SIDECAR_INBOUND";

/** Names that the objects of a namespace and of the root namespace add to a sidecar, a gateway or a waypoint. */
function added(objects: readonly KubernetesObject[], namespace: string, context: string): string[] {
  const isAtWaypoint = context === WAYPOINT_CONTEXT;
  return objects
    .filter(({ metadata }) => [namespace, ROOT].includes(metadata.namespace))
    .filter(({ spec }) => (spec["targetRefs"] !== undefined) === isAtWaypoint)
    .flatMap(({ spec }) => (spec["configPatches"] ?? []) as unknown as readonly Patch[])
    .filter(
      ({ match, patch }) => patch.operation === "ADD" && [context, "ANY"].includes(match.context),
    )
    .map(({ applyTo, patch }) => `${applyTo} ${patch.value?.name ?? ""}`);
}

describe("what must hold whatever the mesh", () => {
  test.each(cases)("%s: equal inputs give equal JSON", (name) => {
    expect(JSON.stringify(objectsOf(readCase(name)))).toBe(
      JSON.stringify(objectsOf(readCase(name))),
    );
  });

  test.each(cases)("%s: with times of creation the order of resources does not matter", (name) => {
    const { golden, resources } = readCase(name);
    const dated = resources.map((resource, index) => ({
      ...resource,
      metadata: { ...resource.metadata, creationTimestamp: new Date(index * 1000).toISOString() },
    })) as Resource[];
    const inOrder = objectsOf({ golden, resources: dated });
    expect(objectsOf({ golden, resources: [...dated].reverse() })).toEqual(inOrder);
  });

  test.each(cases)("%s: names are DNS labels, each once in its namespace", (name) => {
    const names = objectsOf(readCase(name)).map(({ kind, metadata }) => {
      expect(metadata.name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
      expect(metadata.labels["app.kubernetes.io/managed-by"]).toBe("metaproto");
      return `${kind} ${metadata.namespace}/${metadata.name}`;
    });
    expect(names).toEqual([...new Set(names)]);
  });

  test.each(cases)("%s: no proxy is given a cluster, listener or plugin twice", (name) => {
    const objects = objectsOf(readCase(name));
    for (const namespace of new Set(objects.map(({ metadata }) => metadata.namespace)))
      for (const context of ["SIDECAR_OUTBOUND", "GATEWAY", WAYPOINT_CONTEXT]) {
        const names = added(objects, namespace, context);
        expect(names).toEqual([...new Set(names)]);
      }
  });

  test.each(cases)("%s: what proxies dial is added wherever a plugin is placed", (name) => {
    const objects = objectsOf(readCase(name));
    for (const { metadata, spec } of objects) {
      if (metadata.labels["metaproto.io/component"] === "stock") continue;
      const patches = (spec["configPatches"] ?? []) as unknown as readonly Patch[];
      for (const { match, patch } of patches) {
        if (patch.operation !== "INSERT_BEFORE") continue;
        const plugin = patch.value?.name ?? "";
        const ofSidecar = match.context === "GATEWAY" ? "GATEWAY" : "SIDECAR_OUTBOUND";
        const context = spec["targetRefs"] === undefined ? ofSidecar : WAYPOINT_CONTEXT;
        const names = added(objects, metadata.namespace, context);
        expect(names).toContain(`EXTENSION_CONFIG ${plugin}`);
        expect(names.some((item) => item.startsWith(`LISTENER ${plugin}.`))).toBe(true);
        expect(names.some((item) => item.startsWith(`CLUSTER ${plugin}.`))).toBe(true);
      }
    }
  });
});

test("what is in the cluster tells what runs, and makes the very same objects again", () => {
  const input = readCase("canary");
  const objects = objectsOf(input);
  const found = objects.flatMap((object) => foundPlugin(object) ?? []);
  const kinds = new Set(found.map(({ role, version }) => `${role} ${version.digest.slice(0, 2)}`));
  expect([...kinds].sort()).toEqual([
    "canary bb",
    "current aa",
    "version 99",
    "version aa",
    "version bb",
  ]);
  const ofRole = (role: string) => found.filter((plugin) => plugin.role === role);
  const options = optionsOf(input.golden, translate(input));
  const again = envoyFilters(translate(input).mesh, {
    ...options,
    modules: new Map(),
    current: new Map(ofRole("current").map(({ version }) => [version.protocol.name, version])),
    otherPlugins: ofRole("version")
      .filter(({ labels }) => labels === undefined)
      .map(({ version }) => version),
    canaries: ofRole("canary")
      .slice(0, 1)
      .map(({ version, labels = {} }) => ({ version, labels })),
  });
  expect(again).toEqual(objects);
});
