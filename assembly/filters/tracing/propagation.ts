// Contexts of traces as requests carry them: W3C's traceparent and tracestate, and B3 in both of its forms.
//
// Read: traceparent; without a valid one the header b3; without that the headers x-b3-*.
// Written: traceparent always; B3 in the form that was read, and the headers x-b3-* where that is asked for.
// Allocates: when the module starts.

import { Codec } from "../../codec/codec";
import { Slice } from "../../codec/message";
import { MutationOperation } from "../../codec/mutation";
import { Call } from "../../filter/call";
import {
  MAX_B3_BYTES,
  MAX_B3_TRACE_ID_BYTES,
  b3SampledDigit,
  completeB3,
  readB3,
  readB3Flags,
  readB3Sampled,
  readB3SpanId,
  readB3TraceId,
  writeB3,
  writeB3TraceId,
} from "../../telemetry/b3";
import { HEX64_DIGITS, writeHex64 } from "../../telemetry/hex";
import {
  Sampling,
  TRACEPARENT_BYTES,
  TraceContext,
  readTraceparent,
  tracestateBytes,
  writeTraceparent,
} from "../../telemetry/trace-context";
import { AttributeName } from "./attribute-name";

/** In which form a context came. */
export enum ContextForm {
  None = 0,
  W3c = 1,
  B3Single = 2,
  B3Multiple = 3,
}

const TRACEPARENT = new AttributeName("traceparent");
const TRACESTATE = new AttributeName("tracestate");
const B3 = new AttributeName("b3");
const B3_TRACE_ID = new AttributeName("x-b3-traceid");
const B3_SPAN_ID = new AttributeName("x-b3-spanid");
const B3_PARENT_SPAN_ID = new AttributeName("x-b3-parentspanid");
const B3_SAMPLED = new AttributeName("x-b3-sampled");
const B3_FLAGS = new AttributeName("x-b3-flags");

const ONE: u8 = 0x31;

const value: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
const text: usize = heap.alloc(max(TRACEPARENT_BYTES, max(MAX_B3_BYTES, MAX_B3_TRACE_ID_BYTES)));

/** Before the first request. */
export function resolveContextAttributes(codec: Codec): void {
  TRACEPARENT.resolve(codec);
  TRACESTATE.resolve(codec);
  B3.resolve(codec);
  B3_TRACE_ID.resolve(codec);
  B3_SPAN_ID.resolve(codec);
  B3_PARENT_SPAN_ID.resolve(codec);
  B3_SAMPLED.resolve(codec);
  B3_FLAGS.resolve(codec);
}

/** Reads the context of the request into `context`. One without ids only says what to sample. */
export function readContext(call: Call, context: TraceContext): ContextForm {
  if (TRACEPARENT.find(call, value) && readTraceparent(value.ptr, value.len, context)) {
    return ContextForm.W3c;
  }
  if (B3.find(call, value) && readB3(value.ptr, value.len, context)) return ContextForm.B3Single;
  context.clear();
  if (B3_TRACE_ID.find(call, value) && readB3TraceId(value.ptr, value.len, context)) {
    if (B3_SPAN_ID.find(call, value)) readB3SpanId(value.ptr, value.len, context);
  }
  if (B3_SAMPLED.find(call, value)) readB3Sampled(value.ptr, value.len, context);
  if (B3_FLAGS.find(call, value)) readB3Flags(value.ptr, value.len, context);
  return completeB3(context) ? ContextForm.B3Multiple : ContextForm.None;
}

/** The tracestate of a request whose context is W3C's, as far as it is carried on. */
export function findTracestate(call: Call, out: Slice): bool {
  if (!TRACESTATE.find(call, out)) return false;
  out.len = tracestateBytes(out.ptr, out.len);
  return out.len > 0;
}

/**
 * Writes `context`, which has ids, into the request. `form`: in which its parent's came; `parentSpanId` 0: there
 * is none; `isB3`: B3 is asked for.
 */
export function writeContext(
  call: Call,
  context: TraceContext,
  parentSpanId: u64,
  form: ContextForm,
  isB3: bool,
): void {
  writeTraceparent(text, context);
  set(call, TRACEPARENT, TRACEPARENT_BYTES);
  // It belongs to the traceparent that it came with.
  if (form != ContextForm.W3c) remove(call, TRACESTATE);
  // Of two forms of B3 receivers prefer this one: it must not tell of another span.
  const isSingle = form == ContextForm.B3Single || (isB3 && B3.find(call, value));
  if (isSingle) set(call, B3, writeB3(text, context));
  if (isB3 || form == ContextForm.B3Multiple) writeB3Multiple(call, context, parentSpanId);
}

function writeB3Multiple(call: Call, context: TraceContext, parentSpanId: u64): void {
  set(call, B3_TRACE_ID, writeB3TraceId(text, context));
  writeHex64(text, context.spanId);
  set(call, B3_SPAN_ID, HEX64_DIGITS);
  if (parentSpanId == 0) {
    remove(call, B3_PARENT_SPAN_ID);
  } else {
    writeHex64(text, parentSpanId);
    set(call, B3_PARENT_SPAN_ID, HEX64_DIGITS);
  }
  const digit = b3SampledDigit(context.sampling);
  if (digit == 0) {
    remove(call, B3_SAMPLED);
  } else {
    store<u8>(text, <u8>digit);
    set(call, B3_SAMPLED, 1);
  }
  if (context.sampling != Sampling.Debug) {
    remove(call, B3_FLAGS);
  } else {
    store<u8>(text, ONE);
    set(call, B3_FLAGS, 1);
  }
}

/** To the `len` bytes of `text`. */
function set(call: Call, name: AttributeName, len: u32): void {
  value.ptr = text;
  value.len = len;
  call.mutate(MutationOperation.Set, name.slice, value);
}

function remove(call: Call, name: AttributeName): void {
  value.len = 0;
  call.mutate(MutationOperation.Remove, name.slice, value);
}
