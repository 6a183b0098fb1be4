// wasi_snapshot_preview1 as the C++ host provides it: stdout and stderr are the log, there are no files.
// Source: proxy-wasm-cpp-host exports.cc.

import { LogLevel } from "../abi-values.js";
import type { HostcallTable } from "../vm.js";
import type { LogAndClock } from "./log.js";
import type { HostcallScope } from "./scope.js";

const Errno = { Success: 0, BadFd: 8, Fault: 21, Invalid: 28, NoEntry: 44, NoSys: 52, NotSup: 58 };
const MAX_RANDOM_BYTES = 64 * 1024;

export interface WasiHost extends LogAndClock {
  /** Numbers in [0, 1): seeded, so that a test repeats. */
  random(): number;
}

export function wasiHostcalls(scope: HostcallScope, host: WasiHost): HostcallTable {
  return { ...outputCalls(scope, host), ...environmentCalls(scope, host), ...absentFiles() };
}

function outputCalls(scope: HostcallScope, host: WasiHost): HostcallTable {
  const { vm } = scope;
  return {
    fd_write(fd: number, iovs: number, count: number, writtenPtr: number): number {
      if (fd !== 1 && fd !== 2) return Errno.BadFd;
      let text = "";
      let written = 0;
      for (let i = 0; i < count; i++) {
        const ptr = vm.memory.getU32(iovs + 8 * i);
        const size = vm.memory.getU32(iovs + 8 * i + 4);
        if (ptr === undefined || size === undefined) return Errno.Fault;
        const part = vm.readText(ptr, size);
        if (part === undefined) return Errno.Fault;
        text += part;
        written += size;
      }
      const level = fd === 1 ? LogLevel.Info : LogLevel.Error;
      const message = text.replace(/\n$/, "");
      if (written > 0) host.log({ level, message, contextId: scope.context().id });
      return vm.memory.setU32(writtenPtr, written) ? Errno.Success : Errno.Fault;
    },

    fd_fdstat_get(fd: number, statPtr: number): number {
      if (fd !== 1 && fd !== 2) return Errno.BadFd;
      const writable = 64n;
      vm.memory.setU64(statPtr, 0n);
      vm.memory.setU64(statPtr + 8, writable);
      vm.memory.setU64(statPtr + 16, 0n);
      return Errno.Success;
    },

    proc_exit(): void {
      host.log({ level: LogLevel.Error, message: "wasi_unstable proc_exit", contextId: 0 });
    },
  };
}

function environmentCalls(scope: HostcallScope, host: WasiHost): HostcallTable {
  const { vm } = scope;

  function twoZeros(countPtr: number, sizePtr: number): number {
    return vm.memory.setU32(countPtr, 0) && vm.memory.setU32(sizePtr, 0)
      ? Errno.Success
      : Errno.Fault;
  }

  return {
    environ_get: () => Errno.Success,
    environ_sizes_get: twoZeros,
    args_get: () => Errno.Success,
    args_sizes_get: twoZeros,

    clock_time_get(clockId: number, _precision: bigint, resultPtr: number): number {
      if (clockId !== 0 && clockId !== 1) return Errno.NotSup;
      return vm.memory.setU64(resultPtr, host.nowNs()) ? Errno.Success : Errno.Fault;
    },

    clock_res_get(_clockId: number, resultPtr: number): number {
      return vm.memory.setU64(resultPtr, 1n) ? Errno.Success : Errno.Fault;
    },

    random_get(ptr: number, size: number): number {
      if (size >>> 0 > MAX_RANDOM_BYTES) return Errno.Invalid;
      const bytes = Uint8Array.from({ length: size }, () => Math.floor(host.random() * 256));
      return vm.memory.write(ptr, bytes) ? Errno.Success : Errno.Fault;
    },

    sched_yield: () => Errno.Success,

    poll_oneoff(_in: number, _out: number, _count: number, eventsPtr: number): number {
      return vm.memory.setU32(eventsPtr, 0) ? Errno.Success : Errno.Fault;
    },
  };
}

function absentFiles(): HostcallTable {
  return {
    fd_read: () => Errno.NoSys,
    fd_seek: () => Errno.Success,
    fd_close: () => Errno.Success,
    fd_fdstat_set_flags: () => Errno.NoSys,
    fd_prestat_get: () => Errno.BadFd,
    fd_prestat_dir_name: () => Errno.NoSys,
    fd_filestat_get: () => Errno.BadFd,
    path_open: () => Errno.NoEntry,
    path_filestat_get: () => Errno.NotSup,
  };
}
