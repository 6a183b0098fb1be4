import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  ConnectionMode,
  type PluginConfigurationSchema,
} from "../../gen/metaproto/v1/plugin_pb.js";
import type { ModuleSettings } from "../../ir/protocol.js";

type ConfigurationInit = Exclude<
  MessageInitShape<typeof PluginConfigurationSchema>,
  { readonly $typeName: string }
>;

type DurationField =
  | "defaultTimeout"
  | "initialFetchTimeout"
  | "connectTimeout"
  | "upstreamHeartbeat"
  | "upstreamIdleTimeout"
  | "frameTimeout"
  | "streamIdleTimeout";

const CONNECTION_MODES: Readonly<
  Record<NonNullable<ModuleSettings["connectionMode"]>, ConnectionMode>
> = {
  shared: ConnectionMode.SHARED,
  inOrder: ConnectionMode.IN_ORDER,
  exclusive: ConnectionMode.EXCLUSIVE,
  dedicated: ConnectionMode.DEDICATED,
};

/** The fields of a module's configuration that settings give; the others are left out. */
export function pluginSettings(settings: ModuleSettings): ConfigurationInit {
  const { connectionMode, defaultTimeoutMs, connectTimeoutMs } = settings;
  const { frameTimeoutMs, streamIdleTimeoutMs } = settings;
  const { upstreamHeartbeatMs, upstreamIdleTimeoutMs, initialFetchTimeoutMs } = settings;
  const { codecConfiguration } = settings;
  const limits = Object.entries(settings.limits).filter(([, limit]) => limit !== undefined);
  const duration = (name: DurationField, ms: number | undefined): ConfigurationInit =>
    ms === undefined ? {} : { [name]: durationFromMs(ms) };
  return {
    ...(connectionMode && { connectionMode: CONNECTION_MODES[connectionMode] }),
    ...(limits.length > 0 && { limits: Object.fromEntries(limits) }),
    ...duration("defaultTimeout", defaultTimeoutMs),
    ...duration("initialFetchTimeout", initialFetchTimeoutMs),
    ...duration("connectTimeout", connectTimeoutMs),
    ...duration("upstreamHeartbeat", upstreamHeartbeatMs),
    ...duration("upstreamIdleTimeout", upstreamIdleTimeoutMs),
    ...duration("frameTimeout", frameTimeoutMs),
    ...duration("streamIdleTimeout", streamIdleTimeoutMs),
    ...(codecConfiguration !== undefined && {
      codecConfiguration: Uint8Array.from(Buffer.from(codecConfiguration, "base64")),
    }),
  };
}
