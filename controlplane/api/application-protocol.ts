import { isDnsLabel } from "./host-name.js";
import { type ModuleSettings, readModuleSettings } from "./module-settings.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";

/** Binds the name of a protocol, as port names carry it, to the codec that speaks it, with settings for its module. */
export interface ApplicationProtocolSpec {
  /** Lower case. */
  readonly protocol: string;
  /** Name of a module, or a dotted name that ends with it, such as `aeraki.meta_protocol.codec.dubbo`. */
  readonly codec: string;
  readonly settings: ModuleSettings;
}

export type ApplicationProtocol = ResourceEnvelope<"ApplicationProtocol", ApplicationProtocolSpec>;

export const applicationProtocolKind: KindDefinition<
  "ApplicationProtocol",
  ApplicationProtocolSpec
> = {
  kind: "ApplicationProtocol",
  group: "metaprotocol.aeraki.io",
  versions: ["v1alpha1"],
  namespaced: false,
  unknownFields: "fault",
  readSpec(reader) {
    const protocol = reader.requiredString("protocol").toLowerCase();
    const fault = protocol === "" ? undefined : protocolNameFault(protocol);
    if (fault !== undefined) reader.fault("protocol", fault);
    return {
      protocol,
      codec: reader.requiredString("codec"),
      settings: readModuleSettings(reader),
    };
  },
};

/** What keeps a lower-case name from being a protocol of a port name; undefined: nothing. */
export function protocolNameFault(name: string): string | undefined {
  // The port name `tcp-metaprotocol-<protocol>-<anything>` ends the protocol at the first `-`.
  if (name.includes("-")) return "must not contain `-`";
  return isDnsLabel(name)
    ? undefined
    : "must consist of letters and digits, as part of a port name";
}
