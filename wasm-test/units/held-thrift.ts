// AssemblyScript: the Thrift module, which tells what it holds.
import { ThriftCodec } from "../../assembly/codecs/thrift/codec";
import { installBuiltInFilters } from "../../assembly/modules/built-in-filters";
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { ProbedPlugin } from "./held-gauges";

export * from "../../assembly/switchboard/exports";

installBuiltInFilters();
registerPlugin((id: u32): PluginContext => new ProbedPlugin(new ThriftCodec(), "thrift"));
