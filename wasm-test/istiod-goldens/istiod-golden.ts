// Of what istiod gives a proxy, the part that our objects are about.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import type { FilterChain } from "../../controlplane/gen/envoy/config/listener/v3/listener_components_pb.js";
import type { Listener } from "../../controlplane/gen/envoy/config/listener/v3/listener_pb.js";

export const ECHO = "envoy.filters.network.echo";
export const TESTDATA = fileURLToPath(
  new URL("../../controlplane/translate/testdata/istio", import.meta.url),
);

export interface ChainView {
  /** Of the default filter chain. */
  readonly isDefault?: true;
  readonly name?: string;
  readonly destinationPort?: number;
  readonly transport?: string;
  readonly serverNames?: readonly string[];
  /** By name, in order. */
  readonly filters: readonly string[];
}

export interface ListenerView {
  readonly routes?: string;
  readonly isInternal?: true;
  readonly chains: readonly ChainView[];
}

export function goldenFile(name: string): string {
  return join(TESTDATA, `${name}.istiod.yaml`);
}

interface Document {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: unknown;
  readonly spec?: { readonly configPatches?: readonly Patch[] };
}

interface Patch {
  readonly applyTo: string;
  readonly match: unknown;
  readonly patch: { readonly operation: string; readonly value?: PatchValue };
}

interface PatchValue {
  readonly name?: string;
  readonly metadata?: unknown;
}

/**
 * Of what istiod was given, as far as it decides what is looked at: the resources of Istio, and of the patches all but
 * what is in the filters, clusters and plugins that they add.
 */
export function inputHash(name: string): string {
  const objects = ["in", "out"].flatMap((side) =>
    parseAllDocuments(readFileSync(join(TESTDATA, `${name}.${side}.yaml`), "utf8"))
      .map((document) => document.toJS() as Document)
      .filter(({ apiVersion }) => apiVersion?.startsWith("networking.istio.io/") === true)
      .map(shapeOf),
  );
  return createHash("sha256").update(JSON.stringify(objects)).digest("hex");
}

function shapeOf(object: Document): unknown {
  const { kind, metadata, spec } = object;
  const patches = spec?.configPatches;
  if (kind !== "EnvoyFilter" || patches === undefined) return object;
  const configPatches = patches.map(({ applyTo, match, patch: { operation, value } }) => ({
    applyTo,
    match,
    patch: { operation, name: value?.name, metadata: value?.metadata },
  }));
  return { kind, metadata, spec: { ...spec, configPatches } };
}

/** By name, sorted. */
export function proxyView(
  listeners: ReadonlyMap<string, Listener>,
): Readonly<Record<string, ListenerView>> {
  return Object.fromEntries(
    [...listeners.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, listener]) => [name, listenerView(listener)]),
  );
}

function listenerView(listener: Listener): ListenerView {
  const { filterChains, defaultFilterChain, metadata, listenerSpecifier } = listener;
  const routes = metadata?.filterMetadata["metaproto"]?.["route_configuration"];
  return {
    ...(typeof routes === "string" && { routes }),
    ...(listenerSpecifier.case === "internalListener" && { isInternal: true }),
    chains: [
      ...filterChains.map((chain) => chainView(chain)),
      ...(defaultFilterChain
        ? [{ isDefault: true as const, ...chainView(defaultFilterChain) }]
        : []),
    ],
  };
}

function chainView({ name, filterChainMatch, filters }: FilterChain): ChainView {
  const { destinationPort, transportProtocol = "", serverNames = [] } = filterChainMatch ?? {};
  return {
    ...(name !== "" && { name }),
    ...(destinationPort !== undefined && { destinationPort }),
    ...(transportProtocol !== "" && { transport: transportProtocol }),
    ...(serverNames.length > 0 && { serverNames: [...serverNames].sort() }),
    filters: filters.map((filter) => filter.name),
  };
}
