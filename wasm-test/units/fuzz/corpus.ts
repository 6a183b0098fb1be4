// AssemblyScript: what inputs are made from: whole inputs with their structure, and tokens.
//
// A span is a part of an input that is something by itself: a value, a field, an element. Four u32:
//   start, end          offsets in the input
//   length at, kind     where its length is written, and how
// Spans of one input lie apart or within each other; those within come behind.

export const SPAN_BYTES: usize = 16;

/** How a span's length is written; 0: nowhere. */
export enum LengthKind {
  U8 = 1,
  U16Be = 2,
  U32Be = 3,
  /** LEB128. */
  Varint = 4,
}

@unmanaged
export class Span {
  start: u32;
  end: u32;
  lengthAt: u32;
  lengthKind: u32;
}

@unmanaged
export class Entry {
  ptr: usize;
  len: u32;
  /** Address of `spanCount` spans. */
  spans: usize;
  spanCount: u32;

  span(index: u32): Span {
    return changetype<Span>(this.spans + <usize>index * SPAN_BYTES);
  }
}

const MAX_ENTRIES: u32 = 4096;
const MAX_TOKENS: u32 = 512;
const ENTRY_BYTES: usize = offsetof<Entry>();
const entries = heap.alloc(<usize>MAX_ENTRIES * ENTRY_BYTES);
const tokens = heap.alloc(<usize>MAX_TOKENS * ENTRY_BYTES);
let entryCount: u32 = 0;
let seedCount: u32 = 0;
let tokenCount: u32 = 0;

/** The inputs so far are sound: half of all that are made from one are made from these. */
export function endSeeds(): void {
  seedCount = entryCount;
}

/** How many of the inputs, from the first on, are sound. */
export function countSeeds(): u32 {
  return seedCount;
}

export function entry(index: u32): Entry {
  return changetype<Entry>(entries + <usize>index * ENTRY_BYTES);
}

export function token(index: u32): Entry {
  return changetype<Entry>(tokens + <usize>index * ENTRY_BYTES);
}

export function countEntries(): u32 {
  return entryCount;
}

export function countTokens(): u32 {
  return tokenCount;
}

/** Memory for an input, its spans or a token, never freed. */
export function reserve(bytes: u32): usize {
  return heap.alloc(bytes);
}

/** False: there is no room for another one. */
export function addEntry(ptr: usize, len: u32, spans: usize, spanCount: u32): bool {
  if (entryCount == MAX_ENTRIES) return false;
  fill(entry(entryCount++), ptr, len, spans, spanCount);
  return true;
}

export function addToken(ptr: usize, len: u32): bool {
  if (tokenCount == MAX_TOKENS) return false;
  fill(token(tokenCount++), ptr, len, 0, 0);
  return true;
}

function fill(entry: Entry, ptr: usize, len: u32, spans: usize, spanCount: u32): void {
  entry.ptr = ptr;
  entry.len = len;
  entry.spans = spans;
  entry.spanCount = spanCount;
}
