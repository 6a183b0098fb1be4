// What is kept of a request whose span is recorded, until the request is over: what only its frame and its
// connection have.
//
//   | SpanRecord | service, a slash, method | address of the client | tracestate |
//
// Allocates: one record of the memory budget.

import { Codec } from "../../codec/codec";
import { Slice } from "../../codec/message";
import { Call } from "../../filter/call";
import { filterHost } from "../../filter/filter-host";
import { TraceContext, traceFlags } from "../../telemetry/trace-context";
import { utf8Prefix } from "../../telemetry/utf8";
import { AttributeName } from "./attribute-name";
import { ContextForm, findTracestate } from "./propagation";
import { cutPort } from "../../filter/cut-port";

/** Of a service's name, and of a method's. */
const MAX_SPAN_NAME_BYTES: u32 = 256;
/** More than any address has. */
const ADDRESS_BYTES: u32 = 128;
/** As many as there can be of a tracestate that is carried on. */
const STATE_BYTES: u32 = 512;
const SLASH: u8 = 0x2f;

@unmanaged
export class SpanRecord {
  traceIdHigh: u64;
  traceIdLow: u64;
  spanId: u64;
  /** 0: the trace begins with this span. */
  parentSpanId: u64;
  /** Of OTLP. */
  flags: u32;
  /** Of the whole record. */
  bytes: u32;
  serviceLen: u32;
  methodLen: u32;
  addressLen: u32;
  stateLen: u32;
  /** See FormattedAttributes. */
  capture: usize;

  get namePtr(): usize {
    return changetype<usize>(this) + offsetof<SpanRecord>();
  }

  /** Of service and method together; 0: the request has neither. */
  get nameLen(): u32 {
    const slash: u32 = this.serviceLen > 0 && this.methodLen > 0 ? 1 : 0;
    return this.serviceLen + slash + this.methodLen;
  }

  get methodPtr(): usize {
    return this.namePtr + this.nameLen - this.methodLen;
  }

  get addressPtr(): usize {
    return this.namePtr + this.nameLen;
  }

  get statePtr(): usize {
    return this.addressPtr + this.addressLen;
  }
}

const RECORD_BYTES: usize =
  offsetof<SpanRecord>() + 2 * MAX_SPAN_NAME_BYTES + 1 + ADDRESS_BYTES + STATE_BYTES;

const scratch = changetype<SpanRecord>(heap.alloc(RECORD_BYTES));
const value: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));

/** Of the protocols that have one, by different names. */
const INTERFACE = new AttributeName("interface");
const SERVICE = new AttributeName("service");
const METHOD = new AttributeName("method");
/** What a generic call means; its method is that of the library. */
const GENERIC_METHOD = new AttributeName("generic_method");

/** Before the first request. */
export function resolveNames(codec: Codec): void {
  INTERFACE.resolve(codec);
  SERVICE.resolve(codec);
  METHOD.resolve(codec);
  GENERIC_METHOD.resolve(codec);
}

/** Keeps what there is of the request at hand; null: there is no memory. To be given back by `freeRecord`. */
export function keepRecord(
  call: Call,
  context: TraceContext,
  parentSpanId: u64,
  form: ContextForm,
): SpanRecord | null {
  const record = scratch;
  record.traceIdHigh = context.traceIdHigh;
  record.traceIdLow = context.traceIdLow;
  record.spanId = context.spanId;
  record.parentSpanId = parentSpanId;
  record.flags = traceFlags(context);
  record.capture = 0;
  const start = record.namePtr;
  let end = start;
  const hasService = find(INTERFACE, call) || find(SERVICE, call);
  record.serviceLen = hasService ? keep(end, MAX_SPAN_NAME_BYTES) : 0;
  end += record.serviceLen;
  const hasMethod = find(GENERIC_METHOD, call) || find(METHOD, call);
  if (hasMethod && record.serviceLen > 0) store<u8>(end++, SLASH);
  record.methodLen = hasMethod ? keep(end, MAX_SPAN_NAME_BYTES) : 0;
  // Not even a slash without a method.
  if (record.methodLen == 0) end = start + record.serviceLen;
  end += record.methodLen;
  record.addressLen = findPeer(call) ? keep(end, ADDRESS_BYTES) : 0;
  end += record.addressLen;
  const hasState = form == ContextForm.W3c && findTracestate(call, value);
  record.stateLen = hasState ? keep(end, STATE_BYTES) : 0;
  end += record.stateLen;
  record.bytes = <u32>(end - changetype<usize>(record));
  const block = filterHost().allocate(record.bytes);
  if (block == 0) return null;
  memory.copy(block, changetype<usize>(record), record.bytes);
  return changetype<SpanRecord>(block);
}

/** Sets `value`. Names that peers could choose are none of a service. */
function find(name: AttributeName, call: Call): bool {
  return name.isOfProtocol && name.find(call, value);
}

/** Sets `value` to the client's address without its port, and without the brackets of `[::1]:80`. */
function findPeer(call: Call): bool {
  if (!call.sourceAddress(value)) return false;
  cutPort(value);
  return true;
}

/** Copies `value`, or as many characters of it as fit into `maxBytes`. */
function keep(to: usize, maxBytes: u32): u32 {
  const len = utf8Prefix(value.ptr, value.len, maxBytes);
  memory.copy(to, value.ptr, len);
  return len;
}

export function freeRecord(record: SpanRecord): void {
  filterHost().free(changetype<usize>(record), record.bytes);
}
