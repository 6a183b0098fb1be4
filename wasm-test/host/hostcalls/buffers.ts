// proxy_get_buffer_bytes, proxy_get_buffer_status, proxy_set_buffer_bytes.

import { BufferType, WasmResult } from "../abi-values.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

const NO_BYTES = new Uint8Array(0);
const U32 = 0x1_0000_0000;

export function bufferHostcalls(scope: HostcallScope): HostcallTable {
  const { vm } = scope;
  return {
    proxy_get_buffer_bytes(
      type: number,
      startArgument: number,
      lengthArgument: number,
      ptrPtr: number,
      sizePtr: number,
    ): WasmResult {
      if (type >>> 0 > BufferType.CallData) return WasmResult.BadArgument;
      const buffer = scope.context().buffer(type);
      if (buffer === undefined) return WasmResult.NotFound;
      const start = startArgument >>> 0;
      let length = lengthArgument >>> 0;
      if (start + length >= U32) return WasmResult.BadArgument;
      if (start > buffer.length) length = 0;
      else if (start + length > buffer.length) length = buffer.length - start;
      return vm.give(length === 0 ? NO_BYTES : buffer.view(start, length), ptrPtr, sizePtr);
    },

    proxy_get_buffer_status(type: number, lengthPtr: number, flagsPtr: number): WasmResult {
      if (type >>> 0 > BufferType.CallData) return WasmResult.BadArgument;
      const buffer = scope.context().buffer(type);
      if (buffer === undefined) return WasmResult.NotFound;
      return vm.memory.setU32(lengthPtr, buffer.length) && vm.memory.setU32(flagsPtr, 0)
        ? WasmResult.Ok
        : WasmResult.InvalidMemoryAccess;
    },

    proxy_set_buffer_bytes(
      type: number,
      start: number,
      length: number,
      ptr: number,
      size: number,
    ): WasmResult {
      if (type >>> 0 > BufferType.CallData) return WasmResult.BadArgument;
      const buffer = scope.context().buffer(type);
      if (buffer === undefined) return WasmResult.NotFound;
      const data = vm.read(ptr, size);
      if (data === undefined) return WasmResult.InvalidMemoryAccess;
      return buffer.setBytes(start >>> 0, length >>> 0, data);
    },
  };
}
