// Protocol Buffers on the wire: fields read one after the other from bytes that may hold anything,
// and fields written to a block that may be too small.
// Spec: https://protobuf.dev/programming-guides/encoding/
// Allocates: never.

export enum WireType {
  Varint = 0,
  Fixed64 = 1,
  /** Strings, bytes, messages, packed fields. */
  Bytes = 2,
  StartGroup = 3,
  EndGroup = 4,
  Fixed32 = 5,
}

/** Bytes of the longest varint. */
const MAX_VARINT_BYTES: u32 = 10;
/** Groups within groups that are skipped; what protobuf's own parsers allow. */
const MAX_GROUP_DEPTH: i32 = 100;
const MAX_FIELD: u64 = 0x1fffffff;

/**
 * Reads fields. `next` moves on to a field and sets the members below; false ends the message or
 * tells, with `isMalformed`, that it cannot be understood. Nothing beyond `end` is ever read.
 *
 *   reader.reset(ptr, len);
 *   while (reader.next()) switch (reader.field) { ... }
 *   if (reader.isMalformed) ...
 */
export class ProtobufReader {
  field: u32 = 0;
  wireType: WireType = WireType.Varint;
  /** Of Varint, Fixed32 and Fixed64. */
  value: u64 = 0;
  /** Of Bytes: within the bytes being read. */
  ptr: usize = 0;
  len: u32 = 0;
  /** Where the field begins, from the start of the outermost message. */
  tagOffset: u32 = 0;
  isMalformed: bool = false;
  /** With `isMalformed`: where, from the start of the outermost message. */
  faultOffset: u32 = 0;
  private start: usize = 0;
  private position: usize = 0;
  private end: usize = 0;

  /** Begins with the message of `len` bytes at `ptr`. */
  reset(ptr: usize, len: u32): void {
    this.start = ptr;
    this.position = ptr;
    this.end = ptr + len;
    this.isMalformed = false;
    this.faultOffset = 0;
  }

  /** Where the field at hand ends, from the start of the outermost message. */
  get offset(): u32 {
    return <u32>(this.position - this.start);
  }

  next(): bool {
    while (this.position < this.end && !this.isMalformed) {
      const fieldStart = this.position;
      if (!this.readTag()) return this.fail(fieldStart);
      this.tagOffset = <u32>(fieldStart - this.start);
      if (this.wireType != WireType.StartGroup) return this.readValue() || this.fail(fieldStart);
      if (!this.skipGroup()) return this.fail(fieldStart);
    }
    return false;
  }

  /**
   * Goes into the message that the field at hand (of type Bytes) holds: `next` then gives its
   * fields. Returns what `leave` wants.
   */
  enter(): usize {
    const outerEnd = this.end;
    this.position = this.ptr;
    this.end = this.ptr + this.len;
    return outerEnd;
  }

  /** Goes on behind the message that was entered, wherever in it the reader is. */
  leave(outerEnd: usize): void {
    if (this.isMalformed) return;
    this.position = this.end;
    this.end = outerEnd;
  }

  /** In a packed field of varints that was entered: on to the next `value`; false: that was the last. */
  nextPacked(): bool {
    if (this.position >= this.end || this.isMalformed) return false;
    const position = this.position;
    return this.readVarint() || this.fail(position);
  }

  private fail(position: usize): bool {
    this.isMalformed = true;
    this.faultOffset = <u32>(position - this.start);
    return false;
  }

  private readTag(): bool {
    if (!this.readVarint()) return false;
    const field = this.value >> 3;
    if (field == 0 || field > MAX_FIELD) return false;
    this.field = <u32>field;
    this.wireType = <WireType>((<i32>this.value) & 7);
    return true;
  }

  private readValue(): bool {
    const rest = <u64>(this.end - this.position);
    switch (this.wireType) {
      case WireType.Varint:
        return this.readVarint();
      case WireType.Fixed64: {
        if (rest < 8) return false;
        this.value = load<u64>(this.position);
        this.position += 8;
        return true;
      }
      case WireType.Bytes:
        return this.readBytes();
      case WireType.Fixed32: {
        if (rest < 4) return false;
        this.value = <u64>load<u32>(this.position);
        this.position += 4;
        return true;
      }
      default:
        return false;
    }
  }

  private readBytes(): bool {
    if (!this.readVarint()) return false;
    if (this.value > <u64>(this.end - this.position)) return false;
    this.ptr = this.position;
    this.len = <u32>this.value;
    this.position += this.len;
    return true;
  }

  /** Ten bytes at most; bits beyond the 64th are dropped, as protobuf's parsers do. */
  private readVarint(): bool {
    let value: u64 = 0;
    let position = this.position;
    const end = this.end;
    for (let i: u32 = 0; i < MAX_VARINT_BYTES && position < end; i++) {
      const byte = <u64>load<u8>(position);
      position++;
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        this.value = value;
        this.position = position;
        return true;
      }
    }
    return false;
  }

  /** Skips an unknown group, of which only the start's tag has been read. */
  private skipGroup(): bool {
    let depth = 1;
    while (depth > 0) {
      if (this.position >= this.end || !this.readTag()) return false;
      if (this.wireType == WireType.StartGroup) {
        depth++;
        if (depth > MAX_GROUP_DEPTH) return false;
      } else if (this.wireType == WireType.EndGroup) {
        depth--;
      } else if (!this.readValue()) {
        return false;
      }
    }
    return true;
  }
}

/** What `ProtobufWriter.openMessage` reserves for a length. */
const OPEN_LENGTH_BYTES: u32 = 1;

/**
 * Writes fields to a block. What does not fit is left out and `isOverflown` set; the bytes written
 * are of no use then.
 */
export class ProtobufWriter {
  /** Bytes written. */
  len: u32 = 0;
  isOverflown: bool = false;
  private out: usize = 0;
  private capacity: u32 = 0;

  /** Begins a message in the `capacity` bytes at `out`. */
  reset(out: usize, capacity: u32): void {
    this.out = out;
    this.capacity = capacity;
    this.len = 0;
    this.isOverflown = false;
  }

  /** uint32, uint64, bool, enums; and int32, int64 as their two's complement in 64 bits. */
  writeVarint(field: u32, value: u64): void {
    this.writeTag(field, WireType.Varint);
    this.writeRawVarint(value);
  }

  /** string, bytes, or a message that is encoded already. */
  writeBytes(field: u32, ptr: usize, len: u32): void {
    this.writeTag(field, WireType.Bytes);
    this.writeRawVarint(len);
    if (!this.reserve(len)) return;
    memory.copy(this.out + this.len, ptr, len);
    this.len += len;
  }

  /** Begins a message as a field; returns what `closeMessage` wants. */
  openMessage(field: u32): u32 {
    this.writeTag(field, WireType.Bytes);
    const open = this.len;
    if (this.reserve(OPEN_LENGTH_BYTES)) this.len += OPEN_LENGTH_BYTES;
    return open;
  }

  /** Ends the message and writes its length in front of it. */
  closeMessage(open: u32): void {
    if (this.isOverflown) return;
    const content = open + OPEN_LENGTH_BYTES;
    const len = this.len - content;
    const growth = varintBytes(len) - OPEN_LENGTH_BYTES;
    if (!this.reserve(growth)) return;
    memory.copy(this.out + content + growth, this.out + content, len);
    this.len = open;
    this.writeRawVarint(len);
    this.len += len;
  }

  private writeTag(field: u32, wireType: WireType): void {
    this.writeRawVarint(<u64>((field << 3) | (<u32>wireType)));
  }

  private writeRawVarint(value: u64): void {
    if (!this.reserve(varintBytes(value))) return;
    let at = this.out + this.len;
    while (value >= 0x80) {
      store<u8>(at, <u8>(value | 0x80));
      value >>= 7;
      at++;
    }
    store<u8>(at, <u8>value);
    this.len = <u32>(at + 1 - this.out);
  }

  private reserve(count: u32): bool {
    if (this.isOverflown || count > this.capacity - this.len) this.isOverflown = true;
    return !this.isOverflown;
  }
}

/** Bytes of `value` as a varint, 1 to 10. */
export function varintBytes(value: u64): u32 {
  return <u32>(70 - clz<u64>(value | 1)) / 7;
}
