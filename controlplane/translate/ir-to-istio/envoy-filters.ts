// The mesh as objects of Istio: what makes stock sidecars and gateways run modules.
import type { Listener, Mesh } from "../../ir/mesh.js";
import type {
  GatewayPlacement,
  InboundPlacement,
  OutboundPlacement,
  Labels,
  Placement,
  WaypointPlacement,
} from "../../ir/placement.js";
import type { ModuleVersion } from "../ir-to-xds/module-version.js";
import { pluginName } from "../ir-to-xds/names.js";
import { type PluginVersion, pluginVersions } from "../ir-to-xds/plugin-version.js";
import type { ControlPlaneAddress } from "./control-plane-cluster.js";
import { controlPlanePatches } from "./control-plane-patches.js";
import { envoyFilter, LATE_PRIORITY, type PatchContext } from "./envoy-filter.js";
import { inboundObjects } from "./inbound-objects.js";
import type { KubernetesObject } from "./kubernetes-object.js";
import {
  gatewayPatches,
  namedChainPatches,
  otherPluginPatch,
  ownListenerPatches,
  wildcardListenerPatches,
} from "./listener-patches.js";
import { canaryPlugin, objectName } from "./names.js";
import { ObjectMemo } from "./object-memo.js";
import { type PluginRole, pluginAnnotation } from "./plugin-annotation.js";
import {
  dialNameOf,
  dialPatches,
  extensionConfigPatch,
  type ModuleSource,
  type Plugin,
} from "./plugin-patches.js";
import {
  type CanaryPlugin,
  identityOf,
  type PlacedVersion,
  protocolsOf,
  shortDigest,
  Versions,
} from "./versions.js";
import { stockObjects } from "./stock-objects.js";
import { gatewayVirtualService } from "./virtual-service.js";
import { waypointObjects } from "./waypoint-objects.js";

export type { ControlPlaneAddress } from "./control-plane-cluster.js";
export type { KubernetesObject } from "./kubernetes-object.js";
export { ObjectMemo } from "./object-memo.js";
export type { ModuleSource } from "./plugin-patches.js";
export type { CanaryPlugin } from "./versions.js";

export interface IstioOptions {
  /** Of Istio: what is in it holds for all namespaces. */
  readonly rootNamespace: string;
  readonly controlPlane: ControlPlaneAddress;
  /** By name. A listener whose module is missing is left out. */
  readonly modules: ReadonlyMap<string, ModuleVersion>;
  /**
   * Other versions that proxies are to have: former ones, whose connections may still dial, and one that is to come.
   * A new version must be here before it is among `modules`: else connections get it before what it dials is there.
   */
  readonly otherPlugins: readonly PluginVersion[];
  readonly sourceOf: (module: ModuleVersion) => ModuleSource;
  /** By protocol: what connections begin with, if that is not what `modules` has. */
  readonly current?: ReadonlyMap<string, PluginVersion>;
  /** Of protocols that have canaries, what those begin connections with: at most one of each protocol. */
  readonly canaries?: readonly CanaryPlugin[];
  /** What only such workloads are to have beside that: see `otherPlugins`. */
  readonly otherCanaries?: readonly CanaryPlugin[];
  /** Of earlier meshes: what parts that they had are made into is taken from it. */
  readonly memo?: ObjectMemo;
}

/** Of one object: of a service with many instances there are many, and the cluster takes no object above 1.5 MB. */
const MAX_PATCHES = 900;

type Placed<P extends Placement> = Listener & { readonly placement: P };

/**
 * Pure: equal arguments give equal JSON. All objects carry the label `app.kubernetes.io/managed-by: metaproto` and have
 * a name that is theirs alone in their namespace; sorted by namespace, kind and name.
 *
 * @param mesh translated with `istio`: listeners without a placement are passed over.
 */
export function envoyFilters(mesh: Mesh, options: IstioOptions): readonly KubernetesObject[] {
  const current = new Map(
    pluginVersions(mesh.protocols, options.modules).map((plugin) => [plugin.protocol.name, plugin]),
  );
  for (const { name } of mesh.protocols) {
    const other = options.current?.get(name);
    if (other !== undefined) current.set(name, other);
  }
  const served = mesh.listeners.filter(({ protocol }) => current.has(protocol));
  const outbound = served.filter(isPlaced<OutboundPlacement>("outbound"));
  const inbound = served.filter(isPlaced<InboundPlacement>("inbound"));
  const gateways = served.filter(isPlaced<GatewayPlacement>("gateway"));
  const waypoints = served.filter(isPlaced<WaypointPlacement>("waypoint"));
  const versions = new Versions(current, options);
  const { rootNamespace, memo = new ObjectMemo() } = options;
  const isManaged = outbound.length + inbound.length + gateways.length + waypoints.length > 0;
  const objects = [
    ...(isManaged ? [controlPlaneObject(options)] : []),
    ...stockObjects(mesh, { rootNamespace, memo }),
    ...moduleObjects([...outbound, ...gateways], versions, { rootNamespace, memo }),
    ...dialObjects(outbound, gateways, versions, options),
    ...filterObjects(outbound, options),
    ...outbound.flatMap((listener) =>
      memo.of(listener, "outbound", [rootNamespace], () => outboundObjects(listener, options)),
    ),
    ...inboundObjects(inbound, versions, memo),
    ...canaryObjects([...outbound, ...gateways], versions, options),
    ...gateways.flatMap((listener) =>
      memo.of(listener, "gateway", [rootNamespace], () => gatewayObjects(listener, options)),
    ),
    ...waypointObjects(waypoints, versions, options),
  ];
  return objects
    .map((object) => ({ object, key: sortKey(object) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ object }) => object);
}

/** One line for each listener of the mesh that has no objects for want of a module. */
export function missingModules(
  mesh: Mesh,
  modules: ReadonlyMap<string, unknown>,
): readonly string[] {
  const names = new Map(mesh.protocols.map(({ name, module }) => [name, module]));
  return mesh.listeners.flatMap(({ name, protocol }) => {
    const module = names.get(protocol) ?? "";
    if (modules.has(module)) return [];
    return [`${name} is left out: there is no module ${module} for protocol ${protocol}`];
  });
}

function isPlaced<P extends Placement>(
  kind: P["kind"],
): (listener: Listener) => listener is Placed<P> {
  return (listener): listener is Placed<P> => listener.placement?.kind === kind;
}

function sortKey({ kind, metadata }: KubernetesObject): string {
  return `${metadata.namespace}/${kind}/${metadata.name}`;
}

function controlPlaneObject({ rootNamespace, controlPlane }: IstioOptions): KubernetesObject {
  return envoyFilter({
    component: "control-plane",
    name: "metaproto-control-plane",
    namespace: rootNamespace,
    patches: controlPlanePatches(controlPlane, "ANY"),
  });
}

/** In the root namespace: only proxies that ask for a plugin get it, and a namespace's own would come beside it. */
function moduleObjects(
  listeners: readonly Listener[],
  versions: Versions,
  { rootNamespace, memo }: { readonly rootNamespace: string; readonly memo: ObjectMemo },
): readonly KubernetesObject[] {
  return protocolsOf(listeners).flatMap((protocol) => {
    const object = (
      role: PluginRole,
      { version, labels }: PlacedVersion,
      name: string,
      ...parts: string[]
    ): readonly KubernetesObject[] => {
      const plugin = versions.plugin(protocol, version);
      const own = objectName("module", ...parts);
      const from = [...identityOf(plugin), role, JSON.stringify(labels), name, rootNamespace];
      return memo.of(version.module, own, from, () => [
        envoyFilter({
          component: "module",
          name: own,
          namespace: rootNamespace,
          annotations: pluginAnnotation(plugin, role, labels),
          patches: [extensionConfigPatch(name, plugin)],
        }),
      ]);
    };
    const name = pluginName(protocol);
    const canary = versions.canaryOf(protocol);
    return [
      ...object("current", { version: versions.currentOf(protocol) }, name, protocol),
      ...(canary ? object("canary", canary, canaryPlugin(name), protocol, "canary") : []),
      ...versions.placed(protocol).flatMap((placed) => {
        const dialed = dialNameOf(versions.plugin(protocol, placed.version));
        return object("version", placed, dialed, protocol, shortDigest(placed.version));
      }),
    ];
  });
}

/** For each version of a protocol, in the namespaces whose proxies have a listener with it. */
function dialObjects(
  outbound: readonly Placed<OutboundPlacement>[],
  gateways: readonly Listener[],
  versions: Versions,
  { rootNamespace }: IstioOptions,
): readonly KubernetesObject[] {
  const object = (
    plugin: Plugin,
    labels: Labels | undefined,
    namespace: string,
    context: PatchContext,
  ): KubernetesObject =>
    envoyFilter({
      component: "plugin",
      ...(labels && { selector: labels }),
      name: objectName(
        "plugin",
        context === "GATEWAY" ? "gateway" : "sidecar",
        plugin.key,
        shortDigest(plugin.version),
      ),
      namespace,
      patches: dialPatches(plugin, context),
    });
  return protocolsOf([...outbound, ...gateways]).flatMap((protocol) => {
    const namespaces = namespacesOf(
      outbound.filter((listener) => listener.protocol === protocol),
      rootNamespace,
    );
    const isAtGateways = gateways.some((listener) => listener.protocol === protocol);
    return versions.placed(protocol).flatMap(({ version, labels }) => {
      const plugin = versions.plugin(protocol, version);
      return [
        ...namespaces.map((namespace) => object(plugin, labels, namespace, "SIDECAR_OUTBOUND")),
        ...(isAtGateways ? [object(plugin, labels, rootNamespace, "GATEWAY")] : []),
      ];
    });
  });
}

/** Those of all listeners; the root namespace alone if one of them is for all. */
function namespacesOf(
  listeners: readonly Placed<OutboundPlacement>[],
  rootNamespace: string,
): readonly string[] {
  const namespaces = new Set(
    listeners.flatMap(({ placement }) => placement.exportedTo ?? [rootNamespace]),
  );
  return namespaces.has(rootNamespace) ? [rootNamespace] : Array.from(namespaces);
}

/** In the root namespace: what has the filter chains that they are for is said by the namespaces' own. */
function filterObjects(
  outbound: readonly Placed<OutboundPlacement>[],
  { rootNamespace }: IstioOptions,
): readonly KubernetesObject[] {
  const withOwn = outbound.filter(({ placement }) => placement.addresses.length > 0);
  return protocolsOf(withOwn).map((protocol) =>
    envoyFilter({
      component: "filters",
      name: objectName("filters", protocol),
      namespace: rootNamespace,
      patches: namedChainPatches(pluginName(protocol)),
    }),
  );
}

function outboundObjects(
  { name, host, port, protocol, placement }: Placed<OutboundPlacement>,
  { rootNamespace }: IstioOptions,
): readonly KubernetesObject[] {
  const managed = { routeConfiguration: name, plugin: pluginName(protocol) };
  const patches = [
    ...placement.addresses.flatMap((address) => ownListenerPatches(address, port, managed)),
    ...(placement.hasWildcard ? wildcardListenerPatches(port, managed) : []),
  ];
  const parts = Array.from({ length: Math.ceil(patches.length / MAX_PATCHES) }, (_, index) =>
    patches.slice(index * MAX_PATCHES, (index + 1) * MAX_PATCHES),
  );
  return (placement.exportedTo ?? [rootNamespace]).flatMap((namespace) =>
    parts.map((part, index) =>
      envoyFilter({
        component: "outbound",
        name: objectName("outbound", host, port, ...(index > 0 ? [index] : [])),
        namespace,
        patches: part,
      }),
    ),
  );
}

/** In the root namespace, for workloads of all namespaces. */
function canaryObjects(
  listeners: readonly Listener[],
  versions: Versions,
  { rootNamespace }: IstioOptions,
): readonly KubernetesObject[] {
  return protocolsOf(listeners).flatMap((protocol) => {
    const canary = versions.canaryOf(protocol);
    if (canary === undefined) return [];
    const name = pluginName(protocol);
    const contexts = ["SIDECAR_OUTBOUND", "GATEWAY"] as const;
    return [
      envoyFilter({
        component: "canary",
        name: objectName("canary", protocol),
        namespace: rootNamespace,
        selector: canary.labels,
        priority: LATE_PRIORITY,
        patches: contexts.map((context) => otherPluginPatch(context, name, canaryPlugin(name))),
      }),
    ];
  });
}

/** In the root namespace, since a Gateway selects workloads of all namespaces. */
function gatewayObjects(
  listener: Placed<GatewayPlacement>,
  { rootNamespace }: IstioOptions,
): readonly KubernetesObject[] {
  const { name, port, protocol, placement } = listener;
  const { gateway, namespace, selector, proxyPorts, serverNames } = placement;
  const managed = { routeConfiguration: name, plugin: pluginName(protocol) };
  const objectOf = objectName("gateway", namespace, gateway, port);
  return [
    envoyFilter({
      component: "gateway",
      name: objectOf,
      namespace: rootNamespace,
      selector,
      patches: proxyPorts.flatMap((proxyPort) => gatewayPatches(proxyPort, serverNames, managed)),
    }),
    gatewayVirtualService(objectOf, listener, placement),
  ];
}
