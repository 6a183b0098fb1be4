// What a module needs in a proxy: its code and configuration, and where its upstream connections begin.
import { clone, create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.js";
import {
  type AsyncDataSource,
  AsyncDataSourceSchema,
} from "../../gen/envoy/config/core/v3/base_pb.js";
import { TypedExtensionConfigSchema } from "../../gen/envoy/config/core/v3/extension_pb.js";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.js";
import { PluginConfigurationSchema } from "../../gen/metaproto/v1/plugin_pb.js";
import { dialCluster } from "../ir-to-xds/dial-cluster.js";
import { internalListener } from "../ir-to-xds/listener.js";
import { DISCOVERY_CLUSTER, dialName } from "../ir-to-xds/names.js";
import { pluginSettings } from "../ir-to-xds/plugin-settings.js";
import type { PluginVersion } from "../ir-to-xds/plugin-version.js";
import { resourceJson } from "../ir-to-xds/type-registry.js";
import {
  discoveredWasmFilter,
  wasmExtensionConfig,
  wasmFilterConfig,
} from "../ir-to-xds/wasm-plugin.js";
import type { ConfigPatch, PatchContext } from "./envoy-filter.js";

/** Where proxies get the code of a module from. Either way it reaches them through Istio's own stream. */
export type ModuleSource =
  /**
   * Istio's agent fetches it.
   * @property url `oci://`, `https://` or `http://`.
   * @property sha256 hexadecimal: of the manifest with `oci://`, else of the module.
   */
  | { readonly kind: "remote"; readonly url: string; readonly sha256: string }
  /** The EnvoyFilters hold it: about 280 kB in each; for those who have neither registry nor agent. */
  | { readonly kind: "inline" };

/** One plugin of one version: what has its own configuration. */
export interface Plugin {
  /** Stands for the protocol in all names. */
  readonly key: string;
  readonly version: PluginVersion;
  readonly source: ModuleSource;
  /** For listeners without metadata of ours. */
  readonly defaultRouteConfiguration?: string;
}

/**
 * Istio's agent takes no notice of it, and there is no such cluster: an Envoy that fetches a module itself closes the
 * connections that come meanwhile.
 */
const NO_CLUSTER = "_";
/** For the agent, and for other readers of the EnvoyFilter. */
const FETCH_TIMEOUT_MS = 30_000;

export function dialNameOf({ key, version }: Plugin): string {
  return dialName(key, version.digest);
}

/** The plugin's configuration under the name `name`. */
export function extensionConfigPatch(name: string, plugin: Plugin): ConfigPatch {
  const { version, key, source, defaultRouteConfiguration } = plugin;
  const dialCluster = dialNameOf(plugin);
  const configuration =
    version.configuration === undefined
      ? create(PluginConfigurationSchema, pluginSettings(version.protocol.settings))
      : clone(PluginConfigurationSchema, version.configuration);
  configuration.dialCluster = dialCluster;
  configuration.discoveryCluster = DISCOVERY_CLUSTER;
  configuration.defaultRouteConfiguration = defaultRouteConfiguration ?? "";
  // Whoever handed it out does not tell the control plane what has become of it.
  configuration.announce = true;
  const code = codeOf(source, version);
  const config = wasmFilterConfig({ protocol: key, code, configuration, vmVersion: dialCluster });
  const message = wasmExtensionConfig(name, config);
  return {
    applyTo: "EXTENSION_CONFIG",
    context: "ANY",
    operation: "ADD",
    value: resourceJson(TypedExtensionConfigSchema, message),
  };
}

function codeOf(source: ModuleSource, { module }: PluginVersion): AsyncDataSource {
  if (source.kind === "inline")
    return create(AsyncDataSourceSchema, {
      specifier: {
        case: "local",
        value: { specifier: { case: "inlineBytes", value: module.code } },
      },
    });
  return create(AsyncDataSourceSchema, {
    specifier: {
      case: "remote",
      value: {
        httpUri: {
          uri: source.url,
          httpUpstreamType: { case: "cluster", value: NO_CLUSTER },
          timeout: durationFromMs(FETCH_TIMEOUT_MS),
        },
        sha256: source.sha256,
      },
    },
  });
}

/** The internal listener and its cluster. */
export function dialPatches(plugin: Plugin, context: PatchContext): readonly ConfigPatch[] {
  const name = dialNameOf(plugin);
  const listener = internalListener(name, discoveredWasmFilter(name));
  return [
    {
      applyTo: "CLUSTER",
      context,
      operation: "ADD",
      value: resourceJson(ClusterSchema, dialCluster(name)),
    },
    {
      applyTo: "LISTENER",
      context,
      operation: "ADD",
      value: resourceJson(ListenerSchema, listener),
    },
  ];
}
