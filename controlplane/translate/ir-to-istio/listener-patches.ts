// What makes a listener of Istio one of ours: a module in front of an echo filter in the place of tcp_proxy.
import type { JsonValue } from "@bufbuild/protobuf";
import { FilterSchema } from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import { echoFilter } from "../ir-to-xds/listener.js";
import { METADATA_NAMESPACE, ROUTE_CONFIGURATION_KEY } from "../ir-to-xds/names.js";
import { resourceJson } from "../ir-to-xds/type-registry.js";
import { discoveredWasmFilter } from "../ir-to-xds/wasm-plugin.js";
import type { ConfigPatch, ListenerMatch, PatchContext } from "./envoy-filter.js";

const TCP_PROXY = "envoy.filters.network.tcp_proxy";
const ECHO = "envoy.filters.network.echo";
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
  return filterPatches("SIDECAR_OUTBOUND", { filterChain: { name: plugin } }, plugin);
}

/**
 * Of the listener that the service may share with HTTP services and with what is for no service. The filter chain of
 * the latter cannot be left out by a match: it gets a filter for the patches to hit first, which then goes again.
 */
export function wildcardListenerPatches(port: number, managed: Managed): readonly ConfigPatch[] {
  const context = "SIDECAR_OUTBOUND";
  return WILDCARDS.flatMap((address): readonly ConfigPatch[] => {
    const name = `${address}_${port}`;
    const inPassthrough = (filter?: string): ListenerMatch => ({
      name,
      filterChain: { name: PASSTHROUGH, ...(filter !== undefined && { filter: { name: filter } }) },
    });
    const removal = (filter: string): ConfigPatch => ({
      applyTo: "NETWORK_FILTER",
      context,
      listener: inPassthrough(filter),
      operation: "REMOVE",
    });
    return [
      metadataPatch(context, name, managed.routeConfiguration),
      {
        applyTo: "NETWORK_FILTER",
        context,
        listener: inPassthrough(),
        operation: "INSERT_FIRST",
        value: { ...echoJson(), name: TCP_PROXY },
      },
      ...filterPatches(context, { name }, managed.plugin),
      removal(managed.plugin),
      removal(ECHO),
    ];
  });
}

/** Of all filter chains, encrypted or not, of a port of the workload. The listener is all ports': it stays as it is. */
export function inboundPatches(port: number, plugin: string): readonly ConfigPatch[] {
  const match = { name: INBOUND_LISTENER, filterChain: { destinationPort: port } };
  return filterPatches("SIDECAR_INBOUND", match, plugin);
}

/** Of the filter chain of a service's port at its waypoint. The listener is all services': it stays as it is. */
export function waypointPatches(chain: string, plugin: string): readonly ConfigPatch[] {
  const match = { name: WAYPOINT_LISTENER, filterChain: { name: chain } };
  return filterPatches("SIDECAR_INBOUND", match, plugin);
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
      ...matches.flatMap((match) => filterPatches("GATEWAY", match, plugin)),
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
    value: resourceJson(FilterSchema, discoveredWasmFilter(other)),
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

/** In this order: the second one takes away what the first one is placed by. */
function filterPatches(
  context: PatchContext,
  match: ListenerMatch,
  plugin: string,
): readonly ConfigPatch[] {
  const listener = {
    ...match,
    filterChain: { ...match.filterChain, filter: { name: TCP_PROXY } },
  };
  const patch = (operation: ConfigPatch["operation"], value: JsonValue): ConfigPatch => ({
    applyTo: "NETWORK_FILTER",
    context,
    listener,
    operation,
    value,
  });
  return [
    patch("INSERT_BEFORE", resourceJson(FilterSchema, discoveredWasmFilter(plugin))),
    patch("REPLACE", echoJson()),
  ];
}

function echoJson(): { [field: string]: JsonValue } {
  return { ...(resourceJson(FilterSchema, echoFilter()) as { [field: string]: JsonValue }) };
}
