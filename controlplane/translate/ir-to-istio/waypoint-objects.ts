// What makes waypoints of a stock Istio run modules, for the services whose requests pass them. EnvoyFilters reach a
// waypoint by `targetRefs` only, of the context SIDECAR_INBOUND, also what they add.
import type { Filter } from "../../ir/filter.js";
import type { Listener } from "../../ir/mesh.js";
import type { WaypointPlacement } from "../../ir/placement.js";
import { pluginName } from "../ir-to-xds/names.js";
import type { PluginVersion } from "../ir-to-xds/plugin-version.js";
import type { ControlPlaneAddress } from "./control-plane-cluster.js";
import { controlPlanePatches } from "./control-plane-patches.js";
import { envoyFilter } from "./envoy-filter.js";
import { grouped } from "./grouped.js";
import type { KubernetesObject } from "./kubernetes-object.js";
import { waypointPatches } from "./listener-patches.js";
import { objectName, WAYPOINT_ROUTE_TEMPLATE, waypointPluginKey } from "./names.js";
import { pluginAnnotation, type PluginRole } from "./plugin-annotation.js";
import { dialNameOf, dialPatches, extensionConfigPatch, type Plugin } from "./plugin-patches.js";
import { protocolsOf, shortDigest, type Versions } from "./versions.js";

export type WaypointListener = Listener & { readonly placement: WaypointPlacement };

interface WaypointOptions {
  readonly rootNamespace: string;
  readonly controlPlane: ControlPlaneAddress;
}

/** A waypoint has the clusters of its own services' VIPs only: this says which others it is to have as well. */
const REFERENCED_SERVICES = "envoyfilter.istio.io/referenced-services";
/** Istio's name of a cluster. */
const CLUSTER = /^outbound\|\d+\|[^|]*\|(.+)$/;

export function waypointObjects(
  listeners: readonly WaypointListener[],
  versions: Versions,
  options: WaypointOptions,
): readonly KubernetesObject[] {
  const byGateway = grouped(listeners, ({ placement: { namespace, gateway } }) =>
    JSON.stringify([namespace, gateway]),
  );
  return [
    ...protocolsOf(listeners).flatMap((protocol) => moduleObjects(protocol, versions, options)),
    ...byGateway.flatMap((own) => gatewayObjects(own, versions, options)),
  ];
}

/** For all waypoints, since only one that has a listener with a plugin asks for it. */
function moduleObjects(
  protocol: string,
  versions: Versions,
  { rootNamespace }: WaypointOptions,
): readonly KubernetesObject[] {
  const object = (
    role: PluginRole,
    plugin: Plugin,
    slot: string,
    ...parts: readonly string[]
  ): KubernetesObject =>
    envoyFilter({
      component: "waypoint",
      name: objectName("waypoint", "module", protocol, ...parts),
      namespace: rootNamespace,
      waypoint: "all",
      annotations: pluginAnnotation(plugin, role, undefined),
      patches: [extensionConfigPatch(slot, plugin)],
    });
  const current = pluginOf(protocol, versions.currentOf(protocol), versions);
  return [
    object("current", current, pluginName(waypointPluginKey(protocol))),
    ...versions.allOf(protocol).map((version) => {
      const plugin = pluginOf(protocol, version, versions);
      return object("version", plugin, dialNameOf(plugin), shortDigest(version));
    }),
  ];
}

/** @param listeners of one waypoint. */
function gatewayObjects(
  listeners: readonly [WaypointListener, ...WaypointListener[]],
  versions: Versions,
  { controlPlane }: WaypointOptions,
): readonly KubernetesObject[] {
  const [first] = listeners;
  const { namespace, gateway } = first.placement;
  const common = { component: "waypoint", namespace, waypoint: { gateway } } as const;
  const dials = protocolsOf(listeners).flatMap((protocol) =>
    versions
      .allOf(protocol)
      .flatMap((version) => dialPatches(pluginOf(protocol, version, versions), "SIDECAR_INBOUND")),
  );
  const services = grouped(listeners, ({ host }) => host);
  return [
    envoyFilter({
      ...common,
      name: objectName("waypoint", gateway),
      patches: [...controlPlanePatches(controlPlane, "SIDECAR_INBOUND"), ...dials],
    }),
    ...services.map((own) => serviceObject(own, common, gateway)),
  ];
}

/** @param listeners of one service. */
function serviceObject(
  listeners: readonly [WaypointListener, ...WaypointListener[]],
  common: Pick<Parameters<typeof envoyFilter>[0], "component" | "namespace" | "waypoint">,
  gateway: string,
): KubernetesObject {
  const [{ host }] = listeners;
  const hosts = new Set(listeners.flatMap(clustersAskedBy).flatMap(hostOf));
  return envoyFilter({
    ...common,
    name: objectName("waypoint", gateway, host),
    ...(hosts.size > 0 && { annotations: { [REFERENCED_SERVICES]: [...hosts].sort().join(",") } }),
    patches: listeners.flatMap(({ name, protocol }) =>
      waypointPatches(name, pluginName(waypointPluginKey(protocol))),
    ),
  });
}

function clustersAskedBy({ clusterNames, routes, filters }: Listener): readonly string[] {
  const all = [...filters, ...routes.flatMap((route) => route.filters)];
  return [...clusterNames, ...all.flatMap(clusterOf)];
}

function clusterOf(filter: Filter): readonly string[] {
  switch (filter.kind) {
    case "globalRateLimit":
    case "tracing":
      return [filter.cluster];
    case "accessLog":
      return filter.otlp === undefined ? [] : [filter.otlp.cluster];
    default:
      return [];
  }
}

function hostOf(cluster: string): readonly string[] {
  const host = CLUSTER.exec(cluster)?.[1];
  return host === undefined ? [] : [host];
}

function pluginOf(protocol: string, version: PluginVersion, versions: Versions): Plugin {
  return versions.plugin(waypointPluginKey(protocol), version, WAYPOINT_ROUTE_TEMPLATE);
}
