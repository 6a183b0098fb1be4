// A text with operators, parsed: written once for each request.
//
// What only the request's frame has is captured while it is there, into one block of the memory budget:
//
//   | 0 u32 bytes | 4 u64 trace id high | 12 u64 low | 20 u64 span id | 28 u32 trace flags |
//   | for each captured value: u32 length or ABSENT | bytes |
//
// Allocates: at construction; captures from the budget.
// Next: format/text.ts

import { Slice } from "../codec/message";
import { Call } from "../filter/call";
import { filterHost } from "../filter/filter-host";
import { flagText } from "../filter/response-flag";
import { BoundedBuffer } from "../telemetry/bounded-buffer";
import { HEX64_DIGITS, writeHex64 } from "../telemetry/hex";
import { utf8Prefix } from "../telemetry/utf8";
import { writeDecimal } from "../wire/bytes";
import { StaticText } from "../wire/static-text";
import { Operator, isNumeric } from "./operator";
import { detailsOf, statusOf } from "./outcome";
import { appendText } from "./text";
import { TIME_BYTES, TimeWriter } from "./time-format";
import { cutPort } from "../filter/cut-port";

/** How values are written. */
export enum Style {
  /** As they are, but UTF-8. What is absent is left out. */
  Raw = 0,
  /** Likewise, and `-` for what is absent. */
  Plain = 1,
  /** Escaped, and `-` for what is absent. */
  Text = 2,
  /** A JSON value: a string in quotes, a number, or null. */
  Json = 3,
}

/** Bytes of one value, of which the rest is cut off. */
export const MAX_VALUE_BYTES: u32 = 1024;
/** Operators of one format, all members of a JSON object together. */
export const MAX_OPERATORS: u32 = 64;
/** Bytes of values that are captured of one request. */
export const MAX_CAPTURE_BYTES: u32 = 8192;

/** Instead of a capture: values of the frame are read where it is, at `call.message`. */
export const LIVE: usize = 1;
/** Instead of a capture: there is none. */
export const NO_CAPTURE: usize = 0;

const ABSENT: u32 = 0xffffffff;
const LENGTH_BYTES: u32 = 4;
const TRACE_HIGH_AT: u32 = 4;
const TRACE_LOW_AT: u32 = 12;
const SPAN_AT: u32 = 20;
const TRACE_FLAGS_AT: u32 = 28;
const HEAD_BYTES: u32 = 32;
const NS_PER_MS: u64 = 1_000_000;
const DASH = new StaticText("-");
const NULL = new StaticText("null");
const QUOTE: u32 = 0x22;

/** A literal, or an operator and what it is told. */
export class Segment {
  operator: Operator = Operator.Literal;
  style: Style = Style.Raw;
  /** The literal, an attribute's name in lower case, or the format of a time. */
  text: ArrayBuffer = new ArrayBuffer(0);
  attributeId: i32 = 0;
  maxBytes: u32 = MAX_VALUE_BYTES;
}

const scratch: usize = heap.alloc(
  <usize>HEAD_BYTES + <usize>LENGTH_BYTES * <usize>MAX_OPERATORS + MAX_CAPTURE_BYTES,
);
const numberBytes: usize = heap.alloc(TIME_BYTES);
const name: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
const value: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
const times = new TimeWriter();

/** Gives a capture back; LIVE and NO_CAPTURE are none. */
export function releaseCapture(capture: usize): void {
  if (capture > LIVE) filterHost().free(capture, load<u32>(capture));
}

/** Puts the trace of a capture back into the call; there is none in LIVE and NO_CAPTURE. */
export function recallTrace(call: Call, capture: usize): void {
  if (capture <= LIVE) return;
  call.traceIdHigh = load<u64>(capture + TRACE_HIGH_AT);
  call.traceIdLow = load<u64>(capture + TRACE_LOW_AT);
  call.spanId = load<u64>(capture + SPAN_AT);
  call.traceFlags = load<u32>(capture + TRACE_FLAGS_AT);
}

function keepTrace(call: Call): void {
  store<u64>(scratch + TRACE_HIGH_AT, call.traceIdHigh);
  store<u64>(scratch + TRACE_LOW_AT, call.traceIdLow);
  store<u64>(scratch + SPAN_AT, call.spanId);
  store<u32>(scratch + TRACE_FLAGS_AT, call.traceFlags);
}

export class Format {
  /** A capture keeps the call's trace, also where no operator asks for it. */
  keepsTrace: bool = false;
  private readonly segments: Array<Segment>;
  private hasAttributes: bool = false;
  private hasAddresses: bool = false;

  constructor(segments: Array<Segment>) {
    this.segments = segments;
    for (let i = 0; i < segments.length; i++) {
      const operator = segments[i].operator;
      if (operator == Operator.Attribute) this.hasAttributes = true;
      else if (isOfConnection(operator)) this.hasAddresses = true;
      else if (isOfTrace(operator)) this.keepsTrace = true;
    }
  }

  /** From segment `from` on, up to `to`, there is nothing but one operator. */
  isSingle(from: i32, to: i32): bool {
    return to == from + 1 && this.segments[from].operator != Operator.Literal;
  }

  /** Likewise, and its values are numbers. */
  isNumber(from: i32, to: i32): bool {
    return to == from + 1 && isNumeric(this.segments[from].operator);
  }

  /**
   * Keeps what only the frame at `call.message` has, and what only its connection has where the connection may be
   * unknown later. NO_CAPTURE: there is nothing to keep, or no memory. To be released with `releaseCapture`.
   */
  capture(call: Call): usize {
    const mustCopyAddresses = this.hasAddresses && call.isOneway;
    const mustKeepTrace = this.keepsTrace && call.spanId != 0;
    if (!this.hasAttributes && !mustCopyAddresses && !mustKeepTrace) {
      if (this.hasAddresses) this.learnAddresses(call);
      return NO_CAPTURE;
    }
    let len: u32 = HEAD_BYTES;
    let room = MAX_CAPTURE_BYTES;
    const segments = this.segments;
    for (let i = 0; i < segments.length; i++) {
      const segment = unchecked(segments[i]);
      if (isCaptured(segment.operator, call)) {
        const bytes = captureValue(segment, call, scratch + len, room);
        len += LENGTH_BYTES + bytes;
        room -= bytes;
      } else if (isOfConnection(segment.operator)) {
        findAddress(segment.operator, call);
      }
    }
    const block = filterHost().allocate(len);
    if (block == 0) return NO_CAPTURE;
    store<u32>(scratch, len);
    keepTrace(call);
    memory.copy(block, scratch, len);
    return block;
  }

  /** The host is asked for them while the connection is certainly there. */
  private learnAddresses(call: Call): void {
    const segments = this.segments;
    for (let i = 0; i < segments.length; i++) findAddress(unchecked(segments[i]).operator, call);
  }

  /** Appends the text; with `out.isOverflown` its end is missing. */
  write(call: Call, capture: usize, out: BoundedBuffer): void {
    this.begin(capture);
    this.writePart(0, this.segments.length, call, out);
  }

  /** Before the first of several `writePart` or `readNumber`, which come in order. */
  begin(capture: usize): void {
    source = capture;
    cursor = capture > LIVE ? capture + HEAD_BYTES : capture;
  }

  /** Appends segments `from` to `to`. False: the last one is absent. */
  writePart(from: i32, to: i32, call: Call, out: BoundedBuffer): bool {
    const segments = this.segments;
    let isPresent: bool = true;
    for (let i = from; i < to; i++) {
      const segment = unchecked(segments[i]);
      if (segment.operator == Operator.Literal) {
        out.append(changetype<usize>(segment.text), <u32>segment.text.byteLength);
        continue;
      }
      isPresent = readNext(segment, call);
      if (isPresent) appendValue(segment, out);
      else appendAbsent(segment.style, out);
    }
    return isPresent;
  }

  /** The number that segment `index` is. */
  readNumber(index: i32, call: Call): u64 {
    return numberOf(unchecked(this.segments[index]).operator, call);
  }
}

/** What `begin` was given, and the next captured value in it. */
let source: usize = NO_CAPTURE;
let cursor: usize = 0;

/** Sets `value`. */
function readNext(segment: Segment, call: Call): bool {
  if (source <= LIVE || !isCaptured(segment.operator, call)) return find(segment, call, source);
  const isPresent = readCaptured(cursor);
  cursor += LENGTH_BYTES + (isPresent ? value.len : 0);
  return isPresent;
}

/** Values that are not read from the call at the end. */
function isCaptured(operator: Operator, call: Call): bool {
  if (operator == Operator.Attribute) return true;
  return call.isOneway && isOfConnection(operator);
}

function isOfTrace(operator: Operator): bool {
  return operator == Operator.TraceId || operator == Operator.SpanId;
}

function isOfConnection(operator: Operator): bool {
  switch (operator) {
    case Operator.RemoteAddress:
    case Operator.RemoteAddressWithoutPort:
    case Operator.LocalAddress:
    case Operator.PeerUriSan:
      return true;
    default:
      return false;
  }
}

/** Writes a value of at most `room` bytes, behind its length; returns its bytes. */
function captureValue(segment: Segment, call: Call, out: usize, room: u32): u32 {
  const isPresent = find(segment, call, LIVE);
  const most = segment.maxBytes < room ? segment.maxBytes : room;
  const bytes = isPresent ? utf8Prefix(value.ptr, value.len, most) : 0;
  // SAFETY: a format has at most MAX_OPERATORS operators, for whose lengths there is room besides.
  store<u32>(out, isPresent ? bytes : ABSENT);
  memory.copy(out + LENGTH_BYTES, value.ptr, bytes);
  return bytes;
}

function readCaptured(cursor: usize): bool {
  const len = load<u32>(cursor);
  value.ptr = cursor + LENGTH_BYTES;
  value.len = len;
  return len != ABSENT;
}

/** Sets `value`. */
function find(segment: Segment, call: Call, capture: usize): bool {
  const operator = segment.operator;
  if (isNumeric(operator)) {
    value.ptr = numberBytes;
    value.len = writeDecimal(numberBytes, numberOf(operator, call));
    return true;
  }
  if (isOfConnection(operator)) return findAddress(operator, call);
  switch (operator) {
    case Operator.Attribute: {
      if (capture != LIVE) return false;
      name.ptr = changetype<usize>(segment.text);
      name.len = <u32>segment.text.byteLength;
      return call.attribute(segment.attributeId, name, value);
    }
    case Operator.StartTime: {
      const format = changetype<usize>(segment.text);
      value.ptr = numberBytes;
      value.len = times.write(numberBytes, call.startNs, format, <u32>segment.text.byteLength);
      return true;
    }
    case Operator.ResponseFlags:
      return show(flagText(call.flag));
    case Operator.ResponseCodeDetails:
      return show(detailsOf(call));
    case Operator.ResponseStatus: {
      const status = statusOf(call);
      return status !== null && show(status);
    }
    case Operator.RouteName:
      return copySlice(call.routeName);
    case Operator.UpstreamCluster:
      return copySlice(call.clusterName);
    case Operator.TraceId:
      if (call.spanId == 0) return false;
      return showHex(call.traceIdHigh, call.traceIdLow, 2 * HEX64_DIGITS);
    case Operator.SpanId:
      return call.spanId != 0 && showHex(call.spanId, 0, HEX64_DIGITS);
    default:
      return call.upstreamAddress(value);
  }
}

function show(text: StaticText): bool {
  value.ptr = text.ptr;
  value.len = text.len;
  return true;
}

/** The first `digits` of two numbers. */
function showHex(high: u64, low: u64, digits: u32): bool {
  // SAFETY: TIME_BYTES are more than 32.
  writeHex64(numberBytes, high);
  writeHex64(numberBytes + HEX64_DIGITS, low);
  value.ptr = numberBytes;
  value.len = digits;
  return true;
}

function copySlice(from: Slice): bool {
  value.ptr = from.ptr;
  value.len = from.len;
  return from.len > 0;
}

function numberOf(operator: Operator, call: Call): u64 {
  switch (operator) {
    case Operator.Duration:
      return (call.endNs - call.startNs) / NS_PER_MS;
    case Operator.BytesReceived:
      return call.requestBytes;
    case Operator.BytesSent:
      return call.responseBytes;
    default:
      return call.tries;
  }
}

function findAddress(operator: Operator, call: Call): bool {
  switch (operator) {
    case Operator.RemoteAddress:
      return call.sourceAddress(value);
    case Operator.RemoteAddressWithoutPort: {
      if (!call.sourceAddress(value)) return false;
      cutPort(value);
      return true;
    }
    case Operator.LocalAddress:
      return call.destinationAddress(value);
    case Operator.PeerUriSan:
      return call.sourcePrincipal(value);
    default:
      return false;
  }
}

function appendValue(segment: Segment, out: BoundedBuffer): void {
  const len = utf8Prefix(value.ptr, value.len, segment.maxBytes);
  const isQuoted = segment.style == Style.Json && !isNumeric(segment.operator);
  if (isQuoted) out.appendByte(QUOTE);
  appendText(out, value.ptr, len, segment.style >= Style.Text);
  if (isQuoted) out.appendByte(QUOTE);
}

function appendAbsent(style: Style, out: BoundedBuffer): void {
  if (style == Style.Raw) return;
  const text = style == Style.Json ? NULL : DASH;
  out.append(text.ptr, text.len);
}
