// Tiny modules for the tests of the host: WebAssembly text behind a prelude of host calls.

import { assemble } from "../../abi/wabt-tools.js";
import { encodeHeaderPairs } from "../pairs.js";

/** What $reply writes. */
export const REPLY = "reply";

/** The cluster that $dial names as the one to connect to. */
export const SERVER_CLUSTER = "server";

const encoder = new TextEncoder();

const HEADERS = encodeHeaderPairs([
  [":method", "GET"],
  [":path", "/"],
  [":authority", "carrier"],
]);

/** The length of the header pairs at address 128. */
export const DIAL_HEADERS_BYTES = HEADERS.length;

/** SetEnvoyFilterStateArguments {path: "envoy.tcp_proxy.cluster", value: "server", span: DownstreamConnection}. */
const FILTER_STATE = Uint8Array.of(
  ...[0x0a, 23, ...encoder.encode("envoy.tcp_proxy.cluster")],
  ...[0x12, SERVER_CLUSTER.length, ...encoder.encode(SERVER_CLUSTER)],
  ...[0x18, 2],
);

const HOST_CALLS = `
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue_stream (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close_stream (param i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function"
    (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_stream"
    (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $register (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))`;

// Addresses: 0 results of host calls, 16 texts, 128 headers, 256 filter state, 65536 allocations.
const HELPERS = `
  (memory (export "memory") 64)
  (global $top (mut i32) (i32.const 65536))
  (data (i32.const 16) "${REPLY}")
  (data (i32.const 32) "carrier")
  (data (i32.const 48) "set_envoy_filter_state")
  (data (i32.const 80) "queue")
  (data (i32.const 128) "${escape(HEADERS)}")
  (data (i32.const 256) "${escape(FILTER_STATE)}")
  (func (export "proxy_abi_version_0_2_1"))
  (func $allocate (param $size i32) (result i32)
    (local $at i32)
    (if (i32.gt_u (i32.add (global.get $top) (local.get $size)) (i32.const 4194304))
      (then (global.set $top (i32.const 65536))))
    (local.set $at (global.get $top))
    (global.set $top
      (i32.and (i32.add (i32.add (global.get $top) (local.get $size)) (i32.const 7)) (i32.const -8)))
    (local.get $at))
  (func $reply (param $context i32)
    (drop (call $effective (local.get $context)))
    (drop (call $set_buffer
      (i32.const 2) (i32.const 0) (i32.const 0x7fffffff) (i32.const 16) (i32.const ${String(REPLY.length)}))))
  (func $empty (param $context i32)
    (drop (call $effective (local.get $context)))
    (drop (call $set_buffer
      (i32.const 2) (i32.const 0) (i32.const 0x7fffffff) (i32.const 0) (i32.const 0))))
  (func $continue (param $context i32)
    (drop (call $effective (local.get $context)))
    (drop (call $continue_stream (i32.const 2))))
  (func $close (param $context i32)
    (drop (call $effective (local.get $context)))
    (drop (call $close_stream (i32.const 2))))
  (func $choose_server (param $context i32)
    (drop (call $effective (local.get $context)))
    (drop (call $foreign (i32.const 48) (i32.const 22)
      (i32.const 256) (i32.const ${String(FILTER_STATE.length)}) (i32.const 0) (i32.const 4))))
  (func $dial (result i32)
    (call $http_call (i32.const 32) (i32.const 7)
      (i32.const 128) (i32.const ${String(HEADERS.length)})
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0x7fffffff) (i32.const 8)))`;

const ALLOCATOR = `(func (export "proxy_on_memory_allocate") (param i32) (result i32)
    (call $allocate (local.get 0)))`;

/** A module of the given functions, with $reply, $empty, $continue, $close, $dial and all host calls at hand. */
export function watModule(body: string, allocator = ALLOCATOR): Uint8Array {
  return assemble(`(module ${HOST_CALLS} ${HELPERS} ${allocator} ${body})`);
}

/** An exported callback that takes `parameters` i32 values, the first of them the context id. */
export function callback(name: string, parameters: number, body: string, result?: number): string {
  const types = " i32".repeat(parameters);
  const tail = result === undefined ? "" : ` (i32.const ${String(result)})`;
  const returns = result === undefined ? "" : " (result i32)";
  return `(func (export "proxy_${name}") (param${types})${returns} ${body}${tail})`;
}

/** proxy_on_downstream_data that runs `body` and keeps the bytes in the read buffer. */
export function onData(body: string): string {
  return callback("on_downstream_data", 3, body, 1);
}

/** proxy_on_upstream_data that lets everything pass. */
export const PASS_WRITES = callback("on_upstream_data", 3, "", 0);

function escape(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
}
