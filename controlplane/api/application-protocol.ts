import { type FrameDescription, frameDescription } from "./frame/description.js";
import { isDnsLabel } from "./host-name.js";
import {
  type ModuleSettings,
  moduleSettingsFields,
  moduleSettingsOf,
  warnOfSettings,
} from "./module-settings.js";
import { type ModuleSource, moduleSource } from "./module-source.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { isObject, object, optional, required } from "./schema/composites.js";
import { constrained, mapped, type Schema } from "./schema/schema.js";
import { nonEmptyText, textWithout } from "./schema/scalars.js";
import {
  type AccessLog,
  accessLog,
  type Stats,
  peerMetadata,
  type PeerMetadata,
  stats,
  type Tracing,
  tracing,
} from "./telemetry.js";

/** Binds the name of a protocol, as port names carry it, to the codec that speaks it, with settings for its module. */
export interface ApplicationProtocolSpec {
  /** Lower case. */
  readonly protocol: string;
  /**
   * Name of a module, or a dotted name that ends with it, such as `aeraki.meta_protocol.codec.dubbo`. Undefined: `frame`
   * describes the protocol, or `module` speaks it.
   */
  readonly codec: string | undefined;
  /** With it, `codec` says which one it has, if any that is known. */
  readonly module: ModuleSource | undefined;
  readonly frame: FrameDescription | undefined;
  readonly settings: ModuleSettings;
  readonly accessLog: AccessLog | undefined;
  readonly tracing: Tracing | undefined;
  readonly stats: Stats | undefined;
  readonly peerMetadata: PeerMetadata | undefined;
}

export type ApplicationProtocol = ResourceEnvelope<"ApplicationProtocol", ApplicationProtocolSpec>;

const written = object({
  protocol: required(
    textWithout((name) => protocolNameFault(name.toLowerCase())),
    "letters and digits, as in `tcp-metaprotocol-<protocol>`",
  ),
  codec: optional(
    nonEmptyText,
    "a module, or anything that ends with `.` and a module, such as Aeraki's `aeraki.meta_protocol.codec.dubbo`",
    "required, unless there is a `frame` or a `module`",
  ),
  module: optional(
    moduleSource,
    "where the module comes from, if it is not in the folder of modules: [modules](modules.md#modules-from-elsewhere)",
    "the folder of modules",
  ),
  frame: optional(
    frameDescription,
    "a description of the protocol, instead of a codec: [codecs without code](../protocol-owners/frame.md)",
  ),
  ...moduleSettingsFields,
  accessLog: optional(accessLog, "[a line for each request](#access-logs)", "none"),
  tracing: optional(tracing, "[spans of requests](#traces)", "none"),
  stats: optional(stats, "[counts by route and method](#statistics)", "none"),
  peerMetadata: optional(
    peerMetadata,
    "what proxies tell each other of their workloads, for Istio's metrics: [peer metadata](#peer-metadata)",
    "nothing",
  ),
});

const bound = constrained(written, {
  rules: [
    {
      expression: "has(self.codec) != has(self.frame)",
      message: "exactly one of codec and frame is required",
    },
  ],
});

const sound: typeof written = {
  ...bound,
  read(value, site) {
    const from = written.read(value, site);
    if (!isObject(value)) return from;
    warnOfSettings(from, site);
    if (from.codec === undefined && from.frame === undefined && from.module === undefined)
      site.field("codec").fault("is required, unless `frame` describes the protocol");
    if (from.module !== undefined && from.frame !== undefined)
      site.field("module").fault("must not be given beside `frame`, which has a module of its own");
    if (from.codec !== undefined && from.frame !== undefined)
      site.field("codec").fault("must not be given beside `frame`, which is a codec of its own");
    return from;
  },
};

const spec: Schema<ApplicationProtocolSpec> = mapped(sound, (from) => {
  const { protocol, codec, module, frame, accessLog, tracing, stats, peerMetadata } = from;
  const settings = moduleSettingsOf(from);
  return {
    protocol: protocol.toLowerCase(),
    codec,
    module,
    frame,
    settings,
    accessLog,
    tracing,
    stats,
    peerMetadata,
  };
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
