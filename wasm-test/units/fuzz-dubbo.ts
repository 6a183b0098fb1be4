// AssemblyScript entry: the Dubbo codec as a fuzz target.

import { DubboCodec } from "../../assembly/codecs/dubbo/codec";
import { HEADER_BYTES } from "../../assembly/codecs/dubbo/constants";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const BODY_LENGTH_OFFSET: usize = 12;

const NAMES: StaticArray<StaticText> = [
  new StaticText("interface"),
  new StaticText("method"),
  new StaticText("version"),
  new StaticText("path"),
  new StaticText("dubbo"),
  new StaticText("generic_method"),
  new StaticText("serialization"),
  new StaticText("status"),
  new StaticText("group"),
  new StaticText("key"),
];

class DubboTarget extends CodecTarget {
  constructor() {
    super(new DubboCodec(), NAMES);
  }

  /** The body's length is the one in the header: only then the body is looked at. */
  override repair(ptr: usize, len: u32): u32 {
    if (len < HEADER_BYTES) return len;
    store<u16>(ptr, 0xbbda);
    store<u32>(ptr, bswap(len - HEADER_BYTES), BODY_LENGTH_OFFSET);
    return len;
  }
}

bindTarget(new DubboTarget());
