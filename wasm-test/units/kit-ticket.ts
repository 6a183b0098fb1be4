// AssemblyScript entry: a module for the conformance kit's own tests. Its codec is as it should be, or has the one
// fault that its configuration names.
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { SwitchboardPlugin } from "../../assembly/switchboard/plugin/switchboard-plugin";
import { installBuiltInFilters } from "../../assembly/modules/built-in-filters";
import { TicketCodec } from "./ticket/codec";

export * from "../../assembly/switchboard/exports";

installBuiltInFilters();
registerPlugin((id: u32): PluginContext => new SwitchboardPlugin(new TicketCodec(), "ticket"));
