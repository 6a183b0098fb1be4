// The host calls of the probe, with strings.
// Allocates: freely, and never frees: a probe lives for a few hundred events.

import {
  proxy_call_foreign_function,
  proxy_close_stream,
  proxy_continue_stream,
  proxy_get_buffer_bytes,
  proxy_get_current_time_nanoseconds,
  proxy_get_property,
  proxy_http_call,
  proxy_log,
  proxy_register_shared_queue,
  proxy_set_buffer_bytes,
  proxy_set_effective_context,
} from "../../../../assembly/proxy-wasm-as/abi/env";

export const DOWNSTREAM_DATA: u32 = 2;
export const UPSTREAM_DATA: u32 = 3;
export const DOWNSTREAM_STREAM: u32 = 2;
export const ALL: u32 = 0x7fffffff;

const INFO: u32 = 2;
const LONGEST_SHOWN: u32 = 40;

/** Where host calls put their results: addresses and lengths. */
export const OUT: usize = memory.data(32, 8);

export function proxy_on_memory_allocate(size: usize): usize {
  return heap.alloc(size);
}

export function bytesOf(text: string): ArrayBuffer {
  return String.UTF8.encode(text);
}

export function pointer(bytes: ArrayBuffer): usize {
  return changetype<usize>(bytes);
}

/** The text whose address and length the last host call has put at OUT. */
export function result(): string {
  return String.UTF8.decodeUnsafe(load<usize>(OUT), load<u32>(OUT, 4));
}

export function log(message: string): void {
  const bytes = bytesOf(message);
  proxy_log(INFO, pointer(bytes), bytes.byteLength);
}

/** Logs what a host call returned. */
export function report(what: string, status: u32): void {
  log("  " + what + " -> " + status.toString());
}

export function read(type: u32, size: u32): string {
  return proxy_get_buffer_bytes(type, 0, size, OUT, OUT + 4) == 0 ? result() : "";
}

/** The start of a buffer on one line. */
export function show(type: u32, size: u32): string {
  const text = read(type, min<u32>(size, LONGEST_SHOWN)).replaceAll("\r\n", "|");
  return size > LONGEST_SHOWN ? text + "..." : text;
}

/** set_buffer_bytes on the downstream data of `context`; logs only what goes wrong. */
export function setBuffer(context: u32, start: u32, length: u32, text: string): void {
  const bytes = bytesOf(text);
  const effective = proxy_set_effective_context(context);
  const status = proxy_set_buffer_bytes(DOWNSTREAM_DATA, start, length, pointer(bytes), bytes.byteLength);
  if (effective != 0) report("effective context", effective);
  if (status != 0) report("set buffer", status);
}

export function continueStream(context: u32): void {
  const effective = proxy_set_effective_context(context);
  if (effective != 0) report("effective context", effective);
  const status = proxy_continue_stream(DOWNSTREAM_STREAM);
  if (status != 0) report("continue", status);
}

export function closeStream(context: u32, type: u32): void {
  const effective = proxy_set_effective_context(context);
  if (effective != 0) report("effective context", effective);
  report("close", proxy_close_stream(type));
}

/** `kind`: text, number (8 bytes) or size. */
export function showProperty(who: string, context: u32, path: string, kind: string): void {
  const bytes = bytesOf(path.replaceAll("/", "\0"));
  proxy_set_effective_context(context);
  const status = proxy_get_property(pointer(bytes), bytes.byteLength, OUT, OUT + 4);
  let value = "";
  if (status == 0) {
    if (kind == "text") value = result();
    else if (kind == "size") value = load<u32>(OUT, 4).toString() + " bytes";
    else value = load<u64>(load<usize>(OUT)).toString();
  }
  log("  " + who + " " + path + " -> " + status.toString() + " " + value);
}

/** SetEnvoyFilterStateArguments {path = 1, value = 2, span = 3}, for the connection. */
export function setFilterState(context: u32, key: string, value: string): void {
  const keyBytes = bytesOf(key);
  const valueBytes = bytesOf(value);
  const message = new Uint8Array(6 + keyBytes.byteLength + valueBytes.byteLength);
  let at = addField(message, 0, 0x0a, keyBytes);
  at = addField(message, at, 0x12, valueBytes);
  message[at] = 0x18;
  message[at + 1] = 2;
  const name = bytesOf("set_envoy_filter_state");
  proxy_set_effective_context(context);
  const status = proxy_call_foreign_function(
    pointer(name),
    name.byteLength,
    message.dataStart,
    message.byteLength,
    OUT,
    OUT + 4,
  );
  if (status != 0) report("filter state " + key, status);
}

function addField(message: Uint8Array, at: i32, tag: u8, bytes: ArrayBuffer): i32 {
  message[at] = tag;
  message[at + 1] = <u8>bytes.byteLength;
  memory.copy(message.dataStart + at + 2, pointer(bytes), bytes.byteLength);
  return at + 2 + bytes.byteLength;
}

/** GET to `cluster`; the token is at OUT. */
export function httpCall(cluster: string, timeoutMs: u32): u32 {
  const pairs: string[] = [":method", "GET", ":path", "/", ":authority", "carrier"];
  let sizes = 4;
  let text = "";
  const headers = new Uint8Array(128);
  const view = headers.dataStart;
  store<u32>(view, pairs.length / 2);
  for (let i = 0; i < pairs.length; i++) {
    store<u32>(view + sizes, pairs[i].length);
    sizes += 4;
    text += pairs[i] + "\0";
  }
  const textBytes = bytesOf(text);
  memory.copy(view + sizes, pointer(textBytes), textBytes.byteLength);
  const name = bytesOf(cluster);
  const length = sizes + textBytes.byteLength;
  return proxy_http_call(pointer(name), name.byteLength, view, length, 0, 0, 0, 0, timeoutMs, OUT);
}

/** A queue of this VM alone. */
export function registerQueue(): u32 {
  proxy_get_current_time_nanoseconds(OUT);
  const name = bytesOf("probe-" + load<u64>(OUT).toString());
  proxy_register_shared_queue(pointer(name), name.byteLength, OUT);
  return load<u32>(OUT);
}

/** In place of the abort that asc would import from the host. */
export function abortProbe(_message: usize, _file: usize, _line: u32, _column: u32): void {
  unreachable();
}
