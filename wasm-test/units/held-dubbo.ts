// AssemblyScript: the Dubbo module, which tells what it holds.
import { DubboCodec } from "../../assembly/codecs/dubbo/codec";
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { ProbedPlugin } from "./held-gauges";

export * from "../../assembly/switchboard/exports";

registerPlugin((id: u32): PluginContext => new ProbedPlugin(new DubboCodec(), "dubbo"));
