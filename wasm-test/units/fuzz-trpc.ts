// AssemblyScript entry: the tRPC codec as a fuzz target.

import { TrpcCodec } from "../../assembly/codecs/trpc/codec";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const HEAD_BYTES: u32 = 16;
const TOTAL_LENGTH_OFFSET: usize = 4;

const NAMES: StaticArray<StaticText> = [
  new StaticText("caller"),
  new StaticText("callee"),
  new StaticText("func"),
  new StaticText("service"),
  new StaticText("method"),
  new StaticText("frame_type"),
  new StaticText("content_type"),
  new StaticText("content_encoding"),
  new StaticText("message_type"),
  new StaticText("ret"),
  new StaticText("func_ret"),
  new StaticText("error_msg"),
  new StaticText("user-id"),
  new StaticText("trace"),
  new StaticText("key"),
];

class TrpcTarget extends CodecTarget {
  constructor() {
    super(new TrpcCodec(), NAMES);
  }

  /** What looks like a frame ends where the input ends. */
  override repair(ptr: usize, len: u32): u32 {
    if (len >= HEAD_BYTES && load<u8>(ptr) == 0x09) {
      store<u32>(ptr + TOTAL_LENGTH_OFFSET, bswap(len));
    }
    return len;
  }
}

bindTarget(new TrpcTarget());
