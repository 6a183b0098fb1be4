// Foreign functions: what a host offers beyond the ABI, by name, with bytes in and bytes out.
// Spec: proxy-wasm ABI 0.2.1, chapter "Foreign function interface (FFI)".
// Allocates: arena, for the result and for the encoded arguments.

import { proxy_call_foreign_function } from "../abi/env";
import { Status } from "../abi/enums";
import { allocate, mark, release } from "../memory/arena";
import { RESULT_LEN, RESULT_PTR, takeBytes } from "../memory/host-bytes";
import { StaticBytes } from "../memory/static-bytes";
import { encodeBytesField, encodedBytesFieldLen, encodeVarintField } from "./protobuf-field";

/** The name of a foreign function. Build once, at start-up: its bytes are never freed. */
export class ForeignName extends StaticBytes {}

// envoy.source.extensions.common.wasm.SetEnvoyFilterStateArguments
const ARGUMENT_PATH: u32 = 1;
const ARGUMENT_VALUE: u32 = 2;
const ARGUMENT_SPAN: u32 = 3;
/** LifeSpan.DownstreamConnection: the value lives as long as the connection. */
const SPAN_CONNECTION: u32 = 2;
const SPAN_FIELD_BYTES: u32 = 2;

const SET_ENVOY_FILTER_STATE = new ForeignName("set_envoy_filter_state");

/**
 * Calls a function of the host; its result is at bytesPtr, bytesLen. NotFound: the host has no such
 * function. Envoy's own functions trust the memory for their result: keep arguments small enough that
 * the result fits the arena's ceiling.
 */
export function callForeignFunction(name: ForeignName, argsPtr: usize, argsLen: u32): Status {
  return takeBytes(
    proxy_call_foreign_function(
      name.ptr,
      <usize>name.len,
      argsPtr,
      <usize>argsLen,
      RESULT_PTR,
      RESULT_LEN,
    ),
  );
}

/**
 * Sets a filter state object of the effective context's connection, by the object factory that Envoy
 * has registered for `key`. InternalFailure: the arena has no room for the arguments.
 */
export function setEnvoyFilterState(
  keyPtr: usize,
  keyLen: u32,
  valuePtr: usize,
  valueLen: u32,
): Status {
  const position = mark();
  const status = callWithFilterState(keyPtr, keyLen, valuePtr, valueLen);
  release(position);
  return status;
}

function callWithFilterState(keyPtr: usize, keyLen: u32, valuePtr: usize, valueLen: u32): Status {
  const pathFieldLen = encodedBytesFieldLen(keyLen);
  const valueFieldLen = encodedBytesFieldLen(valueLen);
  const args = allocate(<usize>pathFieldLen + <usize>valueFieldLen + <usize>SPAN_FIELD_BYTES);
  if (args == 0) return Status.InternalFailure;
  let end = encodeBytesField(args, ARGUMENT_PATH, keyPtr, keyLen);
  end = encodeBytesField(end, ARGUMENT_VALUE, valuePtr, valueLen);
  end = encodeVarintField(end, ARGUMENT_SPAN, SPAN_CONNECTION);
  return callForeignFunction(SET_ENVOY_FILTER_STATE, args, <u32>(end - args));
}
