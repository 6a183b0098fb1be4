// Subscribes to route configurations over one discovery stream (state of the world, ADS).
//
// Knows no host call: bytes, time and randomness come in, and a DiscoveryTransport takes what goes
// out.
// Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol
// Allocates: cold path only.

import { Codec } from "../../codec/codec";
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
  /** `subscription.table` is another one, or the first; requests that wait for it can go on. */
  abstract onTable(subscription: RouteSubscription): void;
  /** The initial fetch timeout passed without a table; called once, a table may still come. */
  abstract onMissing(subscription: RouteSubscription): void;
  /** Something was refused, for the log. The bytes are borrowed until it returns. */
  abstract onRejected(ptr: usize, len: u32): void;
  abstract random(): u32;
}

/** One name; lives as long as its RouteDiscovery. */
export class RouteSubscription {
  name: ArrayBuffer;
  /** The table in force: the last good one. It is referenced here; a call takes its own reference. */
  table: RouteTable | null = null;
  /** The initial fetch timeout passed without a table. */
  isMissing: bool = false;

  constructor(name: ArrayBuffer) {
    this.name = name;
  }
}

export class RouteDiscovery {
  private codec: Codec;
  private transport: DiscoveryTransport;

  constructor(codec: Codec, transport: DiscoveryTransport) {
    this.codec = codec;
    this.transport = transport;
  }

  /** False: tables are only what `preset` gave; nothing is ever sent. */
  enabled: bool = false;
  initialFetchTimeoutMs: u32 = 5000;
  nodeId: ArrayBuffer = new ArrayBuffer(0);
  nodeCluster: ArrayBuffer = new ArrayBuffer(0);

  /** Takes over a reference to a table of the plugin's configuration, in force until the control plane sends one of its name. */
  preset(table: RouteTable): void {}

  /** The subscription to this name; the first call asks the control plane for it. Bytes are copied. */
  subscribe(namePtr: usize, nameLen: u32, nowMs: u64): RouteSubscription {
    return new RouteSubscription(new ArrayBuffer(0));
  }

  /** One message of the stream; the bytes are borrowed until this returns. */
  onMessage(ptr: usize, len: u32, nowMs: u64): void {}

  onStreamClosed(nowMs: u64): void {}

  /** To be called about every 100 ms: reconnects, and tells of what is missing. */
  onTick(nowMs: u64): void {}
}
