// Replies of our own, to what a policy refuses and a client can be told about: Produce, Fetch and
// FindCoordinator. Everything else ends the client's connection, which clients know how to go on from.
// Source: ProduceResponse.json, FetchResponse.json, FindCoordinatorResponse.json of Apache Kafka 4.1.1.
// Allocates: never.

import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Slice } from "../../codec/message";
import { loadU16Be, loadU32Be } from "../../wire/byte-order";
import { apiOf } from "./apis";
import { ApiKey, FETCH_BY_ID, FIND_BY_KEYS, PRODUCE_BY_ID, UUID_BYTES } from "./constants";
import {
  CONTEXT_CORRELATION_ID,
  CONTEXT_HEADER_BYTES,
  CONTEXT_KIND,
  CONTEXT_VERSION,
  ContextKind,
  PARTITION_BYTES,
  REST_BYTES,
  TOPIC_BYTES,
} from "./reply-context";
import { ReplyWriter } from "./reply-writer";

// org.apache.kafka.common.protocol.Errors
const UNKNOWN_SERVER_ERROR: i32 = -1;
const NONE: i32 = 0;
const COORDINATOR_NOT_AVAILABLE: i32 = 15;
const TOPIC_AUTHORIZATION_FAILED: i32 = 29;
const GROUP_AUTHORIZATION_FAILED: i32 = 30;
const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i32 = 53;
const FETCH_SESSION_ID_NOT_FOUND: i32 = 70;
const THROTTLING_QUOTA_EXCEEDED: i32 = 89;
const MAX_CODE: u32 = 0x7fff;

/** How long a client that has met a rate limit is to send nothing more. */
const THROTTLE_MS: u32 = 500;
/** From which clients heed that themselves, instead of being kept waiting by the broker. */
const FETCH_THROTTLED: u32 = 8;
const PRODUCE_THROTTLED: u32 = 6;
/** From which the text of an error has a place. */
const PRODUCE_WITH_TEXT: u32 = 8;
const GROUP_KEY: u8 = 0;

const writer = new ReplyWriter();
const name: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
/** Where the context is read. */
let from: usize = 0;
let version: u32 = 0;
let code: i32 = NONE;
let isThrottled: bool = false;

export function writeErrorReply(reply: ErrorReply, out: usize, capacity: u32): u32 {
  const context = reply.context;
  if (context.len < CONTEXT_HEADER_BYTES) return 0;
  const key = loadU16Be(context.ptr);
  version = loadU16Be(context.ptr + CONTEXT_VERSION);
  const kind = <ContextKind>load<u8>(context.ptr + CONTEXT_KIND);
  from = context.ptr + CONTEXT_HEADER_BYTES;
  isThrottled = reply.kind == ErrorKind.RateLimited && reply.code == NO_ERROR_CODE;
  const isBare = key == ApiKey.Fetch && isThrottled;
  if (kind == ContextKind.Nothing && !isBare) return 0;
  code = codeOf(reply, key);
  if (code == NONE) return 0;
  if (boundOf(context, kind) > capacity) return 0;
  const correlationId = loadU32Be(context.ptr + CONTEXT_CORRELATION_ID);
  writer.begin(out, correlationId, version >= apiOf(key).flexibleFrom);
  const text = boundOf(context, kind) + reply.text.len <= capacity ? reply.text.len : 0;
  if (key == ApiKey.Produce) writeProduce(reply.text.ptr, text);
  else if (key == ApiKey.FindCoordinator) writeCoordinator(reply.text.ptr, text);
  else if (!writeFetch(kind)) return 0;
  return writer.finish();
}

/** NONE: the connection is to end. */
function codeOf(reply: ErrorReply, key: u32): i32 {
  if (reply.code != NO_ERROR_CODE) return reply.code > MAX_CODE ? NONE : <i32>reply.code;
  const isCoordinator = key == ApiKey.FindCoordinator;
  switch (reply.kind) {
    case ErrorKind.PermissionDenied:
      if (!isCoordinator) return TOPIC_AUTHORIZATION_FAILED;
      return load<u8>(from) == GROUP_KEY
        ? GROUP_AUTHORIZATION_FAILED
        : TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    case ErrorKind.RateLimited:
      return isCoordinator ? COORDINATOR_NOT_AVAILABLE : THROTTLING_QUOTA_EXCEEDED;
    case ErrorKind.Internal:
      return UNKNOWN_SERVER_ERROR;
    default:
      return NONE;
  }
}

/** Most bytes of a reply without a text. */
function boundOf(context: Slice, kind: ContextKind): u32 {
  const bound = REST_BYTES + context.len;
  return kind == ContextKind.Partitions ? bound + partitionsBound() : bound;
}

function nextByte(): u32 {
  return load<u8>(from++);
}

function partitionsBound(): u32 {
  const start = from;
  const isById = isByIdOf(loadU16Be(start - CONTEXT_HEADER_BYTES));
  let bound: u32 = 0;
  for (let topics = nextByte(); topics > 0; topics--) {
    const nameBytes = isById ? UUID_BYTES : nextByte();
    from += nameBytes;
    const partitions = nextByte();
    from += partitions * 4;
    bound += TOPIC_BYTES + partitions * PARTITION_BYTES;
  }
  from = start;
  return bound;
}

function isByIdOf(key: u32): bool {
  return version >= (key == ApiKey.Fetch ? FETCH_BY_ID : PRODUCE_BY_ID);
}

/** Begins the entry of the next topic, and its array of partitions; returns how many these are. */
function beginTopic(key: u32): u32 {
  if (isByIdOf(key)) {
    writer.bytes(from, UUID_BYTES);
    from += UUID_BYTES;
  } else {
    readName();
    writer.text(name.ptr, name.len);
  }
  const partitions = nextByte();
  writer.count(partitions);
  return partitions;
}

function readName(): void {
  name.len = nextByte();
  name.ptr = from;
  from += name.len;
}

/** The text goes with the first partition. */
function writeProduce(text: usize, len: u32): void {
  const topics = nextByte();
  writer.count(topics);
  for (let i: u32 = 0; i < topics; i++) {
    for (let rest = beginTopic(ApiKey.Produce); rest > 0; rest--) {
      writer.bytes(from, 4);
      from += 4;
      writer.u16(code);
      writer.u64(-1); // base offset
      if (version >= 2) writer.u64(-1); // log append time
      if (version >= 5) writer.u64(-1); // log start offset
      if (version >= PRODUCE_WITH_TEXT) {
        writer.count(0); // errors of records
        if (len > 0) writer.text(text, len);
        else writer.nullText();
        len = 0;
      }
      writer.tags();
    }
    writer.tags();
  }
  const throttleMs = isThrottled && version >= PRODUCE_THROTTLED ? THROTTLE_MS : 0;
  if (version >= 1) writer.u32(throttleMs);
  writer.tags();
}

/** False: there is none. */
function writeFetch(kind: ContextKind): bool {
  if (isThrottled) {
    if (version < FETCH_THROTTLED) return false;
    // As a broker does it: nothing yet, and come again later.
    writeFetchHead(THROTTLE_MS, NONE);
    writer.count(0);
    writer.tags();
    return true;
  }
  if (kind == ContextKind.Session) {
    // The client begins a session anew, and names its partitions.
    writeFetchHead(0, FETCH_SESSION_ID_NOT_FOUND);
    writer.count(0);
    writer.tags();
    return true;
  }
  writeFetchHead(0, NONE);
  const topics = nextByte();
  writer.count(topics);
  for (let i: u32 = 0; i < topics; i++) {
    for (let rest = beginTopic(ApiKey.Fetch); rest > 0; rest--) writeFetched();
    writer.tags();
  }
  writer.tags();
  return true;
}

/** The session id 0: there is none. */
function writeFetchHead(throttleMs: u32, error: i32): void {
  if (version >= 1) writer.u32(throttleMs);
  if (version < 7) return;
  writer.u16(error);
  writer.u32(0);
}

function writeFetched(): void {
  writer.bytes(from, 4);
  from += 4;
  writer.u16(code);
  writer.u64(-1); // high watermark
  if (version >= 4) writer.u64(-1); // last stable offset
  if (version >= 5) writer.u64(-1); // log start offset
  if (version >= 4) writer.nullCount(); // aborted transactions
  if (version >= 11) writer.u32(-1); // preferred read replica
  writer.count(0); // bytes of records
  writer.tags();
}

function writeCoordinator(text: usize, len: u32): void {
  from++; // type of the key
  readName();
  const isByKeys = version >= FIND_BY_KEYS;
  if (version >= 1) writer.u32(0);
  if (isByKeys) {
    writer.count(1);
    writer.text(name.ptr, name.len);
  } else {
    writer.u16(code);
    if (version >= 1) writer.text(text, len);
  }
  writer.u32(-1); // node
  writer.text(0, 0); // host
  writer.u32(-1); // port
  if (isByKeys) {
    writer.u16(code);
    writer.text(text, len);
    writer.tags();
  }
  writer.tags();
}
