// AssemblyScript: what a module with the switchboard holds, for tests that watch it.
// Called as callbacks of the host are, with a context's id, which says nothing here.

import { arenaHeapBytes } from "../../assembly/proxy-wasm-as/memory/arena";
import { memoryBudget } from "../../assembly/switchboard/connection/memory-budget";
import { streams } from "../../assembly/switchboard/stream/stream-table";
import { allocatedHeapBytes } from "./heap-usage";

/** Bytes of the heap that are allocated, managed (garbage included) and unmanaged. */
export function probeHeapBytes(contextId: u32): u32 {
  return allocatedHeapBytes();
}

/** Bytes that are held for the network. */
export function probeBufferedBytes(contextId: u32): u32 {
  return memoryBudget.used;
}

/** Requests that somebody still waits for, or that a server may still answer. */
export function probeStreams(contextId: u32): u32 {
  return streams.used;
}

/** Bytes of heap that the arena holds. */
export function probeArenaBytes(contextId: u32): u32 {
  return <u32>arenaHeapBytes();
}
