// proxy_http_call and the gRPC calls. All act for the root context, whatever context is effective.

import { fromBinary } from "@bufbuild/protobuf";

import { GrpcServiceSchema } from "../../../controlplane/gen/envoy/config/core/v3/grpc_service_pb.js";
import { WasmResult } from "../abi-values.js";
import type { GrpcCallouts } from "../grpc-callouts.js";
import type { HttpRequest } from "../http-callouts.js";
import { decodePairs, HeaderMap } from "../pairs.js";
import type { RootContext } from "../root-context.js";
import type { HostcallTable } from "../vm.js";
import type { HostcallScope } from "./scope.js";

export type HttpCallStarter = (
  root: RootContext,
  request: HttpRequest,
) => { token: number } | WasmResult;

export function httpCallHostcalls(scope: HostcallScope, start: HttpCallStarter): HostcallTable {
  const { vm } = scope;
  return {
    proxy_http_call(...args: number[]): WasmResult {
      // Pairs of address and length: cluster, headers, body, trailers.
      const [uri, headers, body, trailers] = [0, 2, 4, 6].map((at) =>
        vm.read(args[at] ?? 0, args[at + 1] ?? 0),
      );
      const [timeoutMs = 0, tokenPtr = 0] = args.slice(8);
      if (!uri || !body || !headers || !trailers) return WasmResult.InvalidMemoryAccess;
      if (!vm.memory.setU32(tokenPtr, 0)) return WasmResult.InvalidMemoryAccess;
      if (timeoutMs < 0) return WasmResult.BadArgument;
      const cluster = Buffer.from(uri).toString();
      const started = start(scope.root(), {
        cluster,
        headers: new HeaderMap(decodePairs(headers)),
        body: body.slice(),
        trailers: decodePairs(trailers),
        timeoutMs,
      });
      if (typeof started === "number") return started;
      vm.memory.setU32(tokenPtr, started.token);
      return WasmResult.Ok;
    },
  };
}

export function grpcHostcalls(scope: HostcallScope, grpc: GrpcCallouts): HostcallTable {
  const { vm } = scope;

  /** The arguments that grpc_call and grpc_stream share: cluster, service, method, initial metadata. */
  function target(args: readonly number[]) {
    const grpcService = vm.read(args[0] ?? 0, args[1] ?? 0);
    const cluster = grpcService && clusterOf(grpcService);
    const service = vm.readText(args[2] ?? 0, args[3] ?? 0);
    const method = vm.readText(args[4] ?? 0, args[5] ?? 0);
    const metadata = vm.read(args[6] ?? 0, args[7] ?? 0);
    if (cluster === undefined || service === undefined || method === undefined || !metadata) {
      return undefined;
    }
    return { cluster, service, method, metadata: decodePairs(metadata) };
  }

  function report(started: number | { token: number }, tokenPtr: number): number {
    if (typeof started === "number") return started;
    return vm.memory.setU32(tokenPtr, started.token)
      ? WasmResult.Ok
      : WasmResult.InvalidMemoryAccess;
  }

  return {
    proxy_grpc_call(...args: number[]): number {
      const to = target(args);
      const message = vm.read(args[8] ?? 0, args[9] ?? 0);
      if (to === undefined || message === undefined) return WasmResult.InvalidMemoryAccess;
      const timeoutMs = (args[10] ?? 0) >>> 0;
      return report(grpc.call(scope.root(), to, message.slice(), timeoutMs), args[11] ?? 0);
    },

    proxy_grpc_stream(...args: number[]): number {
      const to = target(args);
      if (to === undefined) return WasmResult.InvalidMemoryAccess;
      return report(grpc.open(scope.root(), to), args[8] ?? 0);
    },

    proxy_grpc_send(token: number, ptr: number, size: number, endStream: number): WasmResult {
      const message = vm.read(ptr, size);
      if (message === undefined) return WasmResult.InvalidMemoryAccess;
      return grpc.send(token >>> 0, message.slice(), endStream !== 0);
    },

    proxy_grpc_close(token: number): WasmResult {
      return grpc.close(token >>> 0);
    },

    proxy_grpc_cancel(token: number): WasmResult {
      return grpc.cancel(token >>> 0);
    },
  };
}

/** The argument is a GrpcService; what does not parse as one is the name of a cluster. */
function clusterOf(grpcService: Uint8Array): string {
  try {
    const { targetSpecifier } = fromBinary(GrpcServiceSchema, grpcService);
    return targetSpecifier.case === "envoyGrpc" ? targetSpecifier.value.clusterName : "";
  } catch {
    return Buffer.from(grpcService).toString();
  }
}
