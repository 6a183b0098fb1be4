// Shared data and shared queues.

import { WasmResult } from "../abi-values.js";
import type { SharedData } from "../shared-data.js";
import type { SharedQueues } from "../shared-queue.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

export interface SharedState {
  readonly vmId: string;
  readonly data: SharedData;
  readonly queues: SharedQueues;
  /** Runs proxy_on_queue_ready of `rootId` in a turn of its own. */
  notify(rootId: number, token: number): void;
}

export function sharedDataHostcalls(scope: HostcallScope, { data }: SharedState): HostcallTable {
  const { vm } = scope;
  return {
    proxy_get_shared_data(
      keyPtr: number,
      keySize: number,
      ptrPtr: number,
      sizePtr: number,
      casPtr: number,
    ): WasmResult {
      const key = vm.readText(keyPtr, keySize);
      if (key === undefined) return WasmResult.InvalidMemoryAccess;
      const shared = data.get(key);
      if (shared === undefined) return WasmResult.NotFound;
      const given = vm.give(shared.value, ptrPtr, sizePtr);
      if (given !== WasmResult.Ok) return given;
      return vm.memory.setU32(casPtr, shared.cas) ? WasmResult.Ok : WasmResult.InvalidMemoryAccess;
    },

    proxy_set_shared_data(
      keyPtr: number,
      keySize: number,
      valuePtr: number,
      valueSize: number,
      cas: number,
    ): WasmResult {
      const key = vm.readText(keyPtr, keySize);
      const value = vm.read(valuePtr, valueSize);
      if (key === undefined || value === undefined) return WasmResult.InvalidMemoryAccess;
      return data.set(key, value, cas >>> 0);
    },
  };
}

export function sharedQueueHostcalls(scope: HostcallScope, shared: SharedState): HostcallTable {
  const { vm } = scope;
  const { queues, vmId } = shared;
  return {
    proxy_register_shared_queue(namePtr: number, nameSize: number, tokenPtr: number): WasmResult {
      const name = vm.readText(namePtr, nameSize);
      if (name === undefined) return WasmResult.InvalidMemoryAccess;
      const { rootId } = scope.context();
      const token = queues.register(vmId, name, (ready) => {
        shared.notify(rootId, ready);
      });
      return vm.memory.setU32(tokenPtr, token) ? WasmResult.Ok : WasmResult.InvalidMemoryAccess;
    },

    proxy_resolve_shared_queue(
      vmIdPtr: number,
      vmIdSize: number,
      namePtr: number,
      nameSize: number,
      tokenPtr: number,
    ): WasmResult {
      const wantedVm = vm.readText(vmIdPtr, vmIdSize);
      const name = vm.readText(namePtr, nameSize);
      if (wantedVm === undefined || name === undefined) return WasmResult.InvalidMemoryAccess;
      const token = queues.resolve(wantedVm === "" ? vmId : wantedVm, name);
      if (token === undefined) return WasmResult.NotFound;
      return vm.memory.setU32(tokenPtr, token) ? WasmResult.Ok : WasmResult.InvalidMemoryAccess;
    },

    proxy_enqueue_shared_queue(token: number, ptr: number, size: number): WasmResult {
      const item = vm.read(ptr, size);
      return item === undefined
        ? WasmResult.InvalidMemoryAccess
        : queues.enqueue(token >>> 0, item);
    },

    proxy_dequeue_shared_queue(token: number, ptrPtr: number, sizePtr: number): WasmResult {
      const item = queues.dequeue(token >>> 0);
      return typeof item === "number" ? item : vm.give(item, ptrPtr, sizePtr);
    },
  };
}
