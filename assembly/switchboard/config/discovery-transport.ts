// What a RouteDiscovery (rds-subscription.ts) keeps of each name, and what it needs of the engine.
// Allocates: never.

import { RouteTable } from "../route/table";

/**
 * What the engine does for a RouteDiscovery. None of these may call back into it before they
 * return, but for `openStream`, which may.
 */
export abstract class DiscoveryTransport {
  /**
   * Opens a stream of
   * envoy.service.discovery.v3.AggregatedDiscoveryService.StreamAggregatedResources. Returns false
   * when that fails at once; `onStreamClosed` tells of later failures.
   */
  abstract openStream(): bool;
  /** Resets the open stream; `onStreamClosed` need not follow. */
  abstract closeStream(): void;
  /** Sends one DiscoveryRequest; the bytes are borrowed until it returns. */
  abstract send(ptr: usize, len: u32): void;
  /**
   * `subscription.table` is another one, or the first; requests that wait for it can go on. The one
   * before is released when this returns.
   */
  abstract onTable(subscription: RouteSubscription): void;
  /** The initial fetch timeout passed without a table; called once, a table may still come. */
  abstract onMissing(subscription: RouteSubscription): void;
  /**
   * Keeps the resource that a table was built from where the other workers find it: one that first
   * needs it may do so while there is no control plane. The bytes are borrowed until it returns.
   */
  abstract share(name: ArrayBuffer, ptr: usize, len: u32): void;
  /** Where a resource that was shared is, until the next host call. False: there is none. */
  abstract recall(name: ArrayBuffer): bool;
  abstract get recalledPtr(): usize;
  abstract get recalledLen(): u32;
  /** Something was refused, for the log (UTF-8). The bytes are borrowed until it returns. */
  abstract onRejected(ptr: usize, len: u32): void;
  abstract random(): u32;
  /** There is work for `advance` now, or no more. */
  abstract onBusy(isBusy: bool): void;
}

/** One name; lives as long as its RouteDiscovery. */
export class RouteSubscription {
  readonly name: ArrayBuffer;
  /** The table in force: the last good one. It is referenced here; a call takes its own reference. */
  table: RouteTable | null = null;
  /** The initial fetch timeout passed without a table, or there is no control plane to send one. */
  isMissing: bool = false;
  /** The control plane is asked for it. */
  isRequested: bool = false;
  requestedAtMs: u64 = 0;
  /** Of the resource that `table` was built from; 0 when the plugin's configuration gave it. */
  contentLen: u32 = 0;
  content: u64 = 0;

  constructor(name: ArrayBuffer) {
    this.name = name;
  }
}
