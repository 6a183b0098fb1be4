import { readExportTo } from "./export-to.js";
import { isDnsLabel, wildcardHostNameFault } from "./host-name.js";
import type { ObjectReader } from "./object-reader.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { readTrafficPolicy, type TrafficPolicy } from "./traffic-policy.js";

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

export const destinationRuleKind: KindDefinition<"DestinationRule", DestinationRuleSpec> = {
  kind: "DestinationRule",
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  namespaced: true,
  unknownFields: "warning",
  readSpec(reader, metadata) {
    const host = reader.requiredString("host");
    const fault = host === "" ? undefined : wildcardHostNameFault(host);
    if (fault !== undefined) reader.fault("host", fault);
    return {
      host,
      trafficPolicy: reader.object("trafficPolicy", readTrafficPolicy),
      subsets: readSubsets(reader),
      exportTo: readExportTo(reader, metadata.namespace),
      workloadSelector: reader.object("workloadSelector", (fields) =>
        fields.stringMap("matchLabels"),
      ),
    };
  },
};

function readSubsets(reader: ObjectReader): readonly Subset[] {
  const names = new Set<string>();
  return reader.objects("subsets", (fields) => {
    const name = fields.requiredString("name");
    if (name !== "" && !isDnsLabel(name))
      fields.fault("name", `\`${name}\` must consist of letters, digits and \`-\``);
    if (name !== "" && names.has(name)) fields.fault("name", `\`${name}\` is there twice`);
    names.add(name);
    return {
      name,
      labels: fields.stringMap("labels"),
      trafficPolicy: fields.object("trafficPolicy", readTrafficPolicy),
    };
  });
}
