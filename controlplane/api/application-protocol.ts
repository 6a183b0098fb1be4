import { isDnsLabel } from "./host-name.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";

/** Binds the name of a protocol, as port names carry it, to the codec that speaks it. */
export interface ApplicationProtocolSpec {
  /** Lower case. */
  readonly protocol: string;
  /** Such as `aeraki.meta_protocol.codec.dubbo`. */
  readonly codec: string;
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
    // The port name `tcp-metaprotocol-<protocol>-<anything>` ends the protocol at the first `-`.
    if (protocol.includes("-")) reader.fault("protocol", "must not contain `-`");
    else if (protocol !== "" && !isDnsLabel(protocol))
      reader.fault("protocol", "must consist of letters and digits, as part of a port name");
    return { protocol, codec: reader.requiredString("codec") };
  },
};
