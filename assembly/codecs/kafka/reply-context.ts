// What an error reply needs of a request that has gone, in the order in which it is kept, big-endian:
//
//   api key u16 | version u16 | correlation id u32 | kind of what follows u8
//   Partitions: topics u8, of each: name u8 length + text, or 16 bytes of its id; partitions u8, each u32
//   Key:        type u8 | u8 length + text
//
// Allocates: when the module starts.

import { MAX_REPLY_CONTEXT } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { loadU32Be, storeU16Be, storeU32Be } from "../../wire/byte-order";
import { Field } from "./apis";
import {
  ApiKey,
  CORRELATION_ID_OFFSET,
  FETCH_BY_ID,
  FIND_BY_KEYS,
  PRODUCE_BY_ID,
  UUID_BYTES,
} from "./constants";
import { fields } from "./fields";
import { apiKeyOf, apiVersionOf, FrameKind, kindOf } from "./frame";

// Offsets of a context.
export const CONTEXT_VERSION: u32 = 2;
export const CONTEXT_CORRELATION_ID: u32 = 4;
export const CONTEXT_KIND: u32 = 8;
export const CONTEXT_HEADER_BYTES: u32 = 9;

export enum ContextKind {
  /** An error could not name all that it is about. */
  Nothing = 0,
  Partitions = 1,
  /** Of a fetch session that goes on: the broker knows which partitions are meant, and nobody else. */
  Session = 2,
  Key = 3,
}

/** A reply has 512 bytes besides context and text. */
const REPLY_ROOM: u32 = 512;
/** Most bytes that a reply has of a partition, of a topic besides its name, and of everything else. */
export const PARTITION_BYTES: u32 = 40;
export const TOPIC_BYTES: u32 = 8;
export const REST_BYTES: u32 = 64;

/** Versions from which partitions of a fetch have these fields, and from which fetches have sessions. */
const FETCH_WITH_LOG_START: u32 = 5;
const FETCH_WITH_SESSION: u32 = 7;
const FETCH_WITH_LEADER_EPOCH: u32 = 9;
const FETCH_WITH_LAST_EPOCH: u32 = 12;
/** A session's epoch, and behind it the array of topics. */
const EPOCH_BYTES: usize = 4;

const name: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
let at: usize = 0;
let end: usize = 0;
let room: u32 = 0;

/** 0: there is no error reply to it. */
export function keepContext(message: Message, out: usize): u32 {
  if (message.frameLength == 0 || kindOf(message) != FrameKind.Request) return 0;
  const key = apiKeyOf(message);
  const isList = key == ApiKey.Produce || key == ApiKey.Fetch;
  if (!isList && key != ApiKey.FindCoordinator) return 0;
  const version = apiVersionOf(message);
  storeU16Be(out, key);
  storeU16Be(out + CONTEXT_VERSION, version);
  storeU32Be(out + CONTEXT_CORRELATION_ID, loadU32Be(message.frame + CORRELATION_ID_OFFSET));
  at = out + CONTEXT_HEADER_BYTES;
  end = out + MAX_REPLY_CONTEXT;
  room = REPLY_ROOM - REST_BYTES;
  const kind = isList ? keepPartitions(message, key, version) : keepKey(message, version);
  // That it is too often, a client that fetches can be told all the same.
  if (kind == ContextKind.Nothing && key != ApiKey.Fetch) return 0;
  store<u8>(out + CONTEXT_KIND, <u8>kind);
  const isLong = kind == ContextKind.Partitions || kind == ContextKind.Key;
  return isLong ? <u32>(at - out) : CONTEXT_HEADER_BYTES;
}

/** Of bytes of the context and of the reply that is made of it. */
function takes(context: u32, reply: u32): bool {
  if (<usize>context > end - at || reply > room) return false;
  room -= reply;
  return true;
}

function keepPartitions(message: Message, key: u32, version: u32): ContextKind {
  if (!fields.find(message, Field.Topics, name)) return ContextKind.Nothing;
  const count = fields.elements;
  if (key == ApiKey.Fetch && version >= FETCH_WITH_SESSION) {
    if (<i32>loadU32Be(fields.began - EPOCH_BYTES) > 0) return ContextKind.Session;
  }
  if (count > u8.MAX_VALUE || !takes(1, 0)) return ContextKind.Nothing;
  store<u8>(at++, <u8>count);
  const isById = version >= (key == ApiKey.Fetch ? FETCH_BY_ID : PRODUCE_BY_ID);
  for (let i: u32 = 0; i < count; i++) {
    const isKept = isById ? keepId() : keepText();
    if (!isKept || !keepIndices(key, version) || !fields.skipTags()) return ContextKind.Nothing;
  }
  return ContextKind.Partitions;
}

function keepId(): bool {
  const from = fields.at;
  if (!fields.skip(UUID_BYTES) || !takes(UUID_BYTES, TOPIC_BYTES)) return false;
  memory.copy(at, from, UUID_BYTES);
  at += UUID_BYTES;
  return true;
}

function keepText(): bool {
  return fields.text(name) && !fields.isNull && keepName();
}

/** Its bytes are in the context and in the reply alike. */
function keepName(): bool {
  if (name.len > u8.MAX_VALUE || !takes(1 + name.len, TOPIC_BYTES)) return false;
  store<u8>(at++, <u8>name.len);
  memory.copy(at, name.ptr, name.len);
  at += name.len;
  return true;
}

function keepIndices(key: u32, version: u32): bool {
  const count = fields.count();
  if (count < 0 || <u32>count > u8.MAX_VALUE || !takes(1, 0)) return false;
  store<u8>(at++, <u8>count);
  const rest = key == ApiKey.Fetch ? fetchedBytes(version) : 0;
  for (let i = 0; i < count; i++) {
    const from = fields.at;
    if (!fields.skip(4) || !takes(4, PARTITION_BYTES)) return false;
    memory.copy(at, from, 4);
    at += 4;
    const isSkipped = key == ApiKey.Fetch ? fields.skip(rest) : fields.skipBytes();
    if (!isSkipped || !fields.skipTags()) return false;
  }
  return true;
}

/** Bytes of a partition of a fetch behind its index. */
function fetchedBytes(version: u32): u32 {
  let bytes: u32 = 8 + 4;
  if (version >= FETCH_WITH_LOG_START) bytes += 8;
  if (version >= FETCH_WITH_LEADER_EPOCH) bytes += 4;
  if (version >= FETCH_WITH_LAST_EPOCH) bytes += 4;
  return bytes;
}

/** Of one coordinator; tools alone ask for several in one request. */
function keepKey(message: Message, version: u32): ContextKind {
  if (!fields.find(message, Field.CoordinatorKey, name)) return ContextKind.Nothing;
  if (version >= FIND_BY_KEYS && fields.elements != 1) return ContextKind.Nothing;
  if (!takes(1, 0)) return ContextKind.Nothing;
  store<u8>(at++, <u8>fields.keyType);
  return keepName() ? ContextKind.Key : ContextKind.Nothing;
}
