// AssemblyScript entry: the arena, the heap limit and the callback frames of the SDK as flat exports.

export {
  allocate,
  arenaHeapBytes,
  cancelDirectAllocation,
  directNextAllocation,
  mark,
  proxy_on_memory_allocate,
  release,
  setArenaLimits,
} from "../../assembly/proxy-wasm-as/memory/arena";
export {
  canHeapAllocate,
  setHeapLimit,
  tryHeapAllocate,
} from "../../assembly/proxy-wasm-as/memory/heap-limit";
import * as bytes from "../../assembly/proxy-wasm-as/memory/host-bytes";

export function enterCallback(): usize {
  return bytes.enterCallback();
}

export function leaveCallback(frame: usize): void {
  bytes.leaveCallback(frame);
}

/** Does what a host call's wrapper does with a result of `len` bytes at `ptr`. */
export function takeResult(ptr: usize, len: u32): void {
  store<usize>(bytes.RESULT_PTR, ptr);
  store<u32>(bytes.RESULT_LEN, len);
  bytes.takeBytes(0);
}

export function bytesPtr(): usize {
  return bytes.bytesPtr;
}

export function bytesLen(): u32 {
  return bytes.bytesLen;
}

export function free(ptr: usize): void {
  heap.free(ptr);
}
