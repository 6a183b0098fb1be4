// A batch of OTLP records (spans, log records) of one resource and one scope, as the request that
// exports it: ExportTraceServiceRequest and ExportLogsServiceRequest have the same frame.
// Spec: https://opentelemetry.io/docs/specs/otlp/ (1.x); messages: proto/opentelemetry.
//
//   request
//   +----------------------------------------------------------------------+
//   | 1 ResourceSpans / ResourceLogs                                       |
//   |   +------------------+ +-------------------------------------------+ |
//   |   | 1 Resource       | | 2 ScopeSpans / ScopeLogs                  | |
//   |   |   1 attributes   | |   +---------+ +----------+ +----------+   | |
//   |   +------------------+ |   | 1 scope | | 2 record | | 2 record |.. | |
//   |                        |   +---------+ +----------+ +----------+   | |
//   |                        +-------------------------------------------+ |
//   +----------------------------------------------------------------------+
//    <------ the head, kept from batch to batch ----->  <---- records ---->
//
// Lengths that are not known beforehand take four bytes, whatever their value: nothing is ever moved.
//
//   begin:    beginResource, attributes, endResource   once, and again when the resource changes
//   records:  of the classes below it
//   send:     finish, then the bytes of `buffer`, then clear
//
// Allocates: when its buffer grows.

import { varintSize, writePaddedVarint, writeVarint } from "../wire/varint";
import { WireType } from "../wire/protobuf";
import { BoundedBuffer } from "./bounded-buffer";
import { appendUtf8, utf8Bytes } from "./utf8";

/** What a length takes that is written when it is known: enough for 256 MiB. */
const OPEN_LENGTH_BYTES: u32 = 4;

const REQUEST_RESOURCE: u32 = 1;
const RESOURCE: u32 = 1;
const RESOURCE_SCOPE: u32 = 2;
const SCOPE: u32 = 1;
const SCOPE_RECORD: u32 = 2;
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
const KEY_VALUE_KEY: u32 = 1;
const KEY_VALUE_VALUE: u32 = 2;
const ANY_STRING: u32 = 1;
const ANY_INT: u32 = 3;

export class OtlpBatch {
  /** The request, after `finish`. */
  readonly buffer: BoundedBuffer;
  /** Records in the batch. */
  count: u32 = 0;
  /** Field number of the attributes of what is being written. */
  private attributeField: u32 = RESOURCE_ATTRIBUTES;
  private resourceOpen: u32 = 0;
  private scopeOpen: u32 = 0;
  private headLen: u32 = 0;
  private recordStart: u32 = 0;
  private recordOpen: u32 = 0;
  private requestOpen: u32 = 0;
  /** Resource and scope are written, and fit. */
  private hasHead: bool = false;

  /** `maxBytes` of one request, at most 256 MiB; `recordAttributes`: field number in the record. */
  constructor(
    maxBytes: u32,
    private recordAttributes: u32,
  ) {
    this.buffer = new BoundedBuffer(1024, maxBytes);
  }

  /** Begins with another resource; its attributes follow. Records that were not sent are forgotten. */
  beginResource(): void {
    this.buffer.truncate(0);
    this.count = 0;
    this.hasHead = false;
    this.attributeField = RESOURCE_ATTRIBUTES;
    this.requestOpen = this.open(REQUEST_RESOURCE);
    this.resourceOpen = this.open(RESOURCE);
  }

  /**
   * Ends the resource and names the scope that writes the records: who it is, in which version. False:
   * `maxBytes` do not even hold this, and no record will fit.
   */
  endResource(namePtr: usize, nameLen: u32, versionPtr: usize, versionLen: u32): bool {
    this.close(this.resourceOpen);
    this.scopeOpen = this.open(RESOURCE_SCOPE);
    const scope = this.open(SCOPE);
    this.string(SCOPE_NAME, namePtr, nameLen);
    this.string(SCOPE_VERSION, versionPtr, versionLen);
    this.close(scope);
    this.headLen = this.buffer.len;
    this.attributeField = this.recordAttributes;
    this.hasHead = !this.buffer.isOverflown;
    return this.hasHead;
  }

  /** Of the resource or of the record being written. What is no UTF-8 becomes U+FFFD. */
  stringAttribute(keyPtr: usize, keyLen: u32, valuePtr: usize, valueLen: u32): void {
    if (!this.fits(keyLen) || !this.fits(valueLen)) return;
    const valueBytes = utf8Bytes(valuePtr, valueLen);
    this.beginAttribute(keyPtr, keyLen, bytesFieldSize(valueBytes));
    this.sizedString(ANY_STRING, valuePtr, valueLen, valueBytes);
  }

  /** Of the resource or of the record being written. */
  intAttribute(keyPtr: usize, keyLen: u32, value: i64): void {
    if (!this.fits(keyLen)) return;
    this.beginAttribute(keyPtr, keyLen, 1 + varintSize(value));
    this.varint(ANY_INT, value);
  }

  /** True when there is something to send: the request is then the bytes of `buffer`, until the next call. */
  finish(): bool {
    if (this.count == 0) return false;
    this.close(this.scopeOpen);
    this.close(this.requestOpen);
    return true;
  }

  /** Begins the next batch, of the same resource. */
  clear(): void {
    this.buffer.truncate(this.headLen);
    this.count = 0;
  }

  protected beginRecord(): void {
    // Nothing could be sent: it is left out, as what does not fit.
    if (!this.hasHead) this.buffer.isOverflown = true;
    this.recordStart = this.buffer.len;
    this.recordOpen = this.open(SCOPE_RECORD);
  }

  /** False: the record does not fit and was left out; the others are as they were. */
  protected endRecord(): bool {
    if (this.buffer.isOverflown) {
      this.buffer.truncate(this.recordStart);
      return false;
    }
    this.close(this.recordOpen);
    this.count++;
    return true;
  }

  /** Begins a message as a field; returns what `close` wants. */
  protected open(field: u32): u32 {
    this.tag(field, WireType.Bytes);
    const at = this.buffer.len;
    if (this.buffer.reserve(OPEN_LENGTH_BYTES) != 0) this.buffer.advance(OPEN_LENGTH_BYTES);
    return at;
  }

  protected close(at: u32): void {
    if (this.buffer.isOverflown) return;
    const len = this.buffer.len - at - OPEN_LENGTH_BYTES;
    writePaddedVarint(this.buffer.ptr + at, len, OPEN_LENGTH_BYTES);
  }

  protected varint(field: u32, value: u64): void {
    this.tag(field, WireType.Varint);
    this.rawVarint(value);
  }

  protected fixed64(field: u32, value: u64): void {
    this.tag(field, WireType.Fixed64);
    const out = this.buffer.reserve(8);
    if (out == 0) return;
    store<u64>(out, value);
    this.buffer.advance(8);
  }

  protected fixed32(field: u32, value: u32): void {
    this.tag(field, WireType.Fixed32);
    const out = this.buffer.reserve(4);
    if (out == 0) return;
    store<u32>(out, value);
    this.buffer.advance(4);
  }

  /** Eight bytes, the most significant one first. */
  protected id64(field: u32, id: u64): void {
    this.tag(field, WireType.Bytes);
    this.rawVarint(8);
    this.rawId(id);
  }

  /** Sixteen bytes, the most significant one first. */
  protected id128(field: u32, high: u64, low: u64): void {
    this.tag(field, WireType.Bytes);
    this.rawVarint(16);
    this.rawId(high);
    this.rawId(low);
  }

  /** Left out when it is empty. */
  protected string(field: u32, ptr: usize, len: u32): void {
    if (len == 0 || !this.fits(len)) return;
    this.sizedString(field, ptr, len, utf8Bytes(ptr, len));
  }

  /** An AnyValue that is a string. */
  protected anyString(field: u32, ptr: usize, len: u32): void {
    if (!this.fits(len)) return;
    const bytes = utf8Bytes(ptr, len);
    this.tag(field, WireType.Bytes);
    this.rawVarint(bytesFieldSize(bytes));
    this.sizedString(ANY_STRING, ptr, len, bytes);
  }

  /** A KeyValue up to its value, an AnyValue of `anyBytes`. */
  private beginAttribute(keyPtr: usize, keyLen: u32, anyBytes: u32): void {
    const keyBytes = utf8Bytes(keyPtr, keyLen);
    this.tag(this.attributeField, WireType.Bytes);
    this.rawVarint(bytesFieldSize(keyBytes) + bytesFieldSize(anyBytes));
    this.sizedString(KEY_VALUE_KEY, keyPtr, keyLen, keyBytes);
    this.tag(KEY_VALUE_VALUE, WireType.Bytes);
    this.rawVarint(anyBytes);
  }

  /** Keeps sums of lengths within 32 bits: what is longer than the buffer cannot be in it. */
  private fits(len: u32): bool {
    if (len <= this.buffer.maxBytes) return true;
    this.buffer.isOverflown = true;
    return false;
  }

  private sizedString(field: u32, ptr: usize, len: u32, bytes: u32): void {
    this.tag(field, WireType.Bytes);
    this.rawVarint(bytes);
    if (bytes == len) this.buffer.append(ptr, len);
    else appendUtf8(this.buffer, ptr, len);
  }

  private tag(field: u32, wireType: WireType): void {
    this.rawVarint((field << 3) | (<u32>wireType));
  }

  private rawVarint(value: u64): void {
    const out = this.buffer.reserve(varintSize(value));
    if (out != 0) this.buffer.advance(writeVarint(out, value));
  }

  private rawId(id: u64): void {
    const out = this.buffer.reserve(8);
    if (out == 0) return;
    store<u64>(out, bswap(id));
    this.buffer.advance(8);
  }
}

/** Bytes of a field below 16 that holds `len` bytes. */
function bytesFieldSize(len: u32): u32 {
  return 1 + varintSize(len) + len;
}
