// AssemblyScript: the codec contract as flat wasm exports, so that a test can drive any codec from
// outside. An entry file under wasm-test/units binds one codec and re-exports everything here.
// Addresses are the caller's; nothing is checked that the engine would not check.

import { Codec } from "../../assembly/codec/codec";
import { ErrorKind } from "../../assembly/codec/error-kind";
import { ErrorReply } from "../../assembly/codec/error-reply";
import { Message, Origin, Slice } from "../../assembly/codec/message";
import { Mutation } from "../../assembly/codec/mutation";

let bound: Codec = changetype<Codec>(0);
const messages: StaticArray<Message> = [new Message(), new Message()];
let message = messages[0];
const value = new Slice();
const reply = new ErrorReply();
const mutation = new Mutation();
// Fields of `message` in the order of MESSAGE_FIELDS in codec-harness.ts, 8 bytes each.
const record = memory.data(15 * 8);
let lookupIds: usize = 0;
let lookupCount: u32 = 0;

/** Chooses the codec that the exports below drive. */
export function bindCodec(codec: Codec): void {
  bound = codec;
}

/** Memory that is never freed: for the tests' buffers. */
export function reserve(bytes: u32): usize {
  return heap.alloc(bytes);
}

let fault: ArrayBuffer = new ArrayBuffer(0);

/** Gives the codec its configuration; false: `faultPtr` and `faultLen` tell what is wrong with it. */
export function configure(ptr: usize, len: u32): bool {
  const text = bound.configure(ptr, len);
  fault = String.UTF8.encode(text);
  return text.length == 0;
}

export function faultPtr(): usize {
  return changetype<usize>(fault);
}

export function faultLen(): u32 {
  return fault.byteLength;
}

export function defaultMode(): u32 {
  return bound.defaultMode;
}

export function orderedDownstream(): bool {
  return bound.orderedDownstream;
}

export function idBits(): u32 {
  return bound.idBits;
}

export function stateBytes(): u32 {
  return bound.stateBytes;
}

export function decode(origin: u32, ptr: usize, len: u32, state: usize): u32 {
  message.reset(<Origin>origin, ptr);
  return bound.decode(message, ptr, len, state);
}

/** Writes all fields of the message that was decoded last and returns their address. */
export function messageRecord(): usize {
  store<u64>(record, message.type);
  store<u64>(record + 8, message.origin);
  store<u64>(record + 16, message.status);
  store<u64>(record + 24, message.frame);
  store<u64>(record + 32, message.frameLength);
  store<u64>(record + 40, message.need);
  store<u64>(record + 48, <u64>message.lengthKnown);
  store<u64>(record + 56, message.id);
  store<u64>(record + 64, <u64>message.idKnown);
  store<u64>(record + 72, message.dialect);
  store<u64>(record + 80, <u64>message.opensStream);
  store<u64>(record + 88, message.streamEnd);
  store<u64>(record + 96, <u64>message.needsOwnConnection);
  store<u64>(record + 104, <u64>message.isUntimed);
  store<u64>(record + 112, message.transaction);
  return record;
}

/** The exports below are about message 0 or 1: two are alive when both directions have one. */
export function selectMessage(index: i32): void {
  message = messages[index];
}

/** Tells the codec that the frame moved, as the engine does when a buffer is compacted. */
export function moveFrame(ptr: usize): void {
  message.frame = ptr;
}

export function attributeId(namePtr: usize, nameLen: u32): i32 {
  return bound.attributeId(namePtr, nameLen);
}

export function attribute(id: i32, namePtr: usize, nameLen: u32): bool {
  value.ptr = 0;
  value.len = 0;
  return bound.attribute(message, id, namePtr, nameLen, value);
}

export function valuePtr(): usize {
  return value.ptr;
}

export function valueLen(): u32 {
  return value.len;
}

export function patchId(id: u64): bool {
  return bound.patchId(message, id);
}

function mutationOf(count: u32, entries: usize): Mutation | null {
  if (entries == 0) return null;
  mutation.count = count;
  mutation.entries = entries;
  return mutation;
}

/** `entries` 0: no mutation. */
export function encodedSizeBound(count: u32, entries: usize): u32 {
  return bound.encodedSizeBound(message, mutationOf(count, entries));
}

/** `entries` 0: no mutation. */
export function encode(id: u64, count: u32, entries: usize, out: usize): u32 {
  return bound.encode(message, id, mutationOf(count, entries), out);
}

export function keepsMiddle(count: u32, entries: usize): bool {
  const change = mutationOf(count, entries);
  return change !== null && bound.keepsMiddle(message, change);
}

export function headLength(): u32 {
  return bound.headLength;
}

export function keptLength(): u32 {
  return bound.keptLength;
}

/** Directly after `keepsMiddle`. */
export function encodeEnds(id: u64, head: usize, tail: usize): u32 {
  return bound.encodeEnds(message, id, head, tail);
}

export function mutationApplied(): bool {
  return bound.mutationApplied;
}

export function captureContext(out: usize): u32 {
  return bound.captureContext(message, out);
}

/** The context that the next `encodeError` uses. */
export function setContext(ptr: usize, len: u32): void {
  reply.context.ptr = ptr;
  reply.context.len = len;
}

/** The protocol's own code that the next `encodeError` uses; 0: none. */
export function setErrorCode(code: u32): void {
  reply.code = code;
}

/** The next `encodeError` is about a stream that has had an answer already. */
export function setEndsStream(endsStream: bool): void {
  reply.endsStream = endsStream;
}

export function timeoutMs(): u32 {
  return bound.timeoutMs(message);
}

export function encodeStreamReset(id: u64, out: usize): u32 {
  return bound.encodeStreamReset(id, out);
}

export function encodeError(
  kind: u32,
  id: u64,
  textPtr: usize,
  textLen: u32,
  out: usize,
  capacity: u32,
): u32 {
  reply.kind = <ErrorKind>kind;
  reply.text.ptr = textPtr;
  reply.text.len = textLen;
  return bound.encodeError(reply, id, out, capacity);
}

export function encodeHeartbeatReply(out: usize): u32 {
  return bound.encodeHeartbeatReply(message, out);
}

export function encodeHeartbeat(id: u64, out: usize): u32 {
  return bound.encodeHeartbeat(id, out);
}

/** The attribute ids (i32 each) that `repeatDecode` looks up. */
export function setLookups(ids: usize, count: u32): void {
  lookupIds = ids;
  lookupCount = count;
}

/**
 * Decodes a downstream's frame `rounds` times and looks up the attributes of `setLookups` each
 * time, so that timing has no call from outside per round. Returns a checksum.
 */
export function repeatDecode(ptr: usize, len: u32, state: usize, rounds: u32): u32 {
  let sum: u32 = 0;
  for (let round: u32 = 0; round < rounds; round++) {
    message.reset(Origin.Downstream, ptr);
    sum += bound.decode(message, ptr, len, state);
    for (let i: u32 = 0; i < lookupCount; i++) {
      const id = load<i32>(lookupIds + (i << 2));
      if (bound.attribute(message, id, 0, 0, value)) sum += value.len;
    }
  }
  return sum;
}
