// The codec of the module `frame` without an engine, for those who describe a protocol: what it makes of bytes,
// where it finds each value, and where it does not agree. No plugin of a proxy: `metaproto codec try` loads it.
import { FrameCodec } from "../codecs/frame/codec";
import { Message, Origin, Slice } from "../codec/message";

const codec = new FrameCodec();
const message = new Message();
const value = new Slice();
const state = memory.data(8);
let fault: ArrayBuffer = new ArrayBuffer(0);

/** Memory that is never freed. */
export function reserve(bytes: u32): usize {
  return heap.alloc(bytes);
}

/** Takes a metaproto.v1.FrameTable; false: `textPtr` and `textLen` tell why not. */
export function configure(ptr: usize, len: u32): bool {
  const text = codec.configure(ptr, len);
  fault = String.UTF8.encode(text);
  return text.length == 0;
}

export function textPtr(): usize {
  return changetype<usize>(fault);
}

export function textLen(): u32 {
  return fault.byteLength;
}

/** A number of DecodeStatus. */
export function decode(isFromClient: bool, ptr: usize, len: u32): u32 {
  message.reset(isFromClient ? Origin.Downstream : Origin.Upstream, ptr);
  return codec.decode(message, ptr, len, state);
}

/** Of the frame decoded last: 0 need, 1 length, 2 type, 3 status, 4 layout plus one, 5 timeout in milliseconds. */
export function fact(which: u32): u32 {
  switch (which) {
    case 0:
      return message.need;
    case 1:
      return message.frameLength;
    case 2:
      return message.type;
    case 3:
      return message.status;
    case 4:
      return message.a;
    default:
      return codec.timeoutMs(message);
  }
}

export function id(): u64 {
  return message.id;
}

/** Why it was refused: 0 the reason (see FrameFault), 1 the offset, 2 the detail. */
export function refusal(which: u32): u32 {
  const refused = codec.fault;
  if (which == 0) return refused.reason;
  return which == 1 ? refused.offset : refused.detail;
}

/**
 * Where a part of the frame decoded last is not what its type says, plus one; 0: nowhere. The codec looks into some
 * parts only when it is asked for what is in them.
 */
export function contentFault(): u32 {
  const view = codec.view;
  if (!view.show(message, codec.table)) return 0;
  for (let i = 0; i < view.layout.sections.length; i++) {
    if (!view.walk(i)) return view.faultAt + 1;
  }
  return 0;
}

/** Whether value number `index` of the layout is there; its bytes are at `valuePtr`. */
export function findBytes(index: u32): bool {
  return codec.view.show(message, codec.table) && codec.view.bytes(index, value);
}

/** The value as an attribute, likewise. */
export function findText(index: u32): bool {
  return codec.view.show(message, codec.table) && codec.view.text(index, value);
}

export function valuePtr(): usize {
  return value.ptr;
}

export function valueLen(): u32 {
  return value.len;
}

/** Of a section: 0 its start, 1 its variable part, 2 behind it; offsets in the frame. */
export function sectionOffset(index: u32, which: u32): u32 {
  if (!codec.view.show(message, codec.table)) return 0;
  const view = codec.view;
  if (which == 0) return view.places.start(index);
  return which == 1 ? view.places.body(index) : view.places.end(index);
}
