// What a proxy runs for a protocol, as a whole: when anything of it changes, everything is made anew beside the old.
import { createHash } from "node:crypto";
import { create, toJson } from "@bufbuild/protobuf";
import { PluginConfigurationSchema } from "../../gen/metaproto/v1/plugin_pb.js";
import type { Protocol } from "../../ir/protocol.js";
import type { ModuleVersion } from "./module-version.js";
import { pluginSettings } from "./plugin-settings.js";

/** A protocol with one version of its module's code. */
export interface PluginVersion {
  readonly protocol: Protocol;
  readonly module: ModuleVersion;
  /** Of code and settings, hexadecimal; the code's own without settings. */
  readonly digest: string;
}

/** Those of the protocols whose module is at hand. */
export function pluginVersions(
  protocols: readonly Protocol[],
  modules: ReadonlyMap<string, ModuleVersion>,
): PluginVersion[] {
  return protocols.flatMap((protocol) => {
    const module = modules.get(protocol.module);
    return module === undefined ? [] : [{ protocol, module, digest: digestOf(protocol, module) }];
  });
}

function digestOf({ settings }: Protocol, module: ModuleVersion): string {
  const message = create(PluginConfigurationSchema, pluginSettings(settings));
  const json = JSON.stringify(toJson(PluginConfigurationSchema, message));
  if (json === "{}") return module.digest;
  return createHash("sha256").update(`${module.digest}\n${json}`).digest("hex");
}
