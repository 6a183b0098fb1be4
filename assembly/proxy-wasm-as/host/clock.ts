// The host's clocks. One host call each: read once per callback and pass the value on.
// Spec: proxy-wasm ABI 0.2.1, chapter "Clocks".
// Allocates: never.

import { proxy_get_current_time_nanoseconds } from "../abi/env";
import { Status, WasiClockId, WasiErrno } from "../abi/enums";
import { clock_time_get } from "../abi/wasi_snapshot_preview1";
import { RESULT_PTR } from "../memory/host-bytes";

/** Nanoseconds since 1970; 0 if the host refuses, which the ABI knows no reason for. Can jump. */
export function nowNanoseconds(): u64 {
  const status = proxy_get_current_time_nanoseconds(RESULT_PTR);
  return status == <u32>Status.Ok ? load<u64>(RESULT_PTR) : 0;
}

/**
 * Nanoseconds of a clock that never jumps, from an arbitrary start; 0 if the host has none. Adds a
 * WASI import to the module.
 */
export function monotonicNanoseconds(): u64 {
  const errno = clock_time_get(<u32>WasiClockId.Monotonic, 0, RESULT_PTR);
  return errno == <u32>WasiErrno.Success ? load<u64>(RESULT_PTR) : 0;
}
