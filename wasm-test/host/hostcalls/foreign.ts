// proxy_call_foreign_function and Envoy's foreign functions. Source: Envoy foreign.cc.

import { deflateSync, inflateSync } from "node:zlib";

import { WasmResult } from "../abi-values.js";
import type { Context } from "../context.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

/** A foreign function: its result's bytes, or why there is none. */
export type ForeignFunction = (argument: Uint8Array, context: Context) => Uint8Array | WasmResult;

const NOTHING = new Uint8Array(0);
const decoder = new TextDecoder("utf-8", { fatal: true });

const ENVOY_FUNCTIONS: Readonly<Record<string, ForeignFunction>> = {
  set_envoy_filter_state(argument, context) {
    const state = decodeFilterState(argument);
    if (state === undefined) return WasmResult.BadArgument;
    const result = context.setFilterState(state.path, state.value);
    return result === WasmResult.Ok ? NOTHING : result;
  },

  clear_route_cache: () => NOTHING,

  compress: (argument) => deflateSync(argument),

  uncompress(argument) {
    try {
      return inflateSync(argument);
    } catch {
      return WasmResult.SerializationFailure;
    }
  },
};

/** `extra`: functions of the test's own, or replacements of Envoy's. */
export function foreignHostcalls(
  scope: HostcallScope,
  extra: Readonly<Record<string, ForeignFunction>>,
): HostcallTable {
  const { vm } = scope;
  const functions = new Map(Object.entries({ ...ENVOY_FUNCTIONS, ...extra }));

  return {
    proxy_call_foreign_function(...args: number[]): WasmResult {
      const [namePtr = 0, nameSize = 0, argumentPtr = 0, argumentSize = 0] = args;
      const [, , , , resultPtr = 0, resultSizePtr = 0] = args;
      const name = vm.readText(namePtr, nameSize);
      const argument = vm.read(argumentPtr, argumentSize);
      if (name === undefined || argument === undefined) return WasmResult.InvalidMemoryAccess;
      const run = functions.get(name);
      if (run === undefined) return WasmResult.NotFound;
      const outcome = run(argument.slice(), scope.context());
      return giveResult(outcome, resultPtr, resultSizePtr);
    },
  };

  // A null result address means that the module does not want the result; the size may be wanted all the same.
  function giveResult(outcome: Uint8Array | WasmResult, ptrPtr: number, sizePtr: number) {
    const data = typeof outcome === "number" ? NOTHING : outcome;
    let ptr = 0;
    if (ptrPtr !== 0 && data.length > 0) {
      ptr = vm.allocate(data.length);
      if (ptr === 0 || !vm.memory.write(ptr, data)) return WasmResult.InvalidMemoryAccess;
      vm.stats.bytesIn += data.length;
    }
    if (ptrPtr !== 0 && !vm.memory.setU32(ptrPtr, ptr)) return WasmResult.InvalidMemoryAccess;
    if (sizePtr !== 0 && !vm.memory.setU32(sizePtr, data.length)) {
      return WasmResult.InvalidMemoryAccess;
    }
    return typeof outcome === "number" ? outcome : WasmResult.Ok;
  }
}

interface FilterState {
  readonly path: string;
  readonly value: Uint8Array;
}

/** SetEnvoyFilterStateArguments { string path = 1; string value = 2; LifeSpan span = 3; } */
function decodeFilterState(bytes: Uint8Array): FilterState | undefined {
  let path = "";
  let value: Uint8Array = NOTHING;
  let at = 0;
  while (at < bytes.length) {
    const tag = readVarint(bytes, at);
    const number = tag && readVarint(bytes, tag.end);
    if (tag === undefined || number === undefined) return undefined;
    at = number.end;
    if ((tag.value & 7) === 0) continue;
    if ((tag.value & 7) !== 2 || at + number.value > bytes.length) return undefined;
    const field = bytes.subarray(at, at + number.value);
    at += number.value;
    try {
      if (tag.value >>> 3 === 1) path = decoder.decode(field);
    } catch {
      return undefined;
    }
    if (tag.value >>> 3 === 2) value = field;
  }
  return { path, value };
}

function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}
