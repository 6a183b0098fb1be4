import { exportTo } from "./export-to.js";
import { isDnsLabel, wildcardHostNameFault } from "./host-name.js";
import { readResponseOutliers, withResponseOutliers } from "./outlier-annotations.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { list, map, object, optional, required, withDefault } from "./schema/composites.js";
import { checked, mapped, type Schema } from "./schema/schema.js";
import { text, textWithout } from "./schema/scalars.js";
import { trafficPolicy, type TrafficPolicy } from "./traffic-policy.js";

export interface Subset {
  readonly name: string;
  /** An endpoint belongs to the subset if it has all of them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly trafficPolicy: TrafficPolicy | undefined;
}

export interface DestinationRuleSpec {
  readonly host: string;
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  readonly exportTo: readonly string[];
  /** Labels of the workloads whose connections the rule is for; undefined: all. */
  readonly workloadSelector: Readonly<Record<string, string>> | undefined;
}

export type DestinationRule = ResourceEnvelope<"DestinationRule", DestinationRuleSpec>;

const subset: Schema<Subset> = object({
  name: required(
    textWithout((name) =>
      isDnsLabel(name) ? undefined : `\`${name}\` must consist of letters, digits and \`-\``,
    ),
    "a cluster `outbound\\|<port>\\|<subset>\\|<host>`",
  ),
  labels: withDefault(map(text), {}, "all of which its endpoints have"),
  trafficPolicy: optional(trafficPolicy, "as the rule's, for the subset", "the rule's"),
});

const subsets = checked(list(subset), (items, site) => {
  const names = new Set<string>();
  items.forEach(({ name }, index) => {
    if (name !== "" && names.has(name))
      site.item(index).field("name").fault(`\`${name}\` is there twice`);
    names.add(name);
  });
});

const spec: Schema<DestinationRuleSpec> = object({
  host: required(textWithout(wildcardHostNameFault), "short names mean the rule's own namespace"),
  subsets: withDefault(subsets, [], ""),
  exportTo: exportTo("namespaces whose services it is for"),
  trafficPolicy: optional(trafficPolicy, "[below](#traffic-policies)"),
  workloadSelector: optional(
    mapped(
      object({ matchLabels: withDefault(map(text), {}, "") }),
      (selector) => selector.matchLabels,
    ),
    "the rule has no effect, with a warning",
  ),
});

export const destinationRuleKind: KindDefinition<"DestinationRule", DestinationRuleSpec> = {
  kind: "DestinationRule",
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  namespaced: true,
  unknownFields: "warning",
  shape: spec.shape,
  readSpec(value, site, metadata) {
    const rule = spec.read(value, site);
    const responses = readResponseOutliers(metadata, site.findings);
    if (responses === undefined) return rule;
    const extend = (policy: TrafficPolicy | undefined): TrafficPolicy | undefined =>
      policy && withResponseOutliers(policy, responses);
    return {
      ...rule,
      trafficPolicy: extend(rule.trafficPolicy),
      subsets: rule.subsets.map((item) => ({ ...item, trafficPolicy: extend(item.trafficPolicy) })),
    };
  },
};
