// Which version of a module a proxy gets: its canary, if it is one of those, else what all get; and of what it refuses,
// the one before.
import { createHash } from "node:crypto";
import type { Canary } from "../ir/protocol.js";
import type { PluginVersion } from "../translate/ir-to-xds/plugin-version.js";
import { dialNameOf } from "../translate/ir-to-xds/translate-to-xds.js";
import type { VariantNode } from "../xds/snapshot.js";

/** The versions of one protocol's module that proxies may have. */
export interface Versions {
  readonly stable: PluginVersion;
  readonly canary: PluginVersion | undefined;
  /** What was in use before, the latest first. */
  readonly former: readonly PluginVersion[];
}

/** The first one that the proxy does not refuse; what it refuses altogether it is left with. */
export function versionFor({ stable, canary, former }: Versions, node: VariantNode): PluginVersion {
  const rule = canary?.protocol.canary;
  const isCanary = rule !== undefined && isMeant(rule, stable.protocol.name, node);
  const wanted = isCanary && canary !== undefined ? [canary, stable] : [stable];
  const accepted = [...wanted, ...former].find((version) => !node.refuses(dialNameOf(version)));
  return accepted ?? stable;
}

function isMeant(
  { labels, percent }: Canary,
  protocol: string,
  { id, labels: own }: VariantNode,
): boolean {
  const hasAll = Object.entries(labels).every(([name, value]) => own[name] === value);
  return hasAll && placeOf(protocol, id) < percent / 100;
}

/** From 0 to below 1, the same for ever: whoever is among the first 10 percent is among the first 20, too. */
function placeOf(protocol: string, node: string): number {
  return createHash("sha256").update(`${protocol}\n${node}`).digest().readUInt32BE() / 2 ** 32;
}
