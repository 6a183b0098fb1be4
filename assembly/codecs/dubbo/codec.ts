// Dubbo 2: `dubbo://`, magic 0xdabb.
import { Codec } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorKind } from "../../codec/error-kind";
import { Message, MessageType, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { loadU32Be, loadU64Be } from "../../wire/byte-order";
import { HEADER_BYTES } from "./constants";

export class DubboCodec extends Codec {
  decode(message: Message, ptr: usize, len: u32, state: usize): DecodeStatus {
    if (load<u8>(ptr) != 0xda || (len > 1 && load<u8>(ptr + 1) != 0xbb)) return DecodeStatus.Error;
    message.need = HEADER_BYTES;
    if (len < HEADER_BYTES) return DecodeStatus.WaitForData;
    message.id = loadU64Be(ptr + 4);
    message.need = HEADER_BYTES + loadU32Be(ptr + 12);
    message.lengthKnown = true;
    message.type = MessageType.Request;
    if (len < message.need) return DecodeStatus.WaitForData;
    message.frameLength = message.need;
    return DecodeStatus.Done;
  }
  attributeId(namePtr: usize, nameLen: u32): i32 {
    return -1;
  }
  attribute(message: Message, id: i32, namePtr: usize, nameLen: u32, value: Slice): bool {
    return false;
  }
  patchId(message: Message, id: u64): bool {
    return false;
  }
  encodedSizeBound(message: Message, mutation: Mutation | null): u32 {
    return 0;
  }
  encode(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    return 0;
  }
  captureContext(message: Message, out: usize): u32 {
    return 0;
  }
  encodeError(
    kind: ErrorKind,
    id: u64,
    context: Slice,
    text: Slice,
    out: usize,
    capacity: u32,
  ): u32 {
    return 0;
  }
}
