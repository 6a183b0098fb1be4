// Which faults requests are to meet: metaproto.filters.v1.Fault, decoded.
// Source: proto/metaproto/filters/v1/fault.proto
// Allocates: at configuration.
import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { AttributeName } from "../../filter/attribute-name";
import { FilterConfig } from "../../filter/filter";
import { Conditions, FilterSetup } from "../../filter/filter-setup";
import { ProtobufReader, WireType } from "../../wire/protobuf";
import { readDurationNs } from "../../wire/protobuf-duration";

const FAULT_MATCH: u32 = 1;
const FAULT_DELAY: u32 = 2;
const FAULT_ABORT: u32 = 3;
const FAULT_ACTIVE_DELAYS: u32 = 4;
const DELAY_FIXED: u32 = 1;
const DELAY_ATTRIBUTE: u32 = 2;
const DELAY_PER_MILLION: u32 = 3;
const DELAY_LONGEST: u32 = 4;
const ABORT_KIND: u32 = 1;
const ABORT_CODE: u32 = 2;
const ABORT_PER_MILLION: u32 = 3;
const ABORT_ATTRIBUTE: u32 = 4;

export const MILLION: u32 = 1000000;
/** Requests that a worker delays at a time, unless the configuration says otherwise. */
const MAX_ACTIVE_DELAYS: u32 = 4096;
/** The longest delay that an attribute can ask for, unless the configuration says otherwise. */
const MAX_DELAY_MS: u32 = 60000;
const NS_PER_MS: i64 = 1000000;

/** By FaultAbort.Kind; what CODE says is not a kind of ours. */
const KINDS: StaticArray<ErrorKind> = [
  ErrorKind.Internal,
  ErrorKind.NoRoute,
  ErrorKind.NoHealthyUpstream,
  ErrorKind.Overload,
  ErrorKind.Timeout,
  ErrorKind.UpstreamReset,
  ErrorKind.PermissionDenied,
  ErrorKind.Internal,
];

export class Fault extends FilterConfig {
  /** Of requests that meet it, so many of a million are delayed. */
  delayPerMillion: u32 = 0;
  /** Without `delayAttribute`. */
  fixedDelayMs: u32 = 0;
  delayAttribute: AttributeName | null = null;
  maxDelayMs: u32 = MAX_DELAY_MS;
  maxActiveDelays: i64 = MAX_ACTIVE_DELAYS;
  abortPerMillion: u32 = 0;
  abortKind: ErrorKind = ErrorKind.Internal;
  abortCode: u32 = NO_ERROR_CODE;
  abortAttribute: AttributeName | null = null;

  constructor(readonly match: Conditions) {
    super();
  }
}

/** Null: there was a fault in it, and `setup` was told. */
export function decodeFault(ptr: usize, len: u32, setup: FilterSetup): Fault | null {
  return new Decoder(setup).decode(ptr, len);
}

class Decoder {
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly fault: Fault;
  private isFaulty: bool = false;

  constructor(private readonly setup: FilterSetup) {
    this.fault = new Fault(setup.createConditions());
  }

  decode(ptr: usize, len: u32): Fault | null {
    const reader = this.reader;
    let matches = 0;
    let hasFault = false;
    reader.reset(ptr, len);
    while (reader.next()) {
      if (reader.wireType == WireType.Varint) {
        if (reader.field == FAULT_ACTIVE_DELAYS) this.takeActiveDelays();
      } else if (reader.wireType != WireType.Bytes) {
        continue;
      } else if (reader.field == FAULT_MATCH) {
        this.setup.enter("match", matches++);
        if (!this.fault.match.add(reader.ptr, reader.len)) this.isFaulty = true;
        this.setup.leave();
      } else if (reader.field == FAULT_DELAY) {
        hasFault = true;
        this.takeDelay();
      } else if (reader.field == FAULT_ABORT) {
        hasFault = true;
        this.takeAbort();
      }
    }
    if (reader.isMalformed) this.refuse("", "malformed protobuf");
    else if (!hasFault) this.refuse("", "needs delay or abort");
    return this.isFaulty ? null : this.fault;
  }

  private refuse(field: string, text: string): void {
    this.setup.fault(field, text);
    this.isFaulty = true;
  }

  private takeActiveDelays(): void {
    const value = this.reader.value;
    if (value > 0) this.fault.maxActiveDelays = <i64>min<u64>(value, u32.MAX_VALUE);
  }

  private takeDelay(): void {
    const reader = this.reader;
    const fault = this.fault;
    this.setup.enter("delay", -1);
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType == WireType.Varint) {
        if (reader.field == DELAY_PER_MILLION) fault.delayPerMillion = this.perMillion();
      } else if (reader.wireType != WireType.Bytes) {
        continue;
      } else if (reader.field == DELAY_FIXED) {
        fault.fixedDelayMs = this.duration("fixed");
        fault.delayAttribute = null;
      } else if (reader.field == DELAY_ATTRIBUTE) {
        fault.fixedDelayMs = 0;
        fault.delayAttribute = this.attribute();
      } else if (reader.field == DELAY_LONGEST) {
        fault.maxDelayMs = this.duration("max");
      }
    }
    reader.leave(end);
    const hasDuration = fault.fixedDelayMs > 0 || fault.delayAttribute !== null;
    if (!hasDuration && !this.isFaulty) this.refuse("", "needs fixed or attribute");
    this.setup.leave();
  }

  private takeAbort(): void {
    const reader = this.reader;
    const fault = this.fault;
    this.setup.enter("abort", -1);
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType == WireType.Bytes) {
        if (reader.field == ABORT_ATTRIBUTE) fault.abortAttribute = this.attribute();
      } else if (reader.wireType != WireType.Varint) {
        continue;
      } else if (reader.field == ABORT_KIND) {
        const kind = reader.value;
        if (kind < <u64>KINDS.length) fault.abortKind = KINDS[<i32>kind];
        else this.refuse("kind", "unknown");
      } else if (reader.field == ABORT_CODE) {
        if (reader.value > u32.MAX_VALUE) this.refuse("code", "too large");
        fault.abortCode = <u32>reader.value;
      } else if (reader.field == ABORT_PER_MILLION) {
        fault.abortPerMillion = this.perMillion();
      }
    }
    reader.leave(end);
    this.setup.leave();
  }

  private perMillion(): u32 {
    if (this.reader.value > MILLION) this.refuse("perMillion", "more than a million");
    return <u32>min<u64>(this.reader.value, MILLION);
  }

  /** Milliseconds, rounded up; of none at all, which is refused, 0. */
  private duration(field: string): u32 {
    const ns = readDurationNs(this.reader);
    if (ns <= 0) this.refuse(field, "must be above 0s, at most 2147483.647s");
    return ns <= 0 ? 0 : <u32>((ns + NS_PER_MS - 1) / NS_PER_MS);
  }

  /** Null: the empty name, which is the same as none. */
  private attribute(): AttributeName | null {
    const reader = this.reader;
    return reader.len == 0 ? null : new AttributeName(reader.ptr, reader.len, this.setup.codec);
  }
}
