// proxy_get_property, proxy_set_property.

import { WasmResult } from "../abi-values.js";
import {
  findProperty,
  parsePropertyPath,
  propertyError,
  serializeProperty,
} from "../property-tree.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

export function propertyHostcalls(scope: HostcallScope): HostcallTable {
  const { vm } = scope;
  return {
    proxy_get_property(ptr: number, size: number, ptrPtr: number, sizePtr: number): WasmResult {
      const path = vm.readText(ptr, size);
      if (path === undefined) return WasmResult.InvalidMemoryAccess;
      const names = parsePropertyPath(path);
      const value =
        names.length === 0 ? undefined : findProperty(scope.context().properties(), names);
      if (value === undefined) return propertyError(names);
      return vm.give(serializeProperty(value), ptrPtr, sizePtr);
    },

    proxy_set_property(
      keyPtr: number,
      keySize: number,
      valuePtr: number,
      valueSize: number,
    ): WasmResult {
      const key = vm.readText(keyPtr, keySize);
      const value = vm.read(valuePtr, valueSize);
      if (key === undefined || value === undefined) return WasmResult.InvalidMemoryAccess;
      return scope.context().setProperty(key, value) ? WasmResult.Ok : WasmResult.NotFound;
    },
  };
}
