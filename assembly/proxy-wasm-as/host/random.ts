// Randomness of the host, fit for cryptography.
// Spec: proxy-wasm ABI 0.2.1, chapter "Randomness". Adds a WASI import to the module.
// Allocates: never.

import { Status, WasiErrno } from "../abi/enums";
import { random_get } from "../abi/wasi_snapshot_preview1";
import { RESULT_PTR } from "../memory/host-bytes";

/** Fills `len` bytes at `ptr`. BadArgument: too many at once; Envoy gives up to 64 KiB. */
export function fillRandom(ptr: usize, len: u32): Status {
  const errno = random_get(ptr, <usize>len);
  if (errno == <u32>WasiErrno.Success) return Status.Ok;
  if (errno == <u32>WasiErrno.InvalidArgument) return Status.BadArgument;
  return errno == <u32>WasiErrno.Fault ? Status.InvalidMemoryAccess : Status.InternalFailure;
}

/** Eight random bytes as a number; 0 if the host refuses. */
export function randomU64(): u64 {
  return fillRandom(RESULT_PTR, 8) == Status.Ok ? load<u64>(RESULT_PTR) : 0;
}
