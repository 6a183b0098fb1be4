// AssemblyScript: makes an input from the corpus: noise, small changes of bytes, and changes of spans
// after which the lengths around them are right again.

import {
  countEntries,
  countSeeds,
  countTokens,
  entry,
  Entry,
  LengthKind,
  Span,
  token,
} from "./corpus";
import { below } from "./random";

/** Inputs are not longer. */
export const MAX_INPUT_BYTES: u32 = 16384;

const VARINT32_BYTES: u32 = 5;
const MAX_NOISE: u32 = 96;
const MAX_BLOCK: u32 = 32;
/** Heads are worth more than bodies. */
const HEAD_BYTES: u32 = 48;

/** Where the input is made, with room for what one change may insert before it is cut. */
export const work: usize = memory.data(65536, 16);
export let workLen: u32 = 0;

const noise: usize = memory.data(16);

// Values that lengths, counts and types like to break at.
const NUMBERS: StaticArray<u32> = [
  0, 1, 2, 0x0f, 0x10, 0x1f, 0x20, 0x40, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x3ff, 0x7fff, 0x8000,
  0xffff, 0x10000, 0xffffff, 0x3fffffff, 0x40000000, 0x7ffffff0, 0x7fffffff, 0x80000000, 0xfffffff0,
  0xfffffffe, 0xffffffff,
];

/** Replaces `removed` bytes at `at` by the `len` bytes at `ptr`, which are not in `work`. */
function splice(at: u32, removed: u32, ptr: usize, len: u32): void {
  const from = at + removed;
  memory.copy(work + at + len, work + from, workLen - from);
  memory.copy(work + at, ptr, len);
  workLen = workLen - removed + len;
  if (workLen > MAX_INPUT_BYTES) workLen = MAX_INPUT_BYTES;
}

function place(): u32 {
  if (workLen == 0) return 0;
  return below(below(2) == 0 ? min(workLen, HEAD_BYTES) : workLen);
}

function blockAt(at: u32): u32 {
  return below(min(workLen - at, MAX_BLOCK) + 1);
}

function insertNoise(at: u32, removed: u32): void {
  store<u32>(noise, below(0xffffffff));
  store<u32>(noise, below(0xffffffff), 4);
  splice(at, removed, noise, 1 + below(4));
}

/** Writes a number of 1, 2 or 4 bytes over what is there. */
function writeNumber(at: u32): void {
  let value = NUMBERS[below(NUMBERS.length)];
  if (below(4) == 0) value = workLen - at + below(5) - 2;
  const size: u32 = 1 << below(3);
  store<u32>(noise, below(4) == 0 ? value : bswap(value) >> (32 - 8 * size));
  splice(at, min(size, workLen - at), noise, size);
}

function repeatBlock(at: u32): void {
  const size = blockAt(at);
  // SAFETY: `workLen` is at most MAX_INPUT_BYTES, so the second half of `work` is free.
  const copy = work + MAX_INPUT_BYTES * 2;
  memory.copy(copy, work + at, size);
  splice(at, 0, copy, size);
}

function insertToken(at: u32): void {
  if (countTokens() == 0) return;
  const chosen = token(below(countTokens()));
  splice(at, below(2) == 0 ? 0 : min(chosen.len, workLen - at), chosen.ptr, chosen.len);
}

/** A piece of another input. */
function crossOver(at: u32): void {
  const other = entry(below(countEntries()));
  if (other.len == 0) return;
  const from = below(other.len);
  const size = 1 + below(min(other.len - from, MAX_BLOCK * 4));
  splice(at, below(2) == 0 ? 0 : min(size, workLen - at), other.ptr + from, size);
}

function changeBytes(): void {
  const at = place();
  switch (below(10)) {
    case 0:
    case 1: {
      if (at < workLen) store<u8>(work + at, load<u8>(work + at) ^ (<u8>((<u32>1) << below(8))));
      break;
    }
    case 2: {
      insertNoise(at, min(1, workLen - at));
      break;
    }
    case 3: {
      insertNoise(at, 0);
      break;
    }
    case 4: {
      splice(at, blockAt(at), noise, 0);
      break;
    }
    case 5: {
      repeatBlock(at);
      break;
    }
    case 6:
    case 7: {
      writeNumber(at);
      break;
    }
    case 8: {
      insertToken(at);
      break;
    }
    default:
      crossOver(at);
  }
}

/** Replaces the number at `at` by itself plus `delta`; returns by how much it became longer. */
function addToVarint(at: u32, delta: u32): u32 {
  let width: u32 = 0;
  let value: u32 = 0;
  while (width < VARINT32_BYTES && at + width < workLen) {
    const byte: u32 = load<u8>(work + at + width);
    value |= (byte & 0x7f) << (7 * width);
    width++;
    if (byte < 0x80) break;
  }
  value += delta;
  let size: u32 = 0;
  for (; value >= 0x80; value >>= 7) store<u8>(noise + size++, <u8>(value | 0x80));
  store<u8>(noise + size++, <u8>value);
  splice(at, width, noise, size);
  return size - width;
}

/** The span `inner` became longer by `delta`: so do all around it. */
function repairLengths(seed: Entry, inner: Span, delta: u32): void {
  let index = seed.spanCount;
  while (index > 0) {
    // From the innermost on: those within others come behind them.
    const span = seed.span(--index);
    if (span.start > inner.start || span.end < inner.end) continue;
    if (span.lengthAt >= workLen) continue;
    const at = work + span.lengthAt;
    switch (span.lengthKind) {
      case LengthKind.U8: {
        store<u8>(at, load<u8>(at) + <u8>delta);
        break;
      }
      case LengthKind.U16Be: {
        store<u16>(at, bswap(<u16>(<u32>bswap(load<u16>(at)) + delta)));
        break;
      }
      case LengthKind.U32Be: {
        store<u32>(at, bswap(bswap(load<u32>(at)) + delta));
        break;
      }
      case LengthKind.Varint: {
        // The number before the span is outside of it, and within the next.
        delta += addToVarint(span.lengthAt, delta);
        break;
      }
      default:
    }
  }
}

/** Takes a span out, repeats it, or puts one of any input in its place. */
function changeSpan(seed: Entry): void {
  const span = seed.span(below(seed.spanCount));
  const other = below(2) == 0 ? seed : entry(below(countEntries()));
  const before = workLen;
  if (span.end > workLen) return;
  const kind = below(4);
  if (kind == 0) {
    splice(span.start, span.end - span.start, noise, 0);
  } else if (kind == 1) {
    splice(span.end, 0, seed.ptr + span.start, span.end - span.start);
  } else if (other.spanCount > 0) {
    const source = other.span(below(other.spanCount));
    const removed = kind == 2 ? span.end - span.start : 0;
    splice(span.start, removed, other.ptr + source.start, source.end - source.start);
  }
  if (workLen < MAX_INPUT_BYTES && below(8) != 0) repairLengths(seed, span, workLen - before);
}

function makeNoise(): void {
  workLen = below(MAX_NOISE);
  for (let i: u32 = 0; i < workLen; i++) store<u8>(work + i, <u8>below(256));
}

/** Makes the next input; what it is depends on the random numbers and the corpus alone. */
export function makeInput(): void {
  const seed = entry(below(below(2) == 0 ? countSeeds() : countEntries()));
  memory.copy(work, seed.ptr, seed.len);
  workLen = seed.len;
  const kind = below(32);
  if (kind == 0) {
    makeNoise();
    return;
  }
  const isStructural = kind < 16 && seed.spanCount > 0;
  if (isStructural) changeSpan(seed);
  for (let left = isStructural ? below(3) : 1 + below(4); left > 0; left--) changeBytes();
  if (kind == 31) workLen = below(workLen + 1);
}

/** Makes the input one that was made before. */
export function takeInput(ptr: usize, len: u32): void {
  workLen = min(len, MAX_INPUT_BYTES);
  memory.copy(work, ptr, workLen);
}

/** A part of the protocol may put something right before the input is used. */
export function resize(len: u32): void {
  workLen = len;
}
