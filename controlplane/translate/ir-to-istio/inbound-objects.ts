// What makes the inbound listeners of a service's own workloads those of modules.
import type { Listener } from "../../ir/mesh.js";
import type { InboundPlacement, Labels } from "../../ir/placement.js";
import { pluginName } from "../ir-to-xds/names.js";
import type { PluginVersion } from "../ir-to-xds/plugin-version.js";
import { envoyFilter, LATE_PRIORITY } from "./envoy-filter.js";
import { grouped } from "./grouped.js";
import type { KubernetesObject } from "./kubernetes-object.js";
import { inboundPatches, otherPluginPatch } from "./listener-patches.js";
import { canaryPlugin, inboundPluginKey, inboundRouteTemplate, objectName } from "./names.js";
import type { ObjectMemo } from "./object-memo.js";
import { pluginAnnotation } from "./plugin-annotation.js";
import { dialNameOf, dialPatches, extensionConfigPatch, type Plugin } from "./plugin-patches.js";
import { protocolsOf, shortDigest, type Versions } from "./versions.js";

type InboundListener = Listener & { readonly placement: InboundPlacement };

/** For each service and protocol one, with all ports of its workloads. */
export function inboundObjects(
  listeners: readonly InboundListener[],
  versions: Versions,
  memo: ObjectMemo,
): readonly KubernetesObject[] {
  const states = new Map(
    protocolsOf(listeners).map((protocol) => [protocol, versions.stateOf(protocol)]),
  );
  const groups = grouped(listeners, ({ host, protocol, placement }) =>
    JSON.stringify([host, protocol, placement.namespace, placement.selector]),
  );
  return groups.flatMap((group) => {
    const [first, ...others] = group;
    const from = [...others, ...(states.get(first.protocol) ?? [])];
    return memo.of(first, "inbound", from, () => inboundGroup(group, versions));
  });
}

/** @param group all ports of one service and protocol. */
function inboundGroup(
  group: readonly [InboundListener, ...InboundListener[]],
  versions: Versions,
): readonly KubernetesObject[] {
  const [first] = group;
  const { host, protocol, placement } = first;
  const key = inboundPluginKey(protocol, host);
  const pluginOf = (version: PluginVersion): Plugin =>
    versions.plugin(key, version, inboundRouteTemplate(host));
  const { namespace, selector } = placement;
  const common = { component: "inbound", namespace, selector } as const;
  const current = pluginOf(versions.currentOf(protocol));
  const canary = versions.canaryOf(protocol);
  const canarySelector = canary && joined(selector, canary.labels);
  const slot = canaryPlugin(pluginName(key));
  return [
    envoyFilter({
      ...common,
      name: objectName("inbound", host, protocol),
      annotations: pluginAnnotation(current, "current", undefined),
      patches: [
        extensionConfigPatch(pluginName(key), current),
        ...group.flatMap(({ port }) => inboundPatches(port, pluginName(key))),
      ],
    }),
    ...(canary && canarySelector
      ? [
          envoyFilter({
            ...common,
            name: objectName("inbound", host, protocol, "canary"),
            selector: canarySelector,
            priority: LATE_PRIORITY,
            annotations: pluginAnnotation(pluginOf(canary.version), "canary", canary.labels),
            patches: [
              extensionConfigPatch(slot, pluginOf(canary.version)),
              otherPluginPatch("SIDECAR_INBOUND", pluginName(key), slot),
            ],
          }),
        ]
      : []),
    ...versions.placed(protocol).flatMap(({ version, labels }) => {
      const plugin = pluginOf(version);
      const own = labels === undefined ? selector : joined(selector, labels);
      if (own === undefined) return [];
      return [
        envoyFilter({
          ...common,
          name: objectName("inbound", host, protocol, shortDigest(version)),
          selector: own,
          annotations: pluginAnnotation(plugin, "version", labels),
          patches: [
            extensionConfigPatch(dialNameOf(plugin), plugin),
            ...dialPatches(plugin, "SIDECAR_OUTBOUND"),
          ],
        }),
      ];
    }),
  ];
}

/** Both, unless no workload can have both. */
function joined(selector: Labels, labels: Labels): Labels | undefined {
  const isPossible = Object.entries(labels).every(
    ([name, value]) => (selector[name] ?? value) === value,
  );
  return isPossible ? { ...selector, ...labels } : undefined;
}
