// The calls about the stream of a context: continue, close, reply, effective context, done, status.

import { StreamType, WasmResult } from "../abi-values.js";
import { decodePairs } from "../pairs.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

const encoder = new TextEncoder();

export function streamHostcalls(
  scope: HostcallScope,
  done: (rootId: number) => WasmResult,
): HostcallTable {
  const { vm } = scope;
  return {
    proxy_set_effective_context(id: number): WasmResult {
      if (scope.contextById(id >>> 0) === undefined) return WasmResult.BadArgument;
      vm.effectiveContextId = id >>> 0;
      return WasmResult.Ok;
    },

    proxy_continue_stream(type: number): WasmResult {
      if (type >>> 0 > StreamType.Upstream) return WasmResult.BadArgument;
      return scope.context().continueStream(type);
    },

    proxy_close_stream(type: number): WasmResult {
      if (type >>> 0 > StreamType.Upstream) return WasmResult.BadArgument;
      return scope.context().closeStream(type);
    },

    proxy_done(): WasmResult {
      return done(scope.context().rootId);
    },

    proxy_get_status(codePtr: number, ptrPtr: number, sizePtr: number): WasmResult {
      const { code, message } = scope.root().status;
      if (!vm.memory.setU32(codePtr, code)) return WasmResult.InvalidMemoryAccess;
      return vm.give(encoder.encode(message), ptrPtr, sizePtr);
    },

    ...localResponseHostcall(scope),
  };
}

function localResponseHostcall(scope: HostcallScope): HostcallTable {
  const { vm } = scope;
  return {
    proxy_send_local_response(...args: [number, ...number[]]): WasmResult {
      const [status, detailsPtr = 0, detailsSize = 0, bodyPtr = 0, bodySize = 0] = args;
      const [, , , , , headersPtr = 0, headersSize = 0, grpcStatus = -1] = args;
      const details = vm.readText(detailsPtr, detailsSize);
      const body = vm.read(bodyPtr, bodySize);
      const headers = vm.read(headersPtr, headersSize);
      if (details === undefined || body === undefined || headers === undefined) {
        return WasmResult.InvalidMemoryAccess;
      }
      scope.context().sendLocalResponse({
        status,
        details,
        body: body.slice(),
        headers: decodePairs(headers),
        grpcStatus,
      });
      vm.stopNextIteration = true;
      return WasmResult.Ok;
    },
  };
}
