// The module of the example protocol: see assembly/codecs/line/README.md.
import { LineCodec } from "../codecs/line/codec";
import { registerPlugin } from "../proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../proxy-wasm-as/context/plugin-context";
import { SwitchboardPlugin } from "../switchboard/plugin/switchboard-plugin";

export * from "../switchboard/exports";

registerPlugin((id: u32): PluginContext => new SwitchboardPlugin(new LineCodec(), "line"));
