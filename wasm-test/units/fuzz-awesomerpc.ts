// AssemblyScript entry: the AwesomeRPC codec as a fuzz target.

import { AwesomeRpcCodec } from "../../assembly/codecs/awesomerpc/codec";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const HEAD_BYTES: u32 = 13;
const LENGTH_OFFSET: usize = 5;

const NAMES: StaticArray<StaticText> = [
  new StaticText("cmd"),
  new StaticText("version"),
  new StaticText("rsp_code"),
  new StaticText("key"),
];

class AwesomeRpcTarget extends CodecTarget {
  constructor() {
    super(new AwesomeRpcCodec(), NAMES);
  }

  /** A frame ends where the input ends. */
  override repair(ptr: usize, len: u32): u32 {
    if (len >= HEAD_BYTES) store<u32>(ptr + LENGTH_OFFSET, bswap(len));
    return len;
  }
}

bindTarget(new AwesomeRpcTarget());
