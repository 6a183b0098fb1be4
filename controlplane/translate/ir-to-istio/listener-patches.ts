// What makes a listener of Istio one of ours: a module in front of an echo filter in the place of tcp_proxy, or a filter
// of Envoy's own.
import type { JsonValue } from "@bufbuild/protobuf";
import {
  type Filter,
  FilterSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { echoFilter } from "../ir-to-xds/listener.js";
import { METADATA_NAMESPACE, ROUTE_CONFIGURATION_KEY } from "../ir-to-xds/names.js";
import { resourceJson } from "../ir-to-xds/type-registry.js";
import { discoveredWasmFilter } from "../ir-to-xds/wasm-plugin.js";
import type { ConfigPatch, ListenerMatch, PatchContext } from "./envoy-filter.js";

const TCP_PROXY = "envoy.filters.network.tcp_proxy";
/** Istio's, for what is for no service that it knows. */
const PASSTHROUGH = "PassthroughFilterChain";
const INBOUND_LISTENER = "virtualInbound";
const WAYPOINT_LISTENER = "main_internal";
/** Of all addresses, as Istio names the listeners. */
const WILDCARDS = ["0.0.0.0", "::"];

/** Route configuration and plugin of a listener. */
export interface Managed {
  readonly routeConfiguration: string;
  readonly plugin: string;
}

/**
 * Of a listener with nothing but the service's filter chains. istiod looks at every patch of NETWORK_FILTER for every
 * filter chain and again for every filter, at one of FILTER_CHAIN once: so each listener's chains only get a name here,
 * and `namedChainPatches` puts the filters into all that have it.
 */
export function ownListenerPatches(
  address: string,
  port: number,
  { routeConfiguration, plugin }: Managed,
): readonly ConfigPatch[] {
  const name = `${address}_${port}`;
  return [
    metadataPatch("SIDECAR_OUTBOUND", name, routeConfiguration),
    {
      applyTo: "FILTER_CHAIN",
      context: "SIDECAR_OUTBOUND",
      listener: { name },
      operation: "MERGE",
      value: { name: plugin },
    },
  ];
}

/** Of all filter chains with the plugin's name. */
export function namedChainPatches(plugin: string): readonly ConfigPatch[] {
  const match = { filterChain: { name: plugin } };
  return filterPatches("SIDECAR_OUTBOUND", match, moduleFilters(plugin));
}

/** What filter chains have that end in tcp_proxy at Istio. */
export interface ChainFilters {
  /** In front of it. */
  readonly before?: Filter | undefined;
  /** In its place. */
  readonly instead?: Filter | undefined;
}

/** As `ownListenerPatches`, of filters of Envoy's own. */
export function stockListenerPatches(
  address: string,
  port: number,
  filters: ChainFilters,
): readonly ConfigPatch[] {
  return filterPatches("SIDECAR_OUTBOUND", { name: `${address}_${port}` }, filters);
}

/** Of the listener that the service may share with HTTP services and with what is for no service. */
export function wildcardListenerPatches(
  port: number,
  { routeConfiguration, plugin }: Managed,
): readonly ConfigPatch[] {
  return WILDCARDS.flatMap((address) => {
    const name = `${address}_${port}`;
    return [
      metadataPatch("SIDECAR_OUTBOUND", name, routeConfiguration),
      ...sharedListenerPatches(name, moduleFilters(plugin)),
    ];
  });
}

/** As `wildcardListenerPatches`, of filters of Envoy's own. */
export function stockWildcardPatches(port: number, filters: ChainFilters): readonly ConfigPatch[] {
  return WILDCARDS.flatMap((address) => sharedListenerPatches(`${address}_${port}`, filters));
}

/**
 * The filter chain of what is for no service cannot be left out by a match: it gets a filter for the patches to hit
 * first, which then goes again.
 */
function sharedListenerPatches(name: string, filters: ChainFilters): readonly ConfigPatch[] {
  const context = "SIDECAR_OUTBOUND";
  const inPassthrough = (filter?: string): ListenerMatch => ({
    name,
    filterChain: { name: PASSTHROUGH, ...(filter !== undefined && { filter: { name: filter } }) },
  });
  const removal = (filter: Filter): ConfigPatch => ({
    applyTo: "NETWORK_FILTER",
    context,
    listener: inPassthrough(filter.name),
    operation: "REMOVE",
  });
  const { before, instead } = filters;
  const first: ConfigPatch = {
    applyTo: "NETWORK_FILTER",
    context,
    listener: inPassthrough(),
    operation: "INSERT_FIRST",
    value: { ...filterJson(echoFilter()), name: TCP_PROXY },
  };
  return [
    ...(instead === undefined ? [] : [first]),
    ...filterPatches(context, { name }, filters),
    ...[before, instead].flatMap((filter) => (filter === undefined ? [] : [removal(filter)])),
  ];
}

/** Of all filter chains, encrypted or not, of a port of the workload. The listener is all ports': it stays as it is. */
export function inboundPatches(port: number, plugin: string): readonly ConfigPatch[] {
  return filterPatches("SIDECAR_INBOUND", inboundMatch(port), moduleFilters(plugin));
}

/** As `inboundPatches`, of filters of Envoy's own. */
export function stockInboundPatches(port: number, filters: ChainFilters): readonly ConfigPatch[] {
  return filterPatches("SIDECAR_INBOUND", inboundMatch(port), filters);
}

function inboundMatch(port: number): ListenerMatch {
  return { name: INBOUND_LISTENER, filterChain: { destinationPort: port } };
}

/** Of the filter chain of a service's port at its waypoint. The listener is all services': it stays as it is. */
export function waypointPatches(chain: string, plugin: string): readonly ConfigPatch[] {
  const match = { name: WAYPOINT_LISTENER, filterChain: { name: chain } };
  return filterPatches("SIDECAR_INBOUND", match, moduleFilters(plugin));
}

/** @param serverNames of TLS; empty: the listener has one filter chain. */
export function gatewayPatches(
  port: number,
  serverNames: readonly string[],
  { routeConfiguration, plugin }: Managed,
): readonly ConfigPatch[] {
  return WILDCARDS.flatMap((address) => {
    const name = `${address}_${port}`;
    const matches =
      serverNames.length === 0
        ? [{ name }]
        : serverNames.map((sni) => ({ name, filterChain: { sni } }));
    return [
      metadataPatch("GATEWAY", name, routeConfiguration),
      ...matches.flatMap((match) => filterPatches("GATEWAY", match, moduleFilters(plugin))),
    ];
  });
}

/** Another configuration for the module of all listeners that have it, under its own name in the proxy. */
export function otherPluginPatch(
  context: PatchContext,
  plugin: string,
  other: string,
): ConfigPatch {
  return {
    applyTo: "NETWORK_FILTER",
    context,
    listener: { filterChain: { filter: { name: plugin } } },
    operation: "REPLACE",
    value: filterJson(discoveredWasmFilter(other)),
  };
}

function metadataPatch(
  context: PatchContext,
  name: string,
  routeConfiguration: string,
): ConfigPatch {
  return {
    applyTo: "LISTENER",
    context,
    listener: { name },
    operation: "MERGE",
    value: {
      metadata: {
        filter_metadata: {
          [METADATA_NAMESPACE]: { [ROUTE_CONFIGURATION_KEY]: routeConfiguration },
        },
      },
    },
  };
}

function moduleFilters(plugin: string): ChainFilters {
  return { before: discoveredWasmFilter(plugin), instead: echoFilter() };
}

/** In this order: the second one takes away what the first one is placed by. */
function filterPatches(
  context: PatchContext,
  match: ListenerMatch,
  { before, instead }: ChainFilters,
): readonly ConfigPatch[] {
  const listener = {
    ...match,
    filterChain: { ...match.filterChain, filter: { name: TCP_PROXY } },
  };
  const patches = (operation: ConfigPatch["operation"], filter?: Filter): ConfigPatch[] =>
    filter === undefined
      ? []
      : [{ applyTo: "NETWORK_FILTER", context, listener, operation, value: filterJson(filter) }];
  return [...patches("INSERT_BEFORE", before), ...patches("REPLACE", instead)];
}

function filterJson(filter: Filter): { [field: string]: JsonValue } {
  return { ...(resourceJson(FilterSchema, filter) as { [field: string]: JsonValue }) };
}
