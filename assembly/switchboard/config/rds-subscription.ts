// Subscribes to route configurations over one discovery stream (state of the world, ADS).
//
// Knows no host call: bytes, time and randomness come in, and a DiscoveryTransport takes what goes
// out.
//
//   Idle -- first name, announce --> Open ---- stream lost, or opening failed ----> Waiting
//                                   ^                                                |
//                                   '------------- the back-off has passed ----------'
//
// Of a response that holds faulty resources, the sound ones are applied all the same, and it is
// NACKed with the list of all faults: one broken route configuration does not hold up the others. The
// version that is reported stays that of the last response without fault. What is in force stays so
// when the stream is lost, when its successor is faulty, and when a response no longer names it: in
// this variant of xDS, absence means removal for listeners and clusters only.
//
// A large response is taken over and made into tables in slices, one for each tick: nobody waits for
// it, since the tables in force stay so until their successors are whole.
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
import { DiscoveryTransport, RouteSubscription } from "./discovery-transport";
import { Faults, quoted } from "./faults";
import { HashIndex } from "./hash-index";
import { ReconnectBackoff } from "./reconnect-backoff";
import { findRouteConfigurationName } from "./route-configuration-pb";
import { TableLoader } from "./table-loader";
import { WHOLE, WorkBudget } from "./work-budget";
import { copyBytes } from "../../wire/owned-bytes";

const nothing = new ArrayBuffer(0);
const typeUrl = String.UTF8.encode("type.googleapis.com/metaproto.v1.RouteConfiguration");

/** Longer messages are to be applied in slices: shorter ones take less than a millisecond. */
export const LARGE_MESSAGE_BYTES: u32 = 32 << 10;

/** What one slice does: less than a millisecond's work (wasm-test/switchboard/route-cost.test.ts). */
const SLICE_UNITS: u32 = 4096;

enum StreamState {
  /** Nothing to subscribe to. */
  Idle = 0,
  Open = 1,
  /** For the back-off to pass. */
  Waiting = 2,
}

export class RouteDiscovery {
  /** False: tables are only what `preset` gave; nothing is ever sent. */
  enabled: bool = false;
  initialFetchTimeoutMs: u32 = 5000;
  nodeId: ArrayBuffer = new ArrayBuffer(0);
  nodeCluster: ArrayBuffer = new ArrayBuffer(0);
  agentVersion: ArrayBuffer = new ArrayBuffer(0);
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
  // The response under way: `response` refers to its bytes.
  private isApplying: bool = false;
  /** What is to be freed when it is done, or 0. */
  private block: usize = 0;
  private nextResource: u32 = 0;
  private loader: TableLoader | null = null;
  /** What the loader's table is for. */
  private loading: RouteSubscription | null = null;
  private faults: Faults = new Faults();
  /** The stream that it came over is gone: nobody waits for the answer. */
  private isUnanswerable: bool = false;
  private readonly budget: WorkBudget = new WorkBudget(0);

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

  /** Opens the stream, though nothing is subscribed to yet. */
  announce(nowMs: u64): void {
    if (this.enabled && this.state == StreamState.Idle) this.open(nowMs);
  }

  /** One message of the stream, applied at once; the bytes are borrowed until this returns. */
  onMessage(ptr: usize, len: u32, nowMs: u64): void {
    if (this.begin(ptr, len, 0, nowMs)) this.apply(WHOLE);
  }

  /**
   * One message of the stream, which `advance` applies. The bytes are a block of the heap, which is this
   * object's from now on.
   */
  onLargeMessage(block: usize, len: u32, nowMs: u64): void {
    if (!this.begin(block, len, block, nowMs)) return;
    this.transport.onBusy(true);
  }

  /** To be called at each tick while the transport has been told of work: does a slice of it. */
  advance(): void {
    if (this.isApplying) this.apply(SLICE_UNITS);
  }

  private begin(ptr: usize, len: u32, block: usize, nowMs: u64): bool {
    // A control plane awaits the answer. One that does not gets what it asks for: all at once.
    if (this.isApplying) this.apply(WHOLE);
    const isExpected = this.state == StreamState.Open && !this.isOpening;
    if (isExpected && this.decodeResponse(ptr, len, nowMs)) {
      this.isApplying = true;
      this.isUnanswerable = false;
      this.block = block;
      this.nextResource = 0;
      this.faults = new Faults();
      return true;
    }
    if (block != 0) heap.free(block);
    return false;
  }

  /** False when the response is not one, or not about routes. */
  private decodeResponse(ptr: usize, len: u32, nowMs: u64): bool {
    const response = this.response;
    if (!response.decode(ptr, len)) {
      const faults = new Faults();
      faults.add("DiscoveryResponse: " + response.fault);
      this.report(faults);
      response.free();
      this.transport.closeStream();
      this.wait(nowMs);
      return false;
    }
    this.backoff.reset();
    if (isText(response.typeUrlPtr, response.typeUrlLen, typeUrl)) return true;
    response.free();
    return false;
  }

  /** Goes on with the response under way; at its end it is answered. */
  private apply(units: u32): void {
    this.budget.refill(units);
    while (true) {
      const loader = this.loader;
      if (loader !== null) {
        if (!loader.advance(this.budget)) return;
        this.loader = null;
        this.install(loader);
      } else if (this.nextResource < this.response.resourceCount) {
        const index = this.nextResource++;
        this.beginResource(index, this.response.resource(index));
      } else {
        break;
      }
    }
    this.isApplying = false;
    if (this.isUnanswerable) this.report(this.faults);
    else this.answer(this.faults);
    this.response.free();
    if (this.block == 0) return;
    heap.free(this.block);
    this.block = 0;
    this.transport.onBusy(false);
  }

  onStreamClosed(nowMs: u64): void {
    this.isUnanswerable = true;
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
    this.request.agentVersion = this.agentVersion;
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
    request.nonce = copyBytes(this.response.noncePtr, this.response.nonceLen);
    if (faults.count == 0) {
      request.version = copyBytes(this.response.versionPtr, this.response.versionLen);
    } else {
      request.fault = this.report(faults);
    }
    this.sendRequest();
    request.fault = nothing;
  }

  private report(faults: Faults): ArrayBuffer {
    if (faults.count == 0) return nothing;
    const text = String.UTF8.encode(faults.text());
    this.transport.onRejected(changetype<usize>(text), text.byteLength);
    return text;
  }

  /** Sets `loader` when there is something to load. */
  private beginResource(index: u32, resource: ResourceSlice): void {
    const reader = this.reader;
    const faults = this.faults;
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
    this.loading = subscription;
    this.loader = new TableLoader(ptr, len, content, this.codec, faults);
  }

  /** Puts what was loaded in force, unless it has faults. */
  private install(loader: TableLoader): void {
    const subscription = this.loading;
    const table = loader.takeTable();
    if (subscription === null || table === null) return;
    const before = subscription.table;
    putInForce(subscription, table, loader);
    this.transport.share(subscription.name, loader.ptr, loader.len);
    this.transport.onTable(subscription);
    if (before !== null) before.release();
  }

  /** Takes what another worker was sent, until the control plane answers this one. */
  private recall(subscription: RouteSubscription): void {
    const transport = this.transport;
    if (!transport.recall(subscription.name)) return;
    const faults = new Faults();
    const ptr = transport.recalledPtr;
    const len = transport.recalledLen;
    const loader = new TableLoader(ptr, len, contentHash(ptr, len), this.codec, faults);
    loader.advance(new WorkBudget(WHOLE));
    const table = loader.takeTable();
    if (table === null) return;
    putInForce(subscription, table, loader);
    transport.onTable(subscription);
  }

  private findOrAdd(namePtr: usize, nameLen: u32): RouteSubscription {
    const found = this.find(namePtr, nameLen);
    if (found != 0) return this.subscriptions[found - 1];
    const subscription = new RouteSubscription(copyBytes(namePtr, nameLen));
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

/** The reference to the table before is the caller's. */
function putInForce(subscription: RouteSubscription, table: RouteTable, loader: TableLoader): void {
  subscription.table = table;
  subscription.contentLen = loader.len;
  subscription.content = loader.content;
  subscription.isMissing = false;
}

function isText(ptr: usize, len: u32, text: ArrayBuffer): bool {
  return len == <u32>text.byteLength && equalBytes(ptr, changetype<usize>(text), len);
}
