// The configuration of a module, decoded from the JSON mapping of metaproto.v1.PluginConfiguration.
// Source: proto/metaproto/v1/plugin.proto
// Allocates: cold path only.

import { Codec, ConnectionMode } from "../../codec/codec";
import { RouteTable } from "../route/table";
import { Faults } from "./faults";

/** Bounds per worker thread, with the defaults applied. */
export class Limits {
  maxFrameBytes: u32 = 16 << 20;
  maxRequestsPerDownstreamConnection: u32 = 1024;
  /** 1 with ConnectionMode.Exclusive. */
  maxRequestsPerUpstreamConnection: u32 = 1024;
  maxRequests: u32 = 16384;
  maxPendingRequests: u32 = 4096;
  maxConnections: u32 = 1024;
  maxBufferedBytes: u32 = 256 << 20;
  maxRequestsAwaitingRoutes: u32 = 4096;
}

/** With the defaults applied; durations in milliseconds. Strings are UTF-8 in `ArrayBuffer`s. */
export class PluginConfiguration {
  dialCluster: ArrayBuffer = new ArrayBuffer(0);
  /** Empty: no control plane. */
  discoveryCluster: ArrayBuffer = new ArrayBuffer(0);
  /** One reference each, which belongs to this object until it is taken over. */
  routeTables: StaticArray<RouteTable> = new StaticArray<RouteTable>(0);
  /** Name of the route configuration of listeners that name none. Empty: they have no routes. */
  defaultRouteConfiguration: ArrayBuffer = new ArrayBuffer(0);
  /** CODEC_DEFAULT is resolved. */
  connectionMode: ConnectionMode = ConnectionMode.Shared;
  limits: Limits = new Limits();
  /** For routes without a timeout of their own. 0: none. */
  defaultTimeoutMs: u32 = 15000;
  initialFetchTimeoutMs: u32 = 5000;
  connectTimeoutMs: u32 = 10000;
  /** 0: never. */
  upstreamHeartbeatMs: u32 = 30000;
  upstreamIdleTimeoutMs: u32 = 60000;
}

/**
 * Decodes `len` bytes of JSON at `ptr`. Returns null, with at least one fault, when anything is
 * wrong with it; no table is left behind then.
 */
export function decodePluginConfiguration(
  ptr: usize,
  len: u32,
  codec: Codec,
  faults: Faults,
): PluginConfiguration | null {
  return null;
}
