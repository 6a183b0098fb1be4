// Reads a text with operators: `%NAME%`, `%NAME(argument)%`, `%NAME:12%` (at most twelve bytes), `%%`.
// Source: Envoy's documentation of access logging, "Format Rules".
// Allocates: cold path only.

import { Codec } from "../codec/codec";
import { protocolName } from "../filter/filter-host";
import { BoundedBuffer } from "../telemetry/bounded-buffer";
import { Format, MAX_OPERATORS, MAX_VALUE_BYTES, Segment, Style } from "./format";
import {
  Known,
  NO_OPERATOR,
  Operator,
  findOperator,
  isNumeric,
  knownAt,
  takesArgument,
} from "./operator";
import { appendText } from "./text";
import { MAX_TIME_FORMAT_BYTES, timeFormatFault } from "./time-format";
import { copyBytes } from "../wire/owned-bytes";
import { makeLowerCase } from "../wire/bytes";

/** Bytes of one text. */
export const MAX_FORMAT_BYTES: u32 = 4096;
const MAX_ATTRIBUTE_NAME_BYTES: u32 = 256;
const MAX_NAME_SHOWN: u32 = 48;

const PERCENT: u32 = 0x25;
const OPEN: u32 = 0x28;
const CLOSE: u32 = 0x29;
const COLON: u32 = 0x3a;
const DEFAULT_TIME = "%Y-%m-%dT%H:%M:%S.%3fZ";

/** Builds one format out of texts and literals. */
export class FormatParser {
  /** Why the last `text` was refused. */
  fault: string = "";
  private segments: Array<Segment> = new Array<Segment>();
  private readonly literals: BoundedBuffer = new BoundedBuffer(256, 1 << 20);
  private operators: u32 = 0;
  private at: u32 = 0;
  /** Of JSON: literal bytes are escaped. */
  private isWithinString: bool = false;

  constructor(
    private readonly codec: Codec,
    /** When the format is to be written: what is known later is refused. */
    private readonly known: Known,
  ) {}

  /** Appends bytes as they are. */
  literal(text: string): void {
    this.bytes(changetype<usize>(String.UTF8.encode(text)), <u32>String.UTF8.byteLength(text));
  }

  private bytes(ptr: usize, len: u32): void {
    this.literals.append(ptr, len);
  }

  /**
   * Appends the text of `len` bytes at `ptr`; false: there is a `fault`. With Style.Json it becomes a JSON value
   * as a whole: that of its operator if it is nothing but one, or else a string.
   */
  text(ptr: usize, len: u32, style: Style): bool {
    this.fault = "";
    if (len > MAX_FORMAT_BYTES) {
      this.fault = len.toString() + " bytes, at most " + MAX_FORMAT_BYTES.toString();
      return false;
    }
    if (style != Style.Json) return this.parse(ptr, len, style);
    const end = ptr + len;
    const isSingle =
      len > 2 && load<u8>(ptr) == PERCENT && this.operatorEnd(ptr, end) == end && isName(ptr + 1);
    if (isSingle) return this.parse(ptr, len, Style.Json);
    this.literal('"');
    this.isWithinString = true;
    const isParsed = this.parse(ptr, len, Style.Text);
    this.isWithinString = false;
    this.literal('"');
    return isParsed;
  }

  /** Appends a JSON string. */
  jsonString(ptr: usize, len: u32): void {
    this.literal('"');
    appendText(this.literals, ptr, len, true);
    this.literal('"');
  }

  /** What was appended; the parser is empty then. */
  finish(): Format {
    this.flush();
    this.literals.free();
    const segments = this.segments;
    this.segments = new Array<Segment>();
    this.operators = 0;
    return new Format(segments);
  }

  /** Segments so far: where a part of the format ends that is written by itself. */
  endPart(): i32 {
    this.flush();
    return this.segments.length;
  }

  private flush(): void {
    const len = this.literals.len;
    if (len == 0) return;
    const segment = new Segment();
    segment.text = copyBytes(this.literals.ptr, len);
    this.segments.push(segment);
    this.literals.truncate(0);
  }

  private parse(ptr: usize, len: u32, style: Style): bool {
    const end = ptr + len;
    let run = ptr;
    let at = ptr;
    while (at < end) {
      if (load<u8>(at) != PERCENT) {
        at++;
        continue;
      }
      this.run(run, at);
      this.at = <u32>(at - ptr);
      if (at + 1 < end && load<u8>(at + 1) == PERCENT) {
        this.run(at, at + 1);
        at += 2;
      } else {
        const operatorEnd = this.operatorEnd(at, end);
        if (operatorEnd == 0) return this.refuse("an operator without its end, or a single %");
        if (!this.operator(at + 1, operatorEnd - 1, style)) return false;
        at = operatorEnd;
      }
      run = at;
    }
    this.run(run, end);
    return true;
  }

  /** Literal bytes. */
  private run(from: usize, to: usize): void {
    const len = <u32>(to - from);
    if (this.isWithinString) appendText(this.literals, from, len, true);
    else this.bytes(from, len);
  }

  /** Behind the `%` that ends the operator which begins at `at`; 0: it has no end. */
  private operatorEnd(at: usize, end: usize): usize {
    at++;
    while (at < end && isNameByte(load<u8>(at))) at++;
    if (at < end && load<u8>(at) == OPEN) {
      at++;
      while (at < end && !closes(at, end)) at++;
      at++;
    }
    if (at < end && load<u8>(at) == COLON) at++;
    while (at < end && load<u8>(at) != PERCENT) at++;
    return at < end ? at + 1 : 0;
  }

  /** NAME, NAME(argument), with :12 behind, between `at` and `end`. */
  private operator(at: usize, end: usize, style: Style): bool {
    const start = at;
    while (at < end && isNameByte(load<u8>(at))) at++;
    const operator = findOperator(ascii(start, <u32>(at - start)));
    if (operator == NO_OPERATOR) {
      return this.refuse("there is no operator %" + ascii(start, <u32>(end - start)) + "%");
    }
    const segment = new Segment();
    segment.operator = <Operator>operator;
    segment.style = style;
    let argument: usize = 0;
    let argumentLen: u32 = 0;
    if (at < end && load<u8>(at) == OPEN) {
      argument = ++at;
      while (at < end && !closes(at, end + 1)) at++;
      argumentLen = <u32>(at - argument);
      if (at < end) at++;
    }
    if (!this.limit(segment, at, end)) return false;
    return this.finishOperator(segment, argument, argumentLen);
  }

  /** `:12`, or nothing. */
  private limit(segment: Segment, at: usize, end: usize): bool {
    if (at == end) return true;
    let limit: u32 = 0;
    let isNumber = load<u8>(at) == COLON && at + 1 < end;
    for (at++; at < end && isNumber; at++) {
      const digit = <u32>load<u8>(at) - 0x30;
      isNumber = digit < 10;
      if (limit <= MAX_VALUE_BYTES) limit = limit * 10 + digit;
    }
    if (!isNumber || limit == 0 || limit > MAX_VALUE_BYTES) {
      return this.refuse("a length limit is a number from 1 to " + MAX_VALUE_BYTES.toString());
    }
    segment.maxBytes = limit;
    return true;
  }

  private finishOperator(segment: Segment, argument: usize, len: u32): bool {
    const operator = segment.operator;
    if (knownAt(operator) > this.known) return this.refuse("is only known later");
    if (argument != 0 && !takesArgument(operator))
      return this.refuse("takes nothing in parentheses");
    if (++this.operators > MAX_OPERATORS) {
      return this.refuse("more than " + MAX_OPERATORS.toString() + " operators");
    }
    if (operator == Operator.Protocol) {
      const name = String.UTF8.encode(protocolName());
      const isQuoted = segment.style == Style.Json;
      if (isQuoted) this.jsonString(changetype<usize>(name), <u32>name.byteLength);
      else this.bytes(changetype<usize>(name), <u32>name.byteLength);
      return true;
    }
    if (operator == Operator.Attribute && !this.attribute(segment, argument, len)) return false;
    if (operator == Operator.StartTime && !this.time(segment, argument, len)) return false;
    // A number that is cut off is none.
    if (isNumeric(operator)) segment.maxBytes = MAX_VALUE_BYTES;
    this.flush();
    this.segments.push(segment);
    return true;
  }

  private attribute(segment: Segment, ptr: usize, len: u32): bool {
    if (len == 0) return this.refuse("ATTR needs the name of an attribute in parentheses");
    if (len > MAX_ATTRIBUTE_NAME_BYTES) return this.refuse("the name of an attribute is too long");
    const name = copyBytes(ptr, len);
    const at = changetype<usize>(name);
    makeLowerCase(at, len);
    segment.text = name;
    segment.attributeId = this.codec.attributeId(at, len);
    return true;
  }

  private time(segment: Segment, ptr: usize, len: u32): bool {
    if (ptr == 0) {
      segment.text = String.UTF8.encode(DEFAULT_TIME);
      return true;
    }
    if (len > MAX_TIME_FORMAT_BYTES) return this.refuse("the format of a time is too long");
    const offset = timeFormatFault(ptr, len);
    if (offset >= 0) {
      const conversion = ascii(ptr + offset, min(len - offset, 2));
      return this.refuse("there is no conversion " + conversion + " of a time");
    }
    segment.text = copyBytes(ptr, len);
    return true;
  }

  private refuse(text: string): bool {
    this.fault = "at offset " + this.at.toString() + ": " + text;
    return false;
  }
}

function isNameByte(byte: u32): bool {
  return byte - 0x41 < 26 || byte == 0x5f || byte - 0x30 < 10;
}

function isName(ptr: usize): bool {
  return isNameByte(load<u8>(ptr));
}

/** A parenthesis that ends an argument: the operator's end or its limit follows. */
function closes(at: usize, end: usize): bool {
  if (load<u8>(at) != CLOSE || at + 1 >= end) return false;
  const next = <u32>load<u8>(at + 1);
  return next == PERCENT || next == COLON;
}

/** For comparisons and faults. */
function ascii(ptr: usize, len: u32): string {
  let text = "";
  for (let i: u32 = 0; i < min(len, MAX_NAME_SHOWN); i++) {
    const byte = <i32>load<u8>(ptr + i);
    text += byte < 0x20 || byte > 0x7e ? "?" : String.fromCharCode(byte);
  }
  return text;
}
