// The header map calls. Source: Envoy context.cc addHeaderMapValue to getHeaderMapSize.

import { HeaderMapType, WasmResult } from "../abi-values.js";
import { decodePairs, encodeHeaderPairs } from "../pairs.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

const encoder = new TextEncoder();
const LAST_TYPE = HeaderMapType.HttpCallResponseTrailers;

export function headerHostcalls(scope: HostcallScope): HostcallTable {
  return { ...readingCalls(scope), ...writingCalls(scope) };
}

function readingCalls(scope: HostcallScope): HostcallTable {
  const { vm } = scope;
  return {
    proxy_get_header_map_value(
      type: number,
      keyPtr: number,
      keySize: number,
      ptrPtr: number,
      sizePtr: number,
    ): WasmResult {
      if (type >>> 0 > LAST_TYPE) return WasmResult.BadArgument;
      const key = vm.readText(keyPtr, keySize);
      if (key === undefined) return WasmResult.InvalidMemoryAccess;
      const context = scope.context();
      const map = context.readableMap(type);
      if (map === undefined)
        return context.isLogging ? WasmResult.NotFound : WasmResult.BadArgument;
      const value = map.get(key);
      if (value === undefined) return WasmResult.NotFound;
      return vm.give(encoder.encode(value), ptrPtr, sizePtr);
    },

    proxy_get_header_map_pairs(type: number, ptrPtr: number, sizePtr: number): WasmResult {
      if (type >>> 0 > LAST_TYPE) return WasmResult.BadArgument;
      const map = scope.context().readableMap(type);
      const empty = map === undefined || map.size === 0;
      return vm.give(empty ? new Uint8Array(0) : encodeHeaderPairs(map), ptrPtr, sizePtr);
    },

    proxy_get_header_map_size(type: number, resultPtr: number): WasmResult {
      if (type >>> 0 > LAST_TYPE) return WasmResult.BadArgument;
      // Envoy asks for the writable map here: the maps of callouts have no size.
      const map = scope.context().writableMap(type);
      if (map === undefined) return WasmResult.BadArgument;
      return vm.memory.setU32(resultPtr, map.byteSize)
        ? WasmResult.Ok
        : WasmResult.InvalidMemoryAccess;
    },
  };
}

function writingCalls(scope: HostcallScope): HostcallTable {
  const { vm } = scope;

  function change(
    type: number,
    [keyPtr, keySize, valuePtr, valueSize]: readonly [number, number, number, number],
    how: "add" | "replace",
  ): WasmResult {
    if (type >>> 0 > LAST_TYPE) return WasmResult.BadArgument;
    const key = vm.readText(keyPtr, keySize);
    const value = vm.readText(valuePtr, valueSize);
    if (key === undefined || value === undefined) return WasmResult.InvalidMemoryAccess;
    const map = scope.context().writableMap(type);
    if (map === undefined) return WasmResult.BadArgument;
    map[how](key, value);
    return WasmResult.Ok;
  }

  return {
    proxy_add_header_map_value(type: number, kp: number, ks: number, vp: number, vs: number) {
      return change(type, [kp, ks, vp, vs], "add");
    },

    proxy_replace_header_map_value(type: number, kp: number, ks: number, vp: number, vs: number) {
      return change(type, [kp, ks, vp, vs], "replace");
    },

    proxy_remove_header_map_value(type: number, keyPtr: number, keySize: number): WasmResult {
      if (type >>> 0 > LAST_TYPE) return WasmResult.BadArgument;
      const key = vm.readText(keyPtr, keySize);
      if (key === undefined) return WasmResult.InvalidMemoryAccess;
      const map = scope.context().writableMap(type);
      if (map === undefined) return WasmResult.BadArgument;
      map.remove(key);
      return WasmResult.Ok;
    },

    proxy_set_header_map_pairs(type: number, ptr: number, size: number): WasmResult {
      if (type >>> 0 > LAST_TYPE) return WasmResult.BadArgument;
      const pairs = vm.read(ptr, size);
      if (pairs === undefined) return WasmResult.InvalidMemoryAccess;
      const map = scope.context().writableMap(type);
      if (map === undefined) return WasmResult.BadArgument;
      map.setAll(decodePairs(pairs));
      return WasmResult.Ok;
    },
  };
}
