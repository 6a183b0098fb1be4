// What an object says of the plugin that it configures, so that a control plane that was restarted knows what there is.
import { clone, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { PluginConfigurationSchema } from "../../gen/metaproto/v1/plugin_pb.js";
import type { Labels } from "../../ir/placement.js";
import { DEFAULT_SETTINGS } from "../../ir/protocol.js";
import type { PluginVersion } from "../ir-to-xds/plugin-version.js";
import type { ModuleSource, Plugin } from "./plugin-patches.js";

/** `current`: what connections begin with; `canary`: those of canaries; `version`: what a version dials through. */
export type PluginRole = "current" | "canary" | "version";

const ANNOTATION = "metaproto.io/plugin";
const ROLES: readonly unknown[] = ["current", "canary", "version"] satisfies PluginRole[];

export interface FoundPlugin {
  readonly role: PluginRole;
  readonly version: PluginVersion;
  /** Of the workloads that it is for only; undefined: for all. */
  readonly labels: Labels | undefined;
  /** Undefined: the object holds the code, and so does `version`. */
  readonly source: ModuleSource | undefined;
}

export function pluginAnnotation(
  { version }: Plugin,
  role: PluginRole,
  labels: Labels | undefined,
): Readonly<Record<string, string>> {
  const { protocol, module, digest } = version;
  const said = { protocol: protocol.name, module: module.name, sha256: module.digest, digest };
  return { [ANNOTATION]: JSON.stringify({ role, ...said, ...(labels && { labels }) }) };
}

/** As the cluster has it. */
export interface AnnotatedObject {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: unknown;
}

/** The plugin of an object that `pluginAnnotation` is on; undefined: it has none, or not as it was written. */
export function foundPlugin({ metadata, spec }: AnnotatedObject): FoundPlugin | undefined {
  const text = metadata.annotations?.[ANNOTATION];
  if (text === undefined) return undefined;
  try {
    const said = JSON.parse(text) as unknown;
    const [role, name, module, sha256, digest] = ["role", "protocol", "module", "sha256", "digest"]
      .map((key) => at(said, key))
      .map((value) => (typeof value === "string" ? value : undefined));
    const config = pluginConfigIn(spec);
    const json = at(at(config, "configuration"), "value");
    if (!ROLES.includes(role) || typeof json !== "string") return undefined;
    if (name === undefined || module === undefined) return undefined;
    if (sha256 === undefined || digest === undefined) return undefined;
    const code = at(at(config, "vm_config"), "code");
    const inline = at(at(code, "local"), "inline_bytes");
    const source = sourceIn(at(code, "remote"));
    if (typeof inline !== "string" && source === undefined) return undefined;
    const bytes = typeof inline === "string" ? Buffer.from(inline, "base64") : new Uint8Array();
    const message = fromJson(PluginConfigurationSchema, JSON.parse(json) as JsonValue);
    const configuration = clone(PluginConfigurationSchema, message);
    const protocol = { name, module, settings: DEFAULT_SETTINGS };
    return {
      role: role as PluginRole,
      version: {
        protocol,
        module: { name: module, digest: sha256, code: bytes },
        digest,
        configuration,
      },
      labels: labelsIn(at(said, "labels")),
      source,
    };
  } catch {
    return undefined;
  }
}

function labelsIn(value: unknown): Labels | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as JsonObject)[key] : undefined;
}

/** Of the first patch that has one: `config` of the filter. */
function pluginConfigIn(spec: unknown): unknown {
  const patches = at(spec, "configPatches");
  if (!Array.isArray(patches)) return undefined;
  const patch: unknown = patches.find((item) => at(item, "applyTo") === "EXTENSION_CONFIG");
  return at(at(at(at(patch, "patch"), "value"), "typed_config"), "config");
}

function sourceIn(remote: unknown): ModuleSource | undefined {
  const [uri, sha256] = [at(at(remote, "http_uri"), "uri"), at(remote, "sha256")];
  if (typeof uri !== "string" || typeof sha256 !== "string") return undefined;
  return { kind: "remote", url: uri, sha256 };
}
