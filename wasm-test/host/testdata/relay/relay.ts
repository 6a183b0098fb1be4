// The smallest switchboard: what a client sends goes to a server of cluster "servers", over a connection
// of its own, and back. It obeys every rule of the host and allocates nothing per message.
// Context ids below 4096 only; bytes that come before the server is connected wait in the read buffer.

import {
  proxy_call_foreign_function,
  proxy_close_stream,
  proxy_continue_stream,
  proxy_get_buffer_bytes,
  proxy_http_call,
  proxy_set_buffer_bytes,
  proxy_set_effective_context,
} from "../../../../assembly/proxy-wasm-as/abi/env";

const DATA_DOWN: u32 = 2;
const DATA_UP: u32 = 3;
const STREAM_DOWN: u32 = 2;
const ALL: u32 = 0x7fffffff;
const CONTEXTS: i32 = 4096;
const CONTINUE: u32 = 0;
const STOP: u32 = 1;

const OUT: usize = memory.data(16, 8);
/** All that the host gives in one callback; a callback never needs it after it has passed the bytes on. */
const INBOX: usize = memory.data(2097152, 16);
let inboxTop: usize = 0;

const CARRIER: usize = memory.data<u8>([0x63, 0x61, 0x72, 0x72, 0x69, 0x65, 0x72]);
/** ":method" "GET", ":path" "/", ":authority" "carrier" as pairs. */
const HEADERS: usize = memory.data(128, 4);
let headersSize: u32 = 0;
const STATE: usize = memory.data(128, 4);
let stateSize: u32 = 0;
const STATE_FUNCTION: usize = memory.data(32, 4);

/** The context at the other end; 0 when there is none. */
const other = new StaticArray<u32>(CONTEXTS);
const isUpstream = new StaticArray<bool>(CONTEXTS);
const isConnected = new StaticArray<bool>(CONTEXTS);
let root: u32 = 0;
let dialler: u32 = 0;

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: usize): usize {
  const at = INBOX + inboxTop;
  inboxTop = (inboxTop + size + 7) & ~7;
  return inboxTop > 2097152 ? 0 : at;
}

export function proxy_on_configure(rootContext: u32, _size: u32): u32 {
  root = rootContext;
  headersSize = writeHeaders();
  stateSize = writeState();
  writeText(STATE_FUNCTION, "set_envoy_filter_state");
  return 1;
}

function writeText(at: usize, text: string): u32 {
  for (let i = 0; i < text.length; i++) store<u8>(at + i, <u8>text.charCodeAt(i));
  return text.length;
}

function writeHeaders(): u32 {
  const texts: string[] = [":method", "GET", ":path", "/", ":authority", "carrier"];
  store<u32>(HEADERS, texts.length / 2);
  let at: u32 = 4 + 4 * texts.length;
  for (let i = 0; i < texts.length; i++) {
    store<u32>(HEADERS + 4 + 4 * i, texts[i].length);
    at += writeText(HEADERS + at, texts[i]) + 1;
  }
  return at;
}

/** SetEnvoyFilterStateArguments { path: "envoy.tcp_proxy.cluster", value: "servers", span: 2 } */
function writeState(): u32 {
  store<u8>(STATE, 0x0a);
  const key = writeText(STATE + 2, "envoy.tcp_proxy.cluster");
  store<u8>(STATE + 1, <u8>key);
  let at: u32 = 2 + key;
  store<u8>(STATE + at, 0x12);
  const value = writeText(STATE + at + 2, "servers");
  store<u8>(STATE + at + 1, <u8>value);
  at += 2 + value;
  store<u16>(STATE + at, 0x0218);
  return at + 2;
}

export function proxy_on_context_create(context: u32, parent: u32): void {
  if (parent == 0) return;
  other[context] = dialler;
  isUpstream[context] = dialler != 0;
  isConnected[context] = false;
  if (dialler != 0) other[dialler] = context;
}

export function proxy_on_new_connection(context: u32): u32 {
  if (isUpstream[context]) {
    proxy_set_effective_context(context);
    proxy_call_foreign_function(STATE_FUNCTION, 22, STATE, stateSize, 0, OUT);
    return CONTINUE;
  }
  dialler = context;
  proxy_set_effective_context(root);
  proxy_http_call(CARRIER, 7, HEADERS, headersSize, 0, 0, 0, 0, ALL, OUT);
  dialler = 0;
  return CONTINUE;
}

export function proxy_on_downstream_data(context: u32, size: u32, _end: u32): u32 {
  const peer = other[context];
  if (isUpstream[context]) {
    // The head of the HTTP request: the server is connected, and what the client has sent so far can go.
    proxy_set_buffer_bytes(DATA_DOWN, 0, size, 0, 0);
    isConnected[context] = true;
    if (proxy_set_effective_context(peer) == 0) move(DATA_DOWN, peer, context);
  } else if (peer != 0 && isConnected[peer]) move(DATA_DOWN, context, peer);
  return STOP;
}

export function proxy_on_upstream_data(context: u32, size: u32, _end: u32): u32 {
  if (isUpstream[context] && size != 0) move(DATA_UP, context, other[context]);
  return CONTINUE;
}

/** Takes all bytes of a buffer of `from` and writes them to `to`. */
function move(type: u32, from: u32, to: u32): void {
  inboxTop = 0;
  proxy_set_effective_context(from);
  if (proxy_get_buffer_bytes(type, 0, ALL, OUT, OUT + 4) != 0) return;
  const size = load<u32>(OUT, 4);
  if (size == 0) return;
  proxy_set_buffer_bytes(type, 0, ALL, 0, 0);
  if (proxy_set_effective_context(to) != 0) return;
  proxy_set_buffer_bytes(DATA_DOWN, ALL, 0, load<usize>(OUT), size);
  proxy_continue_stream(STREAM_DOWN);
}

export function proxy_on_downstream_connection_close(context: u32, _type: u32): void {
  const peer = other[context];
  if (peer == 0) return;
  other[peer] = 0;
  if (proxy_set_effective_context(peer) == 0) proxy_close_stream(STREAM_DOWN);
}

export function abortRelay(_message: usize, _file: usize, _line: u32, _column: u32): void {
  unreachable();
}
