// The serialized form of header maps, which HTTP calls, gRPC metadata and header maps share.
// Spec: proxy-wasm ABI 0.2.1, chapter "Serialization". Little-endian:
//
//   0         4            8              4+8n
//   +---------+------------+------------+-----+-------+---+---------+---+
//   | n pairs | name len 0 | value len 0 | ... | name 0 | 0 | value 0 | 0 | ...
//   +---------+------------+------------+-----+-------+---+---------+---+
//
// Allocates: HeaderPairs once, at start-up; the reader never.

const COUNT_BYTES: usize = 4;
const LENGTHS_BYTES: usize = 8;
const VALUE_LEN_OFFSET: usize = 4;

/**
 * Header pairs encoded once, at start-up: ["name", "value", "name", "value", ...]. A trailing name
 * without a value gets an empty one. Envoy refuses more than 1024 pairs or 1 MiB.
 */
export class HeaderPairs {
  readonly ptr: usize;
  readonly len: u32;

  constructor(namesAndValues: string[]) {
    const count = (namesAndValues.length + 1) >> 1;
    let len = COUNT_BYTES + LENGTHS_BYTES * <usize>count;
    for (let i = 0; i < count; i++) {
      len += <usize>String.UTF8.byteLength(namesAndValues[2 * i]) + 1;
      len += <usize>String.UTF8.byteLength(valueAt(namesAndValues, i)) + 1;
    }
    const ptr = heap.alloc(len);
    store<u32>(ptr, <u32>count);
    let lengths = ptr + COUNT_BYTES;
    let text = lengths + LENGTHS_BYTES * <usize>count;
    for (let i = 0; i < count; i++) {
      const nameLen = encodeTerminated(namesAndValues[2 * i], text);
      text += nameLen + 1;
      const valueLen = encodeTerminated(valueAt(namesAndValues, i), text);
      text += valueLen + 1;
      store<u32>(lengths, <u32>nameLen);
      store<u32>(lengths, <u32>valueLen, VALUE_LEN_OFFSET);
      lengths += LENGTHS_BYTES;
    }
    this.ptr = ptr;
    this.len = <u32>len;
  }
}

function valueAt(namesAndValues: string[], index: i32): string {
  const position = 2 * index + 1;
  return position < namesAndValues.length ? namesAndValues[position] : "";
}

/** Writes text and a terminating 0 at `ptr`; returns the text's length in bytes. */
function encodeTerminated(text: string, ptr: usize): usize {
  const len = String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, ptr);
  store<u8>(ptr + len, 0);
  return len;
}

/**
 * Walks over serialized pairs without copying: start(), then next() until it returns false. The four
 * fields are valid after a next() that returned true, as long as the bytes are. One reader can be kept
 * in a static field and reused for ever.
 */
@final
export class HeaderPairsReader {
  namePtr: usize = 0;
  nameLen: u32 = 0;
  valuePtr: usize = 0;
  valueLen: u32 = 0;
  /** Pairs not yet returned. */
  remaining: u32 = 0;
  private lengths: usize = 0;
  private text: usize = 0;
  private end: usize = 0;

  /** Begins with the `len` bytes at `ptr`; false when they are no map. No bytes are an empty map. */
  start(ptr: usize, len: u32): bool {
    this.remaining = 0;
    if (<usize>len < COUNT_BYTES) return len <= 1;
    const count = load<u32>(ptr);
    const afterCount = <usize>len - COUNT_BYTES;
    if (<usize>count > afterCount / LENGTHS_BYTES) return false;
    this.lengths = ptr + COUNT_BYTES;
    this.text = this.lengths + <usize>count * LENGTHS_BYTES;
    this.end = ptr + <usize>len;
    this.remaining = count;
    return true;
  }

  /** Moves to the next pair; false at the end, or when a length leaves the bytes. */
  next(): bool {
    if (this.remaining == 0) return false;
    const nameLen = load<u32>(this.lengths);
    const valueLen = load<u32>(this.lengths, VALUE_LEN_OFFSET);
    const available = <u64>(this.end - this.text);
    if (<u64>nameLen + <u64>valueLen + 2 > available) {
      this.remaining = 0;
      return false;
    }
    this.namePtr = this.text;
    this.nameLen = nameLen;
    this.valuePtr = this.text + <usize>nameLen + 1;
    this.valueLen = valueLen;
    this.text = this.valuePtr + <usize>valueLen + 1;
    this.lengths += LENGTHS_BYTES;
    this.remaining--;
    return true;
  }
}
