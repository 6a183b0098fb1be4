// AssemblyScript entry: the protocol of sessions-codec.ts, its responses matched in order.
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { SwitchboardPlugin } from "../../assembly/switchboard/plugin/switchboard-plugin";
import { SessionsCodec } from "./sessions-codec";

export * from "../../assembly/switchboard/exports";

registerPlugin(
  (id: u32): PluginContext => new SwitchboardPlugin(new SessionsCodec(false), "sessions"),
);
