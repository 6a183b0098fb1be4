// The wasm filter of both roles of a protocol's module, in a listener and in its internal listener.
//
// A VM is shared by filters with the same VM id, code and VM configuration, and a root context by
// those with the same root id and plugin configuration as well. Downstream and upstream connections
// must meet in one root context, so both filters get the very same message from here.
import { create, toJson } from "@bufbuild/protobuf";
import { type Any, StringValueSchema, anyPack } from "@bufbuild/protobuf/wkt";
import type { AsyncDataSource } from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  type TypedExtensionConfig,
  TypedExtensionConfigSchema,
} from "../../gen/envoy/config/core/v3/extension_pb.js";
import {
  type Filter,
  FilterSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import {
  type Wasm,
  WasmSchema,
} from "../../gen/envoy/extensions/filters/network/wasm/v3/wasm_pb.js";
import { FailurePolicy } from "../../gen/envoy/extensions/wasm/v3/wasm_pb.js";
import {
  type PluginConfiguration,
  PluginConfigurationSchema,
} from "../../gen/metaproto/v1/plugin_pb.js";
import { CAPABILITIES } from "../../modules/host-calls.js";
import { adsConfigSource } from "./ads-config-source.js";
import { pluginName } from "./names.js";

export const WASM_FILTER = "envoy.filters.network.wasm";

export interface WasmPlugin {
  readonly protocol: string;
  readonly code: AsyncDataSource;
  readonly configuration: PluginConfiguration;
  /** What tells VMs of the same code apart; undefined: there is only one. */
  readonly vmVersion?: string;
}

/**
 * Configuration of `envoy.filters.network.wasm`. The plugin's own is JSON in a StringValue: contrary to its
 * documentation, Envoy (1.36 to 1.40 at least) hands a Struct on in its binary form.
 */
export function wasmFilterConfig(plugin: WasmPlugin): Wasm {
  const { protocol, code, configuration, vmVersion } = plugin;
  const name = pluginName(protocol);
  const json = toJson(PluginConfigurationSchema, configuration);
  return create(WasmSchema, {
    config: {
      name,
      rootId: name,
      configuration: stringValue(JSON.stringify(json, undefined, 2)),
      failurePolicy: FailurePolicy.FAIL_RELOAD,
      // Not the field of this name in VmConfig, which Envoy 1.36 does not know.
      capabilityRestrictionConfig: {
        allowedCapabilities: Object.fromEntries(CAPABILITIES.map((name) => [name, {}])),
      },
      vm: {
        case: "vmConfig",
        value: {
          // The same for all versions: what VMs share, they share by it.
          vmId: name,
          runtime: "envoy.wasm.runtime.v8",
          code,
          ...(vmVersion !== undefined && { configuration: stringValue(vmVersion) }),
        },
      },
    },
  });
}

function stringValue(value: string): Any {
  return anyPack(StringValueSchema, create(StringValueSchema, { value }));
}

/** The filter with its configuration in place. */
export function inlineWasmFilter(config: Wasm): Filter {
  return create(FilterSchema, {
    name: WASM_FILTER,
    configType: { case: "typedConfig", value: anyPack(WasmSchema, config) },
  });
}

/** The filter whose configuration is the ECDS resource `name`. */
export function discoveredWasmFilter(name: string): Filter {
  return create(FilterSchema, {
    name,
    configType: {
      case: "configDiscovery",
      value: {
        configSource: adsConfigSource(),
        typeUrls: [`type.googleapis.com/${WasmSchema.typeName}`],
      },
    },
  });
}

/** The ECDS resource `name`. */
export function wasmExtensionConfig(name: string, config: Wasm): TypedExtensionConfig {
  return create(TypedExtensionConfigSchema, { name, typedConfig: anyPack(WasmSchema, config) });
}
