// Subscribes to route configurations over one discovery stream (state of the world, ADS).
//
// Knows no host call: bytes, time and randomness come in, and a DiscoveryTransport takes what goes
// out.
//
//   Idle ----- first name ------> Open ----- stream lost, or opening failed ----> Waiting
//                                   ^                                                |
//                                   '------------- the back-off has passed ----------'
//
// Of a response that holds faulty resources, the sound ones are applied all the same, and it is
// NACKed with the list of all faults: one broken route configuration does not hold up the others. The
// version that is reported stays that of the last response without fault. What is in force stays so
// when the stream is lost, when its successor is faulty, and when a response no longer names it: in
// this variant of xDS, absence means removal for listeners and clusters only.
//
// Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol
// Allocates: cold path only.

import { Codec } from "../../codec/codec";
import { equalBytes, hashBytes } from "../../wire/bytes";
import { ProtobufReader } from "../../wire/protobuf";
import { RouteTable } from "../route/table";
import { ByteBuffer } from "./byte-buffer";
import { contentHash } from "./content-hash";
import { DiscoveryRequest } from "./discovery-request";
import { DiscoveryResponse, ResourceSlice } from "./discovery-response";
import { Faults, quoted } from "./faults";
import { HashIndex } from "./hash-index";
import { ReconnectBackoff } from "./reconnect-backoff";
import { RouteTableBuilder } from "./route-builder";
import { decodeRouteConfiguration, findRouteConfigurationName } from "./route-configuration-pb";

const nothing = new ArrayBuffer(0);
const typeUrl = String.UTF8.encode("type.googleapis.com/metaproto.v1.RouteConfiguration");

enum StreamState {
  /** Nothing to subscribe to. */
  Idle = 0,
  Open = 1,
  /** For the back-off to pass. */
  Waiting = 2,
}

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

export class RouteDiscovery {
  /** False: tables are only what `preset` gave; nothing is ever sent. */
  enabled: bool = false;
  initialFetchTimeoutMs: u32 = 5000;
  nodeId: ArrayBuffer = new ArrayBuffer(0);
  nodeCluster: ArrayBuffer = new ArrayBuffer(0);
  private codec: Codec;
  private transport: DiscoveryTransport;
  private readonly subscriptions: Array<RouteSubscription> = new Array<RouteSubscription>();
  /** By name: index + 1 in `subscriptions`. */
  private readonly byName: HashIndex = new HashIndex();
  private state: StreamState = StreamState.Idle;
  private isOpening: bool = false;
  /** While Waiting. */
  private reconnectAtMs: u64 = 0;
  private reconnectDelayMs: u32 = 0;
  private readonly backoff: ReconnectBackoff = new ReconnectBackoff();
  private readonly request: DiscoveryRequest = new DiscoveryRequest();
  private readonly response: DiscoveryResponse = new DiscoveryResponse();
  private readonly reader: ProtobufReader = new ProtobufReader();
  private readonly out: ByteBuffer = new ByteBuffer();

  constructor(codec: Codec, transport: DiscoveryTransport) {
    this.codec = codec;
    this.transport = transport;
    this.request.typeUrl = typeUrl;
  }

  /**
   * A table of the plugin's configuration, in force until the control plane sends one of its name.
   * Takes a reference of its own.
   */
  preset(table: RouteTable): void {
    table.retain();
    const subscription = this.findOrAdd(table.namePtr, table.nameLen);
    const before = subscription.table;
    subscription.table = table;
    subscription.contentLen = 0;
    if (before !== null) before.release();
  }

  /** The subscription to this name; the first call asks the control plane for it. Bytes are copied. */
  subscribe(namePtr: usize, nameLen: u32, nowMs: u64): RouteSubscription {
    const subscription = this.findOrAdd(namePtr, nameLen);
    if (subscription.isRequested) return subscription;
    subscription.isRequested = true;
    subscription.requestedAtMs = nowMs;
    if (!this.enabled) {
      subscription.isMissing = subscription.table === null;
      return subscription;
    }
    if (subscription.table === null) this.recall(subscription);
    this.request.resourceNames.push(subscription.name);
    if (this.state == StreamState.Idle) this.open(nowMs);
    else if (this.state == StreamState.Open && !this.isOpening) this.sendRequest();
    return subscription;
  }

  /** One message of the stream; the bytes are borrowed until this returns. */
  onMessage(ptr: usize, len: u32, nowMs: u64): void {
    if (this.state != StreamState.Open || this.isOpening) return;
    const response = this.response;
    const faults = new Faults();
    if (!response.decode(ptr, len)) {
      faults.add("DiscoveryResponse: " + response.fault);
      this.report(faults);
      response.free();
      this.transport.closeStream();
      this.wait(nowMs);
      return;
    }
    this.backoff.reset();
    if (isText(response.typeUrlPtr, response.typeUrlLen, typeUrl)) {
      for (let i: u32 = 0; i < response.resourceCount; i++) {
        this.applyResource(i, response.resource(i), faults);
      }
      this.answer(faults);
    }
    response.free();
  }

  onStreamClosed(nowMs: u64): void {
    if (this.state == StreamState.Open) this.wait(nowMs);
  }

  /** To be called about every 100 ms: reconnects, and tells of what is missing. */
  onTick(nowMs: u64): void {
    if (!this.enabled) return;
    if (this.state == StreamState.Waiting) {
      // The clock is the wall's: if it was set back, no longer wait than was meant.
      this.reconnectAtMs = min(this.reconnectAtMs, nowMs + this.reconnectDelayMs);
      if (nowMs >= this.reconnectAtMs) this.open(nowMs);
    }
    for (let i = 0; i < this.subscriptions.length; i++) {
      this.checkMissing(unchecked(this.subscriptions[i]), nowMs);
    }
  }

  private checkMissing(subscription: RouteSubscription, nowMs: u64): void {
    if (!subscription.isRequested || subscription.isMissing) return;
    if (subscription.table !== null) return;
    subscription.requestedAtMs = min(subscription.requestedAtMs, nowMs);
    if (nowMs - subscription.requestedAtMs < this.initialFetchTimeoutMs) return;
    subscription.isMissing = true;
    this.transport.onMissing(subscription);
  }

  private open(nowMs: u64): void {
    this.state = StreamState.Open;
    this.isOpening = true;
    const isOpen = this.transport.openStream();
    this.isOpening = false;
    // It may have been closed before the call returned.
    if (this.state != StreamState.Open) return;
    if (!isOpen) {
      this.wait(nowMs);
      return;
    }
    this.request.nonce = nothing;
    this.request.hasNode = true;
    this.request.nodeId = this.nodeId;
    this.request.nodeCluster = this.nodeCluster;
    this.sendRequest();
    this.request.hasNode = false;
  }

  private wait(nowMs: u64): void {
    this.state = StreamState.Waiting;
    this.reconnectDelayMs = this.backoff.next(this.transport.random());
    this.reconnectAtMs = nowMs + this.reconnectDelayMs;
  }

  private sendRequest(): void {
    this.request.encode(this.out);
    this.transport.send(this.out.ptr, this.out.len);
  }

  /** ACK or NACK. */
  private answer(faults: Faults): void {
    const request = this.request;
    request.nonce = copyOf(this.response.noncePtr, this.response.nonceLen);
    if (faults.count == 0) {
      request.version = copyOf(this.response.versionPtr, this.response.versionLen);
    } else {
      request.fault = this.report(faults);
    }
    this.sendRequest();
    request.fault = nothing;
  }

  private report(faults: Faults): ArrayBuffer {
    const text = String.UTF8.encode(faults.text());
    this.transport.onRejected(changetype<usize>(text), text.byteLength);
    return text;
  }

  private applyResource(index: u32, resource: ResourceSlice, faults: Faults): void {
    const reader = this.reader;
    const ptr = resource.valuePtr;
    const len = resource.valueLen;
    faults.subject = "resources[" + index.toString() + "]";
    if (!isText(resource.typeUrlPtr, resource.typeUrlLen, typeUrl)) {
      faults.add("unexpected type " + quoted(resource.typeUrlPtr, resource.typeUrlLen));
      return;
    }
    const isNamed = findRouteConfigurationName(reader, ptr, len);
    if (reader.isMalformed) {
      faults.add("malformed protobuf at offset " + reader.faultOffset.toString());
      return;
    }
    if (!isNamed) {
      faults.addAt("name", "missing");
      return;
    }
    const found = this.find(reader.ptr, reader.len);
    if (found == 0) return;
    const subscription = this.subscriptions[found - 1];
    const content = contentHash(ptr, len);
    if (subscription.contentLen == len && subscription.content == content) return;
    faults.subject = quoted(reader.ptr, reader.len);
    const before = subscription.table;
    if (!this.apply(subscription, ptr, len, faults)) return;
    this.transport.share(subscription.name, ptr, len);
    this.transport.onTable(subscription);
    if (before !== null) before.release();
  }

  /** Builds a table and puts it in force; the reference to the one before is the caller's then. */
  private apply(subscription: RouteSubscription, ptr: usize, len: u32, faults: Faults): bool {
    const builder = new RouteTableBuilder(faults);
    decodeRouteConfiguration(ptr, len, builder, faults);
    const table = builder.build(this.codec);
    if (table === null) return false;
    subscription.table = table;
    subscription.contentLen = len;
    subscription.content = contentHash(ptr, len);
    subscription.isMissing = false;
    return true;
  }

  /** Takes what another worker was sent, until the control plane answers this one. */
  private recall(subscription: RouteSubscription): void {
    const transport = this.transport;
    if (!transport.recall(subscription.name)) return;
    const faults = new Faults();
    if (!this.apply(subscription, transport.recalledPtr, transport.recalledLen, faults)) return;
    this.transport.onTable(subscription);
  }

  private findOrAdd(namePtr: usize, nameLen: u32): RouteSubscription {
    const found = this.find(namePtr, nameLen);
    if (found != 0) return this.subscriptions[found - 1];
    const subscription = new RouteSubscription(copyOf(namePtr, nameLen));
    this.subscriptions.push(subscription);
    this.byName.insert(hashBytes(namePtr, nameLen), this.subscriptions.length);
    return subscription;
  }

  /** Index + 1 in `subscriptions`, or 0. */
  private find(namePtr: usize, nameLen: u32): u32 {
    const hash = hashBytes(namePtr, nameLen);
    const index = this.byName;
    for (let slot = index.start(hash); index.reference(slot) != 0; slot = index.next(slot)) {
      const reference = index.reference(slot);
      if (isText(namePtr, nameLen, this.subscriptions[reference - 1].name)) return reference;
    }
    return 0;
  }
}

function copyOf(ptr: usize, len: u32): ArrayBuffer {
  const copy = new ArrayBuffer(len);
  memory.copy(changetype<usize>(copy), ptr, len);
  return copy;
}

function isText(ptr: usize, len: u32, text: ArrayBuffer): bool {
  return len == <u32>text.byteLength && equalBytes(ptr, changetype<usize>(text), len);
}
