// AssemblyScript entry: the example module with a bug, for tests of what becomes of a worker whose VM fails.

import { DecodeStatus } from "../../assembly/codec/decode-status";
import { Message } from "../../assembly/codec/message";
import { LineCodec } from "../../assembly/codecs/line/codec";
import { registerPlugin } from "../../assembly/proxy-wasm-as/context/callbacks-lifecycle";
import { PluginContext } from "../../assembly/proxy-wasm-as/context/plugin-context";
import { SwitchboardPlugin } from "../../assembly/switchboard/plugin/switchboard-plugin";

export * from "../../assembly/switchboard/exports";

const EXCLAMATION_MARK: u8 = 0x21;

/** Traps on a line that begins with an exclamation mark. */
class TrappingCodec extends LineCodec {
  override decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (len > 0 && load<u8>(ptr) == EXCLAMATION_MARK) unreachable();
    return super.decode(message, ptr, len, state);
  }
}

registerPlugin((id: u32): PluginContext => new SwitchboardPlugin(new TrappingCodec(), "line"));
