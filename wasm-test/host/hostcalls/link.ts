// All host calls of a VM as import modules.

import type { GrpcCallouts } from "../grpc-callouts.js";
import type { VmMetrics } from "../metrics.js";
import type { HostImports } from "../vm.js";
import type { WasmResult } from "../abi-values.js";
import { bufferHostcalls } from "./buffers.js";
import { grpcHostcalls, httpCallHostcalls, type HttpCallStarter } from "./callouts.js";
import { foreignHostcalls, type ForeignFunction } from "./foreign.js";
import { headerHostcalls } from "./headers.js";
import { logAndClockHostcalls } from "./log.js";
import { metricHostcalls } from "./metrics.js";
import { propertyHostcalls } from "./properties.js";
import type { HostcallScope } from "./scope.js";
import { sharedDataHostcalls, sharedQueueHostcalls, type SharedState } from "./shared.js";
import { streamHostcalls } from "./streams.js";
import { wasiHostcalls, type WasiHost } from "./wasi.js";

export interface HostcallServices {
  readonly wasi: WasiHost;
  readonly shared: SharedState;
  readonly metrics: VmMetrics;
  readonly grpc: GrpcCallouts;
  readonly startHttpCall: HttpCallStarter;
  readonly foreignFunctions: Readonly<Record<string, ForeignFunction>>;
  readonly done: (rootId: number) => WasmResult;
}

export function linkHostcalls(scope: HostcallScope, services: HostcallServices): HostImports {
  const wasi = wasiHostcalls(scope, services.wasi);
  return {
    env: {
      ...logAndClockHostcalls(scope, services.wasi),
      ...bufferHostcalls(scope),
      ...headerHostcalls(scope),
      ...propertyHostcalls(scope),
      ...sharedDataHostcalls(scope, services.shared),
      ...sharedQueueHostcalls(scope, services.shared),
      ...metricHostcalls(scope, services.metrics),
      ...streamHostcalls(scope, services.done),
      ...foreignHostcalls(scope, services.foreignFunctions),
      ...httpCallHostcalls(scope, services.startHttpCall),
      ...grpcHostcalls(scope, services.grpc),
      emscripten_notify_memory_growth: () => undefined,
    },
    wasi_snapshot_preview1: wasi,
    wasi_unstable: wasi,
  };
}
