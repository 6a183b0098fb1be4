// AssemblyScript entry: the Thrift codec as a fuzz target.

import { ThriftCodec } from "../../assembly/codecs/thrift/codec";
import {
  Protocol,
  protocolOf,
  Transport,
  transportOf,
} from "../../assembly/codecs/thrift/constants";
import { Message } from "../../assembly/codec/message";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

const FRAME_LENGTH_BYTES: u32 = 4;
/** Frames below 2^30 bytes are told from unframed messages by their first byte. */
const MAX_FRAME_BYTE: u8 = 0x3f;

const NAMES: StaticArray<StaticText> = [
  new StaticText("method"),
  new StaticText("service"),
  new StaticText("message_type"),
  new StaticText("seqid"),
  new StaticText("transport"),
  new StaticText("protocol"),
  new StaticText("user-id"),
  new StaticText("trace"),
  new StaticText("key"),
];

class ThriftTarget extends CodecTarget {
  constructor() {
    super(new ThriftCodec(), NAMES);
  }

  /** Without a frame, a lax message is told by its name, which can be no text at all. */
  override canReadReply(message: Message): bool {
    const isUnframed = transportOf(message.dialect) == Transport.Unframed;
    return !isUnframed || protocolOf(message.dialect) != Protocol.LaxBinary;
  }

  /** What looks like a frame ends where the input ends. */
  override repair(ptr: usize, len: u32): u32 {
    if (len <= FRAME_LENGTH_BYTES || load<u8>(ptr) > MAX_FRAME_BYTE) return len;
    const next: u32 = load<u8>(ptr, 4);
    const isFrame = next == 0x80 || next == 0x82 || next == 0x0f || next == 0;
    if (isFrame) store<u32>(ptr, bswap(len - FRAME_LENGTH_BYTES));
    return len;
  }
}

bindTarget(new ThriftTarget());
