// AssemblyScript: the Dubbo module, which tells what it holds.
import { DubboCodec } from "../../assembly/codecs/dubbo/codec";
import { installBuiltInFilters } from "../../assembly/modules/built-in-filters";
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { ProbedPlugin } from "./held-gauges";

export * from "../../assembly/switchboard/exports";

installBuiltInFilters();
registerPlugin((id: u32): PluginContext => new ProbedPlugin(new DubboCodec(), "dubbo"));
