import { isDnsLabel } from "./host-name.js";
import {
  type ModuleSettings,
  moduleSettingsFields,
  moduleSettingsOf,
  warnOfSettings,
} from "./module-settings.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { object, optional, required } from "./schema/composites.js";
import { checked, mapped, type Schema } from "./schema/schema.js";
import { nonEmptyText, textWithout } from "./schema/scalars.js";
import {
  type AccessLog,
  accessLog,
  type Stats,
  stats,
  type Tracing,
  tracing,
} from "./telemetry.js";

/** Binds the name of a protocol, as port names carry it, to the codec that speaks it, with settings for its module. */
export interface ApplicationProtocolSpec {
  /** Lower case. */
  readonly protocol: string;
  /** Name of a module, or a dotted name that ends with it, such as `aeraki.meta_protocol.codec.dubbo`. */
  readonly codec: string;
  readonly settings: ModuleSettings;
  readonly accessLog: AccessLog | undefined;
  readonly tracing: Tracing | undefined;
  readonly stats: Stats | undefined;
}

export type ApplicationProtocol = ResourceEnvelope<"ApplicationProtocol", ApplicationProtocolSpec>;

const written = object({
  protocol: required(
    textWithout((name) => protocolNameFault(name.toLowerCase())),
    "letters and digits, as in `tcp-metaprotocol-<protocol>`",
  ),
  codec: required(
    nonEmptyText,
    "a module, or anything that ends with `.` and a module, such as Aeraki's `aeraki.meta_protocol.codec.dubbo`",
  ),
  ...moduleSettingsFields,
  accessLog: optional(accessLog, "[a line for each request](#access-logs)", "none"),
  tracing: optional(tracing, "[spans of requests](#traces)", "none"),
  stats: optional(stats, "[counts by route and method](#statistics)", "none"),
});

const spec: Schema<ApplicationProtocolSpec> = mapped(checked(written, warnOfSettings), (from) => {
  const { protocol, codec, accessLog, tracing, stats } = from;
  const settings = moduleSettingsOf(from);
  return { protocol: protocol.toLowerCase(), codec, settings, accessLog, tracing, stats };
});

export const applicationProtocolKind: KindDefinition<
  "ApplicationProtocol",
  ApplicationProtocolSpec
> = {
  kind: "ApplicationProtocol",
  group: "metaprotocol.aeraki.io",
  versions: ["v1alpha1"],
  namespaced: false,
  unknownFields: "fault",
  shape: spec.shape,
  readSpec: spec.read,
};

/** What keeps a lower-case name from being a protocol of a port name; undefined: nothing. */
export function protocolNameFault(name: string): string | undefined {
  // The port name `tcp-metaprotocol-<protocol>-<anything>` ends the protocol at the first `-`.
  if (name.includes("-")) return "must not contain `-`";
  return isDnsLabel(name)
    ? undefined
    : "must consist of letters and digits, as part of a port name";
}
