// What a proxy runs for a protocol, as a whole: when anything of it changes, everything is made anew beside the old.
import { createHash } from "node:crypto";
import { create, toJson } from "@bufbuild/protobuf";
import {
  type PluginConfiguration,
  PluginConfigurationSchema,
} from "../../gen/metaproto/v1/plugin_pb.js";
import { type Protocol, canaryName, moduleName } from "../../ir/protocol.js";
import type { ModuleVersion } from "./module-version.js";
import { pluginSettings } from "./plugin-settings.js";

/** A protocol with one version of its module's code. */
export interface PluginVersion {
  readonly protocol: Protocol;
  readonly module: ModuleVersion;
  /** Of code and settings, hexadecimal; the code's own without settings. */
  readonly digest: string;
  /** Of one that was found in the cluster: its configuration, as it was; the protocol's settings are not known. */
  readonly configuration?: PluginConfiguration;
}

/** Those of the protocols whose module is at hand. */
export function pluginVersions(
  protocols: readonly Protocol[],
  modules: ReadonlyMap<string, ModuleVersion>,
): PluginVersion[] {
  return protocols.flatMap((protocol) => {
    const module = modules.get(moduleName(protocol));
    return module === undefined ? [] : [{ protocol, module, digest: digestOf(protocol, module) }];
  });
}

/** What some proxies get instead: canaries that are at hand and differ from what the others have. */
export function canaryVersions(
  protocols: readonly Protocol[],
  modules: ReadonlyMap<string, ModuleVersion>,
): PluginVersion[] {
  return protocols.flatMap((protocol) => {
    const module = protocol.canary?.source && modules.get(canaryName(protocol));
    const isSame = module?.digest === modules.get(moduleName(protocol))?.digest;
    if (module === undefined || isSame) return [];
    return [{ protocol, module, digest: digestOf(protocol, module) }];
  });
}

function digestOf({ settings }: Protocol, module: ModuleVersion): string {
  const message = create(PluginConfigurationSchema, pluginSettings(settings));
  const json = JSON.stringify(toJson(PluginConfigurationSchema, message));
  if (json === "{}") return module.digest;
  return createHash("sha256").update(`${module.digest}\n${json}`).digest("hex");
}
