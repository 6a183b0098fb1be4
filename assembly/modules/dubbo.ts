// The module for Dubbo 2.
import { DubboCodec } from "../codecs/dubbo/codec";
import { registerPlugin } from "../proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../proxy-wasm-as/context/plugin-context";
import { SwitchboardPlugin } from "../switchboard/plugin/switchboard-plugin";
import { installBuiltInFilters } from "./built-in-filters";

export * from "../switchboard/exports";

installBuiltInFilters();
registerPlugin((id: u32): PluginContext => new SwitchboardPlugin(new DubboCodec(), "dubbo"));
