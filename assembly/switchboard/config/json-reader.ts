// A strict pull reader of JSON: no tree is built, nothing is accepted that the grammar forbids.
//
//   reader.reset(ptr, len);
//   if (reader.enterObject()) while (reader.nextKey()) { ... read or skip the value ... }
//   reader.finish();
//
// After the first fault every method returns false (or 0) and `fault` tells what and where.
// Spec: RFC 8259; UTF-8 only, no byte order mark, nesting bounded, no lone surrogates.
// Allocates: for strings with escapes, and for a fault's text; cold path only.

import { ByteBuffer } from "./byte-buffer";
import { utf8Prefix, writeUtf8 } from "./utf8";

export enum JsonKind {
  /** The end, or what cannot begin a value. */
  None = 0,
  Null = 1,
  Boolean = 2,
  Number = 3,
  String = 4,
  Object = 5,
  Array = 6,
}

const MAX_DEPTH: u32 = 32;

const QUOTE: u32 = 0x22;
const MINUS: u32 = 0x2d;
const BACKSLASH: u32 = 0x5c;
const COLON: u32 = 0x3a;
const COMMA: u32 = 0x2c;
const OPEN_BRACE: u32 = 0x7b;
const CLOSE_BRACE: u32 = 0x7d;
const OPEN_BRACKET: u32 = 0x5b;
const CLOSE_BRACKET: u32 = 0x5d;

export class JsonReader {
  /** Text of the last key or string (UTF-8, without escapes) or number (as written); until the next call. */
  ptr: usize = 0;
  len: u32 = 0;
  /** The last boolean. */
  boolean: bool = false;
  /** Empty: none yet. */
  fault: string = "";
  private start: usize = 0;
  private at: usize = 0;
  private end: usize = 0;
  private depth: u32 = 0;
  /** The object or array at hand has no member yet. */
  private isFirst: bool = false;
  private unescaped: ByteBuffer = new ByteBuffer();

  /** Begins with the `len` bytes at `ptr`, which stay as they are until the reader is done. */
  reset(ptr: usize, len: u32): void {
    this.start = ptr;
    this.at = ptr;
    this.end = ptr + len;
    this.depth = 0;
    this.fault = "";
    const valid = utf8Prefix(ptr, len);
    if (valid == len) return;
    this.at = ptr + valid;
    this.fail("not UTF-8");
  }

  get hasFailed(): bool {
    return this.fault.length > 0;
  }

  /** The kind of the value that comes next. */
  peek(): JsonKind {
    this.skipSpace();
    const byte = this.byte();
    if (byte == QUOTE) return JsonKind.String;
    if (byte == OPEN_BRACE) return JsonKind.Object;
    if (byte == OPEN_BRACKET) return JsonKind.Array;
    if (byte == MINUS || byte - 0x30 < 10) return JsonKind.Number;
    if (byte == 0x74 || byte == 0x66) return JsonKind.Boolean;
    return byte == 0x6e ? JsonKind.Null : JsonKind.None;
  }

  /** Goes into an object; then call `nextKey` until it returns false. */
  enterObject(): bool {
    return this.open(OPEN_BRACE, "expected an object");
  }

  /** The next member: its key is in `ptr` and `len`, its value comes next. False at the end. */
  nextKey(): bool {
    if (!this.nextMember(CLOSE_BRACE)) return false;
    if (this.byte() != QUOTE) return this.fail("expected a key in quotes");
    if (!this.readText()) return false;
    this.skipSpace();
    if (this.byte() != COLON) return this.fail("expected a colon");
    this.at++;
    return true;
  }

  /** Goes into an array; then call `nextElement` until it returns false. */
  enterArray(): bool {
    return this.open(OPEN_BRACKET, "expected an array");
  }

  /** Whether there is one more element; it comes next. */
  nextElement(): bool {
    return this.nextMember(CLOSE_BRACKET);
  }

  readString(): bool {
    this.skipSpace();
    if (this.hasFailed) return false;
    return this.byte() == QUOTE ? this.readText() : this.fail("expected a string");
  }

  /** A number, as written in `ptr` and `len`. */
  readNumber(): bool {
    this.skipSpace();
    if (this.hasFailed) return false;
    this.ptr = this.at;
    if (this.byte() == MINUS) this.at++;
    if (this.byte() == 0x30) this.at++;
    else if (!this.skipDigits()) return this.fail("expected a number");
    if (this.byte() == 0x2e) {
      this.at++;
      if (!this.skipDigits()) return this.fail("expected a digit");
    }
    if ((this.byte() | 0x20) == 0x65) {
      this.at++;
      if (this.byte() == 0x2b || this.byte() == MINUS) this.at++;
      if (!this.skipDigits()) return this.fail("expected a digit");
    }
    this.len = <u32>(this.at - this.ptr);
    return true;
  }

  readBoolean(): bool {
    this.skipSpace();
    if (this.hasFailed) return false;
    this.boolean = this.byte() == 0x74;
    return this.boolean ? this.skipWord("true") : this.skipWord("false");
  }

  readNull(): bool {
    this.skipSpace();
    return !this.hasFailed && this.skipWord("null");
  }

  /** Passes the next value, whatever it is, and checks its grammar. */
  skip(): bool {
    const kind = this.peek();
    if (this.hasFailed) return false;
    switch (kind) {
      case JsonKind.Null:
        return this.readNull();
      case JsonKind.Boolean:
        return this.readBoolean();
      case JsonKind.Number:
        return this.readNumber();
      case JsonKind.String:
        return this.readString();
      case JsonKind.Object: {
        if (!this.enterObject()) return false;
        while (this.nextKey()) this.skip();
        return !this.hasFailed;
      }
      case JsonKind.Array: {
        if (!this.enterArray()) return false;
        while (this.nextElement()) this.skip();
        return !this.hasFailed;
      }
      default:
        return this.fail("expected a value");
    }
  }

  /** To be called after the outermost value: nothing but white space may follow. */
  finish(): bool {
    this.skipSpace();
    if (this.hasFailed) return false;
    return this.at == this.end || this.fail("expected the end");
  }

  free(): void {
    this.unescaped.free();
  }

  private open(bracket: u32, expectation: string): bool {
    this.skipSpace();
    if (this.hasFailed) return false;
    if (this.byte() != bracket) return this.fail(expectation);
    if (this.depth == MAX_DEPTH) return this.fail("nested too deeply");
    this.depth++;
    this.at++;
    this.isFirst = true;
    return true;
  }

  private nextMember(close: u32): bool {
    this.skipSpace();
    if (this.hasFailed) return false;
    const isFirst = this.isFirst;
    this.isFirst = false;
    if (this.byte() == close) {
      this.at++;
      this.depth--;
      return false;
    }
    if (!isFirst) {
      if (this.byte() != COMMA) return this.fail("expected a comma or the end of the list");
      this.at++;
      this.skipSpace();
    }
    return true;
  }

  /** At a quote. Text without escapes stays where it is. */
  private readText(): bool {
    this.at++;
    const text = this.at;
    while (this.at < this.end) {
      const byte = this.byte();
      if (byte == QUOTE) {
        this.ptr = text;
        this.len = <u32>(this.at - text);
        this.at++;
        return true;
      }
      if (byte == BACKSLASH) return this.readEscapedText(text);
      if (byte < 0x20) return this.fail("control character in a string");
      this.at++;
    }
    return this.fail("string without end");
  }

  /** At the first backslash of a string that began at `text`. */
  private readEscapedText(text: usize): bool {
    const out = this.unescaped;
    out.clear();
    // What is unescaped is never longer than it was.
    out.extend(<u32>(this.end - text));
    out.clear();
    let plain = text;
    while (this.at < this.end) {
      const byte = this.byte();
      if (byte == QUOTE || byte == BACKSLASH) out.append(plain, <u32>(this.at - plain));
      if (byte == QUOTE) {
        this.ptr = out.ptr;
        this.len = out.len;
        this.at++;
        return true;
      }
      if (byte == BACKSLASH) {
        if (!this.readEscape(out)) return false;
        plain = this.at;
        continue;
      }
      if (byte < 0x20) return this.fail("control character in a string");
      this.at++;
    }
    return this.fail("string without end");
  }

  /** At a backslash. */
  private readEscape(out: ByteBuffer): bool {
    this.at++;
    const letter = this.byte();
    let codePoint = letter;
    if (letter == 0x75) return this.readUnicodeEscape(out);
    else if (letter == 0x62) codePoint = 0x08;
    else if (letter == 0x66) codePoint = 0x0c;
    else if (letter == 0x6e) codePoint = 0x0a;
    else if (letter == 0x72) codePoint = 0x0d;
    else if (letter == 0x74) codePoint = 0x09;
    else if (letter != QUOTE && letter != BACKSLASH && letter != 0x2f) {
      return this.fail("unknown escape");
    }
    this.at++;
    const offset = out.extend(1);
    store<u8>(out.ptr + offset, <u8>codePoint);
    return true;
  }

  /** At the `u` of an escape. */
  private readUnicodeEscape(out: ByteBuffer): bool {
    let codePoint = this.readFourHex();
    if (codePoint < 0) return this.fail("expected four hexadecimal digits");
    if (codePoint >> 10 == 0xdc00 >> 10) return this.fail("lone surrogate");
    if (codePoint >> 10 == 0xd800 >> 10) {
      if (this.byte() != BACKSLASH) return this.fail("lone surrogate");
      this.at++;
      const low = this.byte() == 0x75 ? this.readFourHex() : -1;
      if (low >> 10 != 0xdc00 >> 10) return this.fail("lone surrogate");
      codePoint = 0x10000 + ((codePoint & 0x3ff) << 10) + (low & 0x3ff);
    }
    const offset = out.extend(4);
    out.len = offset + writeUtf8(out.ptr + offset, codePoint);
    return true;
  }

  /** At the `u`; the number behind it, or -1. */
  private readFourHex(): i32 {
    let value: i32 = 0;
    for (let i = 0; i < 4; i++) {
      this.at++;
      const byte = this.byte();
      const letter = (byte | 0x20) - 0x61;
      if (byte - 0x30 < 10) value = (value << 4) | (byte - 0x30);
      else if (letter < 6) value = (value << 4) | (letter + 10);
      else return -1;
    }
    this.at++;
    return value;
  }

  private skipWord(word: string): bool {
    for (let i = 0; i < word.length; i++) {
      if (this.byte() != <u32>word.charCodeAt(i)) return this.fail("expected " + word);
      this.at++;
    }
    return true;
  }

  private skipDigits(): bool {
    const first = this.at;
    while (this.byte() - 0x30 < 10) this.at++;
    return this.at > first;
  }

  private skipSpace(): void {
    let byte = this.byte();
    while (byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09) {
      this.at++;
      byte = this.byte();
    }
  }

  /** The byte at hand, or 0 at the end, which the grammar allows nowhere. */
  private byte(): u32 {
    return this.at < this.end ? <u32>load<u8>(this.at) : 0;
  }

  private fail(text: string): bool {
    if (this.hasFailed) return false;
    let line = 1;
    let lineStart = this.start;
    for (let ptr = this.start; ptr < this.at; ptr++) {
      if (load<u8>(ptr) != 0x0a) continue;
      line++;
      lineStart = ptr + 1;
    }
    const column = <u32>(this.at - lineStart) + 1;
    this.fault = text + " at line " + line.toString() + ", column " + column.toString();
    return false;
  }
}
