// proxy_define_metric, proxy_increment_metric, proxy_record_metric, proxy_get_metric.

import { WasmResult } from "../abi-values.js";
import type { VmMetrics } from "../metrics.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

export function metricHostcalls({ vm }: HostcallScope, metrics: VmMetrics): HostcallTable {
  return {
    proxy_define_metric(
      type: number,
      namePtr: number,
      nameSize: number,
      idPtr: number,
    ): WasmResult {
      const name = vm.readText(namePtr, nameSize);
      if (name === undefined) return WasmResult.InvalidMemoryAccess;
      const id = metrics.define(type >>> 0, name);
      if (id === undefined) return WasmResult.BadArgument;
      return vm.memory.setU32(idPtr, id) ? WasmResult.Ok : WasmResult.InvalidMemoryAccess;
    },

    proxy_increment_metric(id: number, offset: bigint): WasmResult {
      return metrics.increment(id >>> 0, offset);
    },

    proxy_record_metric(id: number, value: bigint): WasmResult {
      return metrics.record(id >>> 0, value);
    },

    proxy_get_metric(id: number, resultPtr: number): WasmResult {
      const value = metrics.get(id >>> 0);
      if (typeof value === "number") return value;
      return vm.memory.setU64(resultPtr, value) ? WasmResult.Ok : WasmResult.InvalidMemoryAccess;
    },
  };
}
