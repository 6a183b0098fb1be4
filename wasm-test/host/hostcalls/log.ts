// proxy_log, proxy_get_log_level, proxy_get_current_time_nanoseconds, proxy_set_tick_period_milliseconds.

import { LogLevel, WasmResult } from "../abi-values.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

export interface LogEntry {
  readonly level: number;
  readonly message: string;
  readonly contextId: number;
}

export interface LogAndClock {
  readonly logLevel: number;
  nowNs(): bigint;
  log(entry: LogEntry): void;
  setTickPeriod(rootId: number, periodMs: number): void;
}

export function logAndClockHostcalls(scope: HostcallScope, host: LogAndClock): HostcallTable {
  const { vm } = scope;
  return {
    proxy_log(level: number, ptr: number, size: number): WasmResult {
      if (level >>> 0 > LogLevel.Critical) return WasmResult.BadArgument;
      const message = vm.readText(ptr, size);
      if (message === undefined) return WasmResult.InvalidMemoryAccess;
      host.log({ level, message, contextId: scope.context().id });
      return WasmResult.Ok;
    },

    proxy_get_log_level(resultPtr: number): WasmResult {
      return vm.memory.setU32(resultPtr, host.logLevel)
        ? WasmResult.Ok
        : WasmResult.InvalidMemoryAccess;
    },

    proxy_get_current_time_nanoseconds(resultPtr: number): WasmResult {
      return vm.memory.setU64(resultPtr, host.nowNs())
        ? WasmResult.Ok
        : WasmResult.InvalidMemoryAccess;
    },

    proxy_set_tick_period_milliseconds(periodMs: number): WasmResult {
      host.setTickPeriod(scope.context().rootId, periodMs >>> 0);
      return WasmResult.Ok;
    },
  };
}
