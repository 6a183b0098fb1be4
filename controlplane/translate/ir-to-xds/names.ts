// Names that the proxy, the module and the control plane have to agree upon.

/** Cluster of the control plane in every proxy's bootstrap. */
export const DISCOVERY_CLUSTER = "metaproto-xds";

/** Cluster without endpoints: where an upstream connection ends whose destination nobody set. */
export const BLACKHOLE_CLUSTER = "metaproto.blackhole";

/** Namespace of filter metadata of listeners. */
export const METADATA_NAMESPACE = "metaproto";

/** Key in METADATA_NAMESPACE: the route configuration of the listener. */
export const ROUTE_CONFIGURATION_KEY = "route_configuration";

/** Characters of a digest that stand in names. */
const DIGEST_LENGTH = 12;

/** Name of a protocol's plugin, root context and VM, and of the extension configuration of its listeners. */
export function pluginName(protocol: string): string {
  return `metaproto.${protocol}`;
}

/**
 * Name of the internal listener, its cluster and its extension configuration. It changes with code and settings:
 * upstream connections that an old VM opens must not reach the VM that took its place.
 * @param digest of a PluginVersion.
 */
export function dialName(protocol: string, digest: string): string {
  return `metaproto.${protocol}.${digest.slice(0, DIGEST_LENGTH)}`;
}
