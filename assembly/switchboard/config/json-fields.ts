// The fields of messages in the JSON mapping of protobuf, on top of the JSON reader: known names in
// lowerCamelCase or snake_case, null as unset, and every fault with its path.
//
//   if (fields.begin()) while (fields.next(NAMES)) switch (fields.field) { ... }
//
// Source: https://protobuf.dev/programming-guides/json/
// Allocates: for faults and byte fields; cold path only.

import { appendBase64 } from "./base64";
import { ByteBuffer } from "./byte-buffer";
import { durationFault, parseDurationMs } from "./duration";
import { Faults, quoted } from "./faults";
import { isU64, numberFault, parseU32, parseU64 } from "./json-number";
import { JsonKind, JsonReader } from "./json-reader";
import { parseWrittenDurationMs } from "./written-duration";

const MAX_DEPTH: i32 = 16;

export class JsonFields {
  readonly reader: JsonReader = new JsonReader();
  /** The index of the field at hand in the names given to `next`. */
  field: i32 = -1;
  private faults: Faults;
  private depth: i32 = 0;
  /** Bits of the fields given so far, for each message that was begun. */
  private readonly given: StaticArray<u32> = new StaticArray<u32>(MAX_DEPTH);
  /** Whether `faults` is in a field, for each message that was begun. */
  private readonly isInField: StaticArray<bool> = new StaticArray<bool>(MAX_DEPTH);
  private readonly decoded: ByteBuffer = new ByteBuffer();

  constructor(faults: Faults) {
    this.faults = faults;
  }

  /** Goes into a message; false, with a fault, when the value is none. */
  begin(): bool {
    if (!this.expect(JsonKind.Object, "an object")) return false;
    if (this.depth == MAX_DEPTH) {
      if (this.reader.skip()) this.faults.add("nested too deeply");
      return false;
    }
    if (!this.reader.enterObject()) return false;
    this.given[this.depth] = 0;
    this.isInField[this.depth] = false;
    this.depth++;
    return true;
  }

  /** Moves on to the next field that is set; its value comes next. At most 32 names. */
  next(names: StaticArray<string>): bool {
    const level = this.depth - 1;
    if (this.isInField[level]) this.faults.leave();
    this.isInField[level] = false;
    while (this.reader.nextKey()) {
      this.field = this.find(names);
      if (this.field < 0) {
        this.faults.addAt("", "unknown field " + quoted(this.reader.ptr, this.reader.len));
        this.reader.skip();
        continue;
      }
      const bit = 1 << this.field;
      if ((this.given[level] & bit) != 0) this.faults.addAt(names[this.field], "given twice");
      this.given[level] = this.given[level] | bit;
      if (this.reader.peek() == JsonKind.Null) {
        this.reader.readNull();
        continue;
      }
      this.faults.enter(names[this.field]);
      this.isInField[level] = true;
      return true;
    }
    this.depth--;
    return false;
  }

  /** Goes into a repeated field; false, with a fault, when the value is none. */
  beginElements(): bool {
    return this.expect(JsonKind.Array, "an array") && this.reader.enterArray();
  }

  /** Moves on to the next element; its value comes next. */
  nextElement(): bool {
    if (this.reader.nextElement()) {
      this.faults.nextElement();
      return true;
    }
    this.faults.leaveElements();
    return false;
  }

  /** A string, in `reader.ptr` and `reader.len` until the next call; false, with a fault, otherwise. */
  text(): bool {
    return this.expect(JsonKind.String, "a string") && this.reader.readString();
  }

  /** A copy of a string; empty, with a fault, when it is none. */
  textCopy(): ArrayBuffer {
    const len = this.text() ? this.reader.len : 0;
    const copy = new ArrayBuffer(len);
    memory.copy(changetype<usize>(copy), this.reader.ptr, len);
    return copy;
  }

  /** A number below 2^32, or as a string; -1, with a fault, otherwise. */
  number(): i64 {
    const kind = this.reader.peek();
    if (kind == JsonKind.String) this.reader.readString();
    else if (!this.expect(JsonKind.Number, "a number") || !this.reader.readNumber()) return -1;
    if (this.reader.hasFailed) return -1;
    const value = parseU32(this.reader.ptr, this.reader.len);
    if (value < 0) this.faults.add(numberFault(value));
    return max<i64>(value, -1);
  }

  /** A number below 2^64, which JSON has as a string or, if it is small, as a number; 0, with a fault, otherwise. */
  number64(): u64 {
    const kind = this.reader.peek();
    if (kind == JsonKind.String) this.reader.readString();
    else if (!this.expect(JsonKind.Number, "a number") || !this.reader.readNumber()) return 0;
    if (this.reader.hasFailed) return 0;
    if (!isU64(this.reader.ptr, this.reader.len)) {
      this.faults.add("not a whole number between 0 and 18446744073709551615");
      return 0;
    }
    return parseU64(this.reader.ptr, this.reader.len);
  }

  /** 0 or 1; -1, with a fault, otherwise. */
  boolean(): i32 {
    if (!this.expect(JsonKind.Boolean, "true or false") || !this.reader.readBoolean()) return -1;
    return <i32>this.reader.boolean;
  }

  /** Milliseconds; -1, with a fault, when it is no duration. */
  duration(): i64 {
    if (!this.expect(JsonKind.String, 'a duration such as "1.5s"')) return -1;
    if (!this.reader.readString()) return -1;
    const ms = parseDurationMs(this.reader.ptr, this.reader.len);
    if (ms < 0) this.faults.add(durationFault(ms));
    return max<i64>(ms, -1);
  }

  /** As `duration`, in the notation of MetaRouters. */
  writtenDuration(): i64 {
    if (!this.expect(JsonKind.String, 'a duration such as "1m30s"')) return -1;
    if (!this.reader.readString()) return -1;
    const ms = parseWrittenDurationMs(this.reader.ptr, this.reader.len);
    if (ms < 0) this.faults.add(durationFault(ms));
    return max<i64>(ms, -1);
  }

  /** The index in `names`, whether its name or its number is given; -1, with a fault, otherwise. */
  enumeration(names: StaticArray<string>): i32 {
    const kind = this.reader.peek();
    if (kind == JsonKind.Number) {
      if (!this.reader.readNumber()) return -1;
      const number = parseU32(this.reader.ptr, this.reader.len);
      if (number >= 0 && number < names.length) return <i32>number;
    } else {
      if (!this.expect(JsonKind.String, "a name")) return -1;
      if (!this.reader.readString()) return -1;
      for (let i = 0; i < names.length; i++) {
        if (this.isText(names[i])) return i;
      }
    }
    this.faults.add("unknown " + quoted(this.reader.ptr, this.reader.len));
    return -1;
  }

  /** Base64; null, with a fault, otherwise. Valid until the next call. */
  bytes(): ByteBuffer | null {
    if (!this.text()) return null;
    this.decoded.clear();
    if (appendBase64(this.reader.ptr, this.reader.len, this.decoded)) return this.decoded;
    this.faults.add("not base64");
    return null;
  }

  free(): void {
    this.reader.free();
    this.decoded.free();
  }

  /** Whether the next value is of this kind; otherwise it is passed, with a fault. */
  private expect(kind: JsonKind, name: string): bool {
    if (this.reader.hasFailed) return false;
    if (this.reader.peek() == kind) return true;
    if (this.reader.skip()) this.faults.add("expected " + name);
    return false;
  }

  private find(names: StaticArray<string>): i32 {
    for (let i = 0; i < names.length; i++) {
      if (this.isText(names[i]) || this.isSnakeCase(names[i])) return i;
    }
    return -1;
  }

  /** Whether the reader's text is this ASCII text. */
  private isText(text: string): bool {
    if (this.reader.len != text.length) return false;
    for (let i = 0; i < text.length; i++) {
      if (<i32>load<u8>(this.reader.ptr + i) != text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Whether the reader's text is this lowerCamelCase name in snake_case. */
  private isSnakeCase(name: string): bool {
    const end = this.reader.ptr + this.reader.len;
    let at = this.reader.ptr;
    for (let i = 0; i < name.length; i++) {
      let letter = name.charCodeAt(i);
      if (<u32>letter - 0x41 < 26) {
        if (at == end || load<u8>(at) != 0x5f) return false;
        at++;
        letter |= 0x20;
      }
      if (at == end || <i32>load<u8>(at) != letter) return false;
      at++;
    }
    return at == end;
  }
}
