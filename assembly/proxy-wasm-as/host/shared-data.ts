// Shared data: a key-value store of all VMs with the same vm_id, in all workers.
// Spec: proxy-wasm ABI 0.2.1, chapter "Shared Key-Value Store".
// Allocates: arena for the value read.

import { proxy_get_shared_data, proxy_set_shared_data } from "../abi/env";
import { Status } from "../abi/enums";
import { RESULT_EXTRA, RESULT_LEN, RESULT_PTR, takeBytes } from "../memory/host-bytes";
import { StaticBytes } from "../memory/static-bytes";

/** The compare-and-swap value of the item read last; 0 is never a valid one. */
export let sharedDataCas: u32 = 0;

/** Reads the value of `key` to bytesPtr, bytesLen, its version to sharedDataCas. NotFound: no value. */
export function getSharedData(key: StaticBytes): Status {
  return getSharedDataAt(key.ptr, key.len);
}

/** As getSharedData, with the key's bytes. */
export function getSharedDataAt(keyPtr: usize, keyLen: u32): Status {
  const status = takeBytes(
    proxy_get_shared_data(keyPtr, <usize>keyLen, RESULT_PTR, RESULT_LEN, RESULT_EXTRA),
  );
  sharedDataCas = status == Status.Ok ? load<u32>(RESULT_EXTRA) : 0;
  return status;
}

/**
 * Writes the value of `key`. `cas`: 0 writes in any case; otherwise only over the version that was
 * read, and CasMismatch says that somebody else was faster.
 */
export function setSharedData(key: StaticBytes, valuePtr: usize, valueLen: u32, cas: u32): Status {
  return setSharedDataAt(key.ptr, key.len, valuePtr, valueLen, cas);
}

/** As setSharedData, with the key's bytes. */
export function setSharedDataAt(
  keyPtr: usize,
  keyLen: u32,
  valuePtr: usize,
  valueLen: u32,
  cas: u32,
): Status {
  return <Status>proxy_set_shared_data(keyPtr, <usize>keyLen, valuePtr, <usize>valueLen, cas);
}
