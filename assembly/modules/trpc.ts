// The module for tRPC.
import { TrpcCodec } from "../codecs/trpc/codec";
import { registerPlugin } from "../proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../proxy-wasm-as/context/plugin-context";
import { SwitchboardPlugin } from "../switchboard/plugin/switchboard-plugin";
import { installBuiltInFilters } from "./built-in-filters";

export * from "../switchboard/exports";

installBuiltInFilters();
registerPlugin((id: u32): PluginContext => new SwitchboardPlugin(new TrpcCodec(), "trpc"));
