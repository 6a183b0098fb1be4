// AssemblyScript entry: the TARS codec as a fuzz target.

import { TarsCodec } from "../../assembly/codecs/tars/codec";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const MIN_FRAME_BYTES: u32 = 8;

const NAMES: StaticArray<StaticText> = [
  new StaticText("servant"),
  new StaticText("func"),
  new StaticText("version"),
  new StaticText("packet_type"),
  new StaticText("message_type"),
  new StaticText("ret"),
  new StaticText("result_desc"),
  new StaticText("user-id"),
  new StaticText("key"),
];

class TarsTarget extends CodecTarget {
  constructor() {
    super(new TarsCodec(), NAMES);
  }

  /** What may be a frame ends where the input ends. */
  override repair(ptr: usize, len: u32): u32 {
    if (len >= MIN_FRAME_BYTES && (load<u8>(ptr + 4) & 0xf0) == 0x10) store<u32>(ptr, bswap(len));
    return len;
  }
}

bindTarget(new TarsTarget());
