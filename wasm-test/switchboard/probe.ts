// What a module holds, by way of the exports of wasm-test/units/switchboard-probe.ts.
import type { Mesh } from "./mesh.js";

export interface Holdings {
  /** Size of the VM's memory. */
  readonly memoryBytes: number;
  /** Heap that is allocated, managed (garbage included) and unmanaged. */
  readonly heapBytes: number;
  /** What the memory budget counts. */
  readonly bufferedBytes: number;
  /** Requests that somebody waits for, or that a server may still answer. */
  readonly streams: number;
}

/** @throws Error when the module of the mesh is none of test/switchboard-*. */
export function holdings(mesh: Mesh): Holdings {
  const { vm, root } = mesh.host.workers[0] ?? {};
  if (vm === undefined || root === undefined) throw new Error("no worker");
  if (!vm.has("probeStreams")) throw new Error("the module has no probe");
  const heapBytes = vm.callback("probeHeapBytes", root);
  return {
    memoryBytes: vm.memory.sizeBytes,
    heapBytes,
    bufferedBytes: vm.callback("probeBufferedBytes", root),
    streams: vm.callback("probeStreams", root),
  };
}
