// AssemblyScript entry: the SOFA Bolt codec as a fuzz target.

import { BoltCodec } from "../../assembly/codecs/bolt/codec";
import { crc32 } from "../../assembly/wire/crc32";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const CRC_BYTES: u32 = 4;
/** Bytes of the shortest head of version 2. */
const HEAD_BYTES: u32 = 22;

const NAMES: StaticArray<StaticText> = [
  new StaticText("service"),
  new StaticText("interface"),
  new StaticText("method"),
  new StaticText("target_app"),
  new StaticText("class"),
  new StaticText("codec"),
  new StaticText("status"),
  new StaticText("user-id"),
  new StaticText("trace"),
  new StaticText("key"),
];

class BoltTarget extends CodecTarget {
  constructor() {
    super(new BoltCodec(), NAMES);
  }

  /** Without it, hardly any changed frame with a checksum would be looked into. */
  override repair(ptr: usize, len: u32): u32 {
    const isSummed =
      len >= HEAD_BYTES + CRC_BYTES && load<u16>(ptr) == 0x0202 && (load<u8>(ptr + 11) & 1) != 0;
    if (!isSummed) return len;
    const end = len - CRC_BYTES;
    store<u32>(ptr + end, bswap(crc32(ptr, end)));
    return len;
  }
}

bindTarget(new BoltTarget());
