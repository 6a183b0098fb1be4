// AssemblyScript entry: the bRPC codec as a fuzz target.

import { BrpcCodec } from "../../assembly/codecs/brpc/codec";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const HEAD_BYTES: u32 = 12;
const BODY_LENGTH_OFFSET: usize = 4;

const NAMES: StaticArray<StaticText> = [
  new StaticText("service"),
  new StaticText("method"),
  new StaticText("log_id"),
  new StaticText("trace_id"),
  new StaticText("request_id"),
  new StaticText("compress_type"),
  new StaticText("attachment_size"),
  new StaticText("error_code"),
  new StaticText("error_text"),
  new StaticText("user-id"),
  new StaticText("key"),
];

class BrpcTarget extends CodecTarget {
  constructor() {
    super(new BrpcCodec(), NAMES);
  }

  /** What looks like a frame ends where the input ends. */
  override repair(ptr: usize, len: u32): u32 {
    if (len >= HEAD_BYTES && load<u8>(ptr) == 0x50) {
      store<u32>(ptr + BODY_LENGTH_OFFSET, bswap(len - HEAD_BYTES));
    }
    return len;
  }
}

bindTarget(new BrpcTarget());
