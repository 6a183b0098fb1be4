// Buffers: connection data, HTTP bodies, gRPC messages, configurations.
// Spec: proxy-wasm ABI 0.2.1, chapter "Buffers".
// Allocates: arena for what is read, or the place given by directNextAllocation. Writes never.

import {
  proxy_get_buffer_bytes,
  proxy_get_buffer_status,
  proxy_set_buffer_bytes,
} from "../abi/env";
import { BufferType, Status } from "../abi/enums";
import { RESULT_EXTRA, RESULT_LEN, RESULT_PTR, takeBytes } from "../memory/host-bytes";

/**
 * Larger than any buffer: as a length it means "all", as a start "the end". Not 0xffffffff: some
 * hosts add start and length in 32 bits.
 */
export const WHOLE_BUFFER: u32 = 0x7fffffff;

/** Size in bytes that getBufferSize found. */
export let bufferSize: u32 = 0;

/**
 * Copies up to `length` bytes from `start` on; they are at bytesPtr, bytesLen, until the callback
 * returns. A start beyond the end is Ok with no bytes. NotFound: there is no such buffer now.
 */
export function getBuffer(type: BufferType, start: u32, length: u32): Status {
  return takeBytes(proxy_get_buffer_bytes(<u32>type, start, length, RESULT_PTR, RESULT_LEN));
}

/** Asks for the size of a buffer; on Ok it is in bufferSize. */
export function getBufferSize(type: BufferType): Status {
  const status = proxy_get_buffer_status(<u32>type, RESULT_LEN, RESULT_EXTRA);
  bufferSize = status == <u32>Status.Ok ? load<u32>(RESULT_LEN) : 0;
  return <Status>status;
}

/**
 * Replaces `length` bytes at `start` by the `size` bytes at `ptr`, which the host copies. Envoy takes
 * three forms and may refuse others: all (start 0, length >= the buffer's), prepend (0, 0), append
 * (start >= the buffer's size).
 */
export function setBuffer(
  type: BufferType,
  start: u32,
  length: u32,
  ptr: usize,
  size: u32,
): Status {
  return <Status>proxy_set_buffer_bytes(<u32>type, start, length, ptr, <usize>size);
}

/** Replaces the whole content; size 0 empties the buffer. */
export function replaceBuffer(type: BufferType, ptr: usize, size: u32): Status {
  return <Status>proxy_set_buffer_bytes(<u32>type, 0, WHOLE_BUFFER, ptr, <usize>size);
}

/** Adds at the end. */
export function appendBuffer(type: BufferType, ptr: usize, size: u32): Status {
  return <Status>proxy_set_buffer_bytes(<u32>type, WHOLE_BUFFER, 0, ptr, <usize>size);
}

/** Adds at the start. */
export function prependBuffer(type: BufferType, ptr: usize, size: u32): Status {
  return <Status>proxy_set_buffer_bytes(<u32>type, 0, 0, ptr, <usize>size);
}
