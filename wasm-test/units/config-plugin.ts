// AssemblyScript: the plugin configuration's decoder as flat wasm exports.

import { Faults } from "../../assembly/switchboard/config/faults";
import {
  decodePluginConfiguration,
  PluginConfiguration,
} from "../../assembly/switchboard/config/plugin-configuration";
import { keepFaults } from "./fault-text";
import { codec } from "./route-fake-codec";

export * from "./route-table-access";

let decoded: PluginConfiguration | null = null;

/** A number of ConnectionMode. */
export function setCodecMode(mode: i32): void {
  codec.defaultMode = mode;
}

/** Whether the configuration is sound; if not, `faultsPtr` and `faultsLen` tell why. */
export function decode(ptr: usize, len: u32): bool {
  const faults = new Faults();
  decoded = decodePluginConfiguration(ptr, len, codec, faults);
  keepFaults(faults);
  if ((decoded == null) != faults.count > 0) abort("a configuration and faults, or neither");
  return decoded != null;
}

/** Gives the tables of the decoded configuration back. */
export function drop(): void {
  const tables = decoded!.routeTables;
  for (let i = 0; i < tables.length; i++) tables[i].release();
  decoded = null;
}

/** 0: dial cluster, 1: discovery cluster, 2: default route configuration. */
export function nameLen(which: u32): u32 {
  return name(which).byteLength;
}

export function namePtr(which: u32): usize {
  return changetype<usize>(name(which));
}

/** In the order of NUMBERS in config-plugin.test.ts. */
export function number(which: u32): u32 {
  const it = decoded!;
  const limits = it.limits;
  switch (which) {
    case 0:
      return it.connectionMode;
    case 1:
      return it.defaultTimeoutMs;
    case 2:
      return it.initialFetchTimeoutMs;
    case 3:
      return it.connectTimeoutMs;
    case 4:
      return it.upstreamHeartbeatMs;
    case 5:
      return it.upstreamIdleTimeoutMs;
    case 14:
      return it.frameTimeoutMs;
    case 6:
      return limits.maxFrameBytes;
    case 7:
      return limits.maxRequestsPerDownstreamConnection;
    case 8:
      return limits.maxRequestsPerUpstreamConnection;
    case 9:
      return limits.maxRequests;
    case 10:
      return limits.maxPendingRequests;
    case 11:
      return limits.maxConnections;
    case 12:
      return limits.maxBufferedBytes;
    default:
      return limits.maxRequestsAwaitingRoutes;
  }
}

export function tableCount(): u32 {
  return decoded!.routeTables.length;
}

export function table(index: u32): usize {
  return changetype<usize>(decoded!.routeTables[index]);
}

function name(which: u32): ArrayBuffer {
  const it = decoded!;
  if (which == 0) return it.dialCluster;
  return which == 1 ? it.discoveryCluster : it.defaultRouteConfiguration;
}
