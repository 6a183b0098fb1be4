// AssemblyScript: the route subscription as flat wasm exports. What it sends out is kept as a list of
// events for the test to read: kind, and an address and a length that depend on the kind.

import {
  DiscoveryTransport,
  RouteSubscription,
} from "../../assembly/switchboard/config/discovery-transport";
import { RouteDiscovery } from "../../assembly/switchboard/config/rds-subscription";
import { ByteBuffer } from "../../assembly/switchboard/config/byte-buffer";
import { Faults } from "../../assembly/switchboard/config/faults";
import { HashIndex } from "../../assembly/switchboard/config/hash-index";
import { RouteTableBuilder } from "../../assembly/switchboard/config/route-builder";
import { decodeRouteConfiguration } from "../../assembly/switchboard/config/route-configuration-pb";
import { codec } from "./route-fake-codec";

export * from "./route-table-access";

/** In the order of EVENTS in config-rds.test.ts. */
enum Event {
  Open = 0,
  Close = 1,
  Send = 2,
  Table = 3,
  Missing = 4,
  Rejected = 5,
}

class EventRecord {
  constructor(
    readonly kind: Event,
    readonly bytes: ArrayBuffer,
  ) {}
}

let events: Array<EventRecord> = new Array<EventRecord>();
let canOpen: bool = true;
let closesWhileOpening: bool = false;
let nextRandom: u32 = 0;
let now: u64 = 0;
let isBusy: bool = false;

class RecordingTransport extends DiscoveryTransport {
  openStream(): bool {
    record(Event.Open, 0, 0);
    if (closesWhileOpening) discovery.onStreamClosed(now);
    return canOpen;
  }

  closeStream(): void {
    record(Event.Close, 0, 0);
  }

  send(ptr: usize, len: u32): void {
    record(Event.Send, ptr, len);
  }

  onTable(subscription: RouteSubscription): void {
    recordName(Event.Table, subscription);
  }

  onMissing(subscription: RouteSubscription): void {
    recordName(Event.Missing, subscription);
  }

  share(name: ArrayBuffer, ptr: usize, len: u32): void {
    shared.set(String.UTF8.decode(name), copyOf(ptr, len));
  }

  recall(name: ArrayBuffer): bool {
    const key = String.UTF8.decode(name);
    if (!shared.has(key)) return false;
    recalled = shared.get(key);
    return true;
  }

  get recalledPtr(): usize {
    return changetype<usize>(recalled);
  }

  get recalledLen(): u32 {
    return recalled.byteLength;
  }

  onRejected(ptr: usize, len: u32): void {
    record(Event.Rejected, ptr, len);
  }

  random(): u32 {
    return nextRandom;
  }

  onBusy(value: bool): void {
    isBusy = value;
  }
}

/** What the workers share: it outlives `restart`, which stands for another worker. */
let shared = new Map<string, ArrayBuffer>();
let recalled: ArrayBuffer = new ArrayBuffer(0);
const transport = new RecordingTransport();
let discovery: RouteDiscovery = new RouteDiscovery(codec, transport);
let subscriptions: Array<RouteSubscription> = new Array<RouteSubscription>();

function record(kind: Event, ptr: usize, len: u32): void {
  events.push(new EventRecord(kind, copyOf(ptr, len)));
}

function copyOf(ptr: usize, len: u32): ArrayBuffer {
  const copy = new ArrayBuffer(len);
  memory.copy(changetype<usize>(copy), ptr, len);
  return copy;
}

function recordName(kind: Event, subscription: RouteSubscription): void {
  const name = subscription.name;
  record(kind, changetype<usize>(name), name.byteLength);
}

/** Frees what the collector does not see: the product has one discovery, which it never gives up. */
function giveUp(discovery: RouteDiscovery): void {
  const address = changetype<usize>(discovery);
  load<HashIndex>(address, offsetof<RouteDiscovery>("byName")).free();
  load<ByteBuffer>(address, offsetof<RouteDiscovery>("out")).free();
}

/** Begins anew; tables of the one before are given up. */
export function restart(isEnabled: bool, initialFetchTimeoutMs: u32): void {
  for (let i = 0; i < subscriptions.length; i++) {
    const table = subscriptions[i].table;
    if (table !== null) table.release();
  }
  events = new Array<EventRecord>();
  subscriptions = new Array<RouteSubscription>();
  canOpen = true;
  closesWhileOpening = false;
  nextRandom = 0;
  giveUp(discovery);
  discovery = new RouteDiscovery(codec, transport);
  discovery.enabled = isEnabled;
  discovery.initialFetchTimeoutMs = initialFetchTimeoutMs;
  discovery.nodeId = String.UTF8.encode("sidecar~10.0.0.1~pod.ns~ns");
  discovery.nodeCluster = String.UTF8.encode("pod.ns");
}

/** What is shared is lost. */
export function forgetShared(): void {
  shared = new Map<string, ArrayBuffer>();
}

export function share(namePtr: usize, nameLen: u32, ptr: usize, len: u32): void {
  shared.set(String.UTF8.decodeUnsafe(namePtr, nameLen), copyOf(ptr, len));
}

export function setOpening(isPossible: bool, isClosedAtOnce: bool): void {
  canOpen = isPossible;
  closesWhileOpening = isClosedAtOnce;
}

export function setRandom(random: u32): void {
  nextRandom = random;
}

export function setNow(nowMs: u64): void {
  now = nowMs;
}

/** The number of the subscription among those of the test. */
export function subscribe(namePtr: usize, nameLen: u32): u32 {
  const subscription = discovery.subscribe(namePtr, nameLen, now);
  for (let i = 0; i < subscriptions.length; i++) {
    if (subscriptions[i] === subscription) return i;
  }
  subscriptions.push(subscription);
  return subscriptions.length - 1;
}

/** Builds a table as the plugin's configuration does; its reference is the caller's. */
export function preset(ptr: usize, len: u32): usize {
  const faults = new Faults();
  const builder = new RouteTableBuilder(faults, codec);
  decodeRouteConfiguration(ptr, len, builder, faults);
  const table = builder.build(codec);
  if (table !== null) discovery.preset(table);
  return changetype<usize>(table);
}

export function receive(ptr: usize, len: u32): void {
  discovery.onMessage(ptr, len, now);
}

/** As `receive`, to be applied in slices. */
export function receiveLarge(ptr: usize, len: u32): void {
  const block = heap.alloc(len);
  memory.copy(block, ptr, len);
  discovery.onLargeMessage(block, len, now);
}

export function advance(): void {
  discovery.advance();
}

/** Whether there is work for `advance`. */
export function busy(): bool {
  return isBusy;
}

export function closed(): void {
  discovery.onStreamClosed(now);
}

export function tick(): void {
  discovery.onTick(now);
}

export function tableOf(subscription: u32): usize {
  return changetype<usize>(subscriptions[subscription].table);
}

export function isMissing(subscription: u32): bool {
  return subscriptions[subscription].isMissing;
}

export function eventCount(): u32 {
  return events.length;
}

export function eventKind(index: u32): u32 {
  return events[index].kind;
}

export function eventPtr(index: u32): usize {
  return changetype<usize>(events[index].bytes);
}

export function eventLen(index: u32): u32 {
  return events[index].bytes.byteLength;
}

export function clearEvents(): void {
  events = new Array<EventRecord>();
}
