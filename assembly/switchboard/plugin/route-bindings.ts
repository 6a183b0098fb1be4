// Route configurations in force: from the plugin's configuration, and from the control plane over
// one gRPC stream.
// Allocates: when routes or listeners are first seen or change.
import { Codec } from "../../codec/codec";
import { Random } from "../../containers/random";
import { BufferType, LogLevel, Status } from "../../proxy-wasm-as/abi/enums";
import { getBuffer } from "../../proxy-wasm-as/host/buffers";
import {
  grpcCancel,
  grpcClose,
  grpcSend,
  grpcStream,
  grpcToken,
} from "../../proxy-wasm-as/host/grpc";
import { log, logBytes } from "../../proxy-wasm-as/host/log";
import { getPropertyString, PropertyPath } from "../../proxy-wasm-as/host/properties";
import { getSharedDataAt, setSharedDataAt } from "../../proxy-wasm-as/host/shared-data";
import { setEffectiveContext } from "../../proxy-wasm-as/host/stream";
import { setTickPeriod } from "../../proxy-wasm-as/host/timer";
import { directNextAllocation } from "../../proxy-wasm-as/memory/arena";
import { collectGarbageAfterTick } from "../../proxy-wasm-as/memory/collect";
import { tryHeapAllocate } from "../../proxy-wasm-as/memory/heap-limit";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { equalBytes } from "../../wire/bytes";
import { clock, TICK_MS } from "../clock";
import { PluginConfiguration } from "../config/plugin-configuration";
import { DiscoveryTransport, RouteSubscription } from "../config/discovery-transport";
import { LARGE_MESSAGE_BYTES, RouteDiscovery } from "../config/rds-subscription";
import { RouteBinding } from "../router/route-binding";
import { RouteTable } from "../route/table";
import { Router } from "../router/router";
import { stats } from "../telemetry/stats";
import { Clusters } from "../upstream/clusters";
import { DefaultRouteName } from "./default-route-name";

/** Between slices of a large table: as long as a slice takes at most, so that others get half of the time. */
const BUSY_TICK_MS: u32 = 1;

const nodeId = new PropertyPath(["xds", "node", "id"]);
const nodeCluster = new PropertyPath(["xds", "node", "cluster"]);

export class RouteBindings extends DiscoveryTransport {
  private readonly bindings: Array<RouteBinding> = new Array<RouteBinding>();
  private readonly discovery!: RouteDiscovery;
  /** Those that a table has come for. */
  private readonly discovered: Array<RouteSubscription> = new Array<RouteSubscription>();
  private readonly discoveryCluster: string;
  private readonly defaultName: DefaultRouteName;
  private stream: u32 = 0;
  private isStreamOpen: bool = false;
  private isAnnounced: bool = false;
  /** A route configuration is being read, a slice in each tick. */
  isBusy: bool = false;

  constructor(
    codec: Codec,
    private readonly configuration: PluginConfiguration,
    private readonly clusters: Clusters,
    private readonly router: Router,
    private readonly jitter: Random,
    private readonly pluginContextId: u32,
  ) {
    super();
    this.discoveryCluster = String.UTF8.decode(configuration.discoveryCluster);
    this.defaultName = new DefaultRouteName(configuration.defaultRouteConfiguration);
    const discovery = new RouteDiscovery(codec, this);
    this.discovery = discovery;
    discovery.enabled = this.discoveryCluster.length > 0;
    discovery.initialFetchTimeoutMs = configuration.initialFetchTimeoutMs;
    discovery.nodeId = propertyBytes(nodeId);
    discovery.nodeCluster = propertyBytes(nodeCluster);
    discovery.agentVersion = configuration.dialCluster;
    for (let i = 0; i < configuration.routeTables.length; i++) {
      const table = configuration.routeTables[i];
      clusters.install(table);
      discovery.preset(table);
    }
  }

  /** The binding of this name, or of the default one when it is empty; null: there is none. */
  bind(namePtr: usize, nameLen: u32): RouteBinding | null {
    let ptr = namePtr;
    let len = nameLen;
    if (nameLen == 0) {
      this.defaultName.read();
      ptr = this.defaultName.ptr;
      len = this.defaultName.len;
    }
    if (len == 0) return null;
    for (let i = 0; i < this.bindings.length; i++) {
      const binding = unchecked(this.bindings[i]);
      const name = binding.subscription.name;
      if (<u32>name.byteLength == len && equalBytes(changetype<usize>(name), ptr, len)) {
        return binding;
      }
    }
    const binding = new RouteBinding(this.discovery.subscribe(ptr, len, clock.nowMs));
    this.bindings.push(binding);
    return binding;
  }

  onTick(): void {
    if (!this.isAnnounced) this.announce();
    this.discovery.onTick(clock.nowMs);
  }

  /** Not before a tick: a VM that only tries the configuration out has none. */
  private announce(): void {
    this.isAnnounced = true;
    const version = this.configuration.dialCluster;
    if (!this.configuration.announce) return;
    const ptr = changetype<usize>(version);
    const len = <u32>version.byteLength;
    // One VM of all workers is enough; two that look at once do no harm.
    if (getSharedDataAt(ptr, len) == Status.Ok) return;
    setSharedDataAt(ptr, len, ptr, len, 0);
    this.discovery.announce(clock.nowMs);
  }

  override openStream(): bool {
    setEffectiveContext(this.pluginContextId);
    const status = grpcStream(
      this.discoveryCluster,
      "envoy.service.discovery.v3.AggregatedDiscoveryService",
      "StreamAggregatedResources",
    );
    if (status != Status.Ok) {
      log(LogLevel.Warn, "metaproto: cannot open a discovery stream to " + this.discoveryCluster);
      return false;
    }
    this.stream = grpcToken;
    this.isStreamOpen = true;
    return true;
  }

  override closeStream(): void {
    if (!this.isStreamOpen) return;
    this.isStreamOpen = false;
    setEffectiveContext(this.pluginContextId);
    grpcCancel(this.stream);
  }

  override send(ptr: usize, len: u32): void {
    setEffectiveContext(this.pluginContextId);
    grpcSend(this.stream, ptr, len, false);
  }

  onGrpcReceive(token: u32, size: u32): void {
    if (!this.isStreamOpen || token != this.stream) return;
    if (size >= LARGE_MESSAGE_BYTES && this.receiveLarge(size)) return;
    if (getBuffer(BufferType.GrpcCallMessage, 0, size) != Status.Ok) return;
    this.discovery.onMessage(bytesPtr, bytesLen, clock.nowMs);
  }

  /** Straight into a block that the discovery takes over; false: there is no memory for it. */
  private receiveLarge(size: u32): bool {
    const block = tryHeapAllocate(size);
    if (block == 0) return false;
    directNextAllocation(block, size);
    if (getBuffer(BufferType.GrpcCallMessage, 0, size) != Status.Ok || bytesPtr != block) {
      heap.free(block);
      return false;
    }
    this.discovery.onLargeMessage(block, bytesLen, clock.nowMs);
    return true;
  }

  /** At each tick. */
  advance(): void {
    if (this.isBusy) this.discovery.advance();
  }

  override onBusy(isBusy: bool): void {
    this.isBusy = isBusy;
    setEffectiveContext(this.pluginContextId);
    setTickPeriod(isBusy ? BUSY_TICK_MS : TICK_MS);
  }

  onGrpcClose(token: u32): void {
    if (!this.isStreamOpen || token != this.stream) return;
    this.isStreamOpen = false;
    // The host keeps its half until we close ours.
    grpcClose(token);
    this.discovery.onStreamClosed(clock.nowMs);
  }

  override onTable(subscription: RouteSubscription): void {
    stats.routeTableUpdate++;
    collectGarbageAfterTick();
    if (!this.discovered.includes(subscription)) this.discovered.push(subscription);
    const table = subscription.table;
    if (table !== null) this.clusters.install(table);
    this.markReferencedClusters();
    this.releaseWaiting(subscription);
  }

  override onMissing(subscription: RouteSubscription): void {
    const name = String.UTF8.decode(subscription.name);
    log(LogLevel.Warn, "metaproto: no routes have been received for " + name);
    this.releaseWaiting(subscription);
  }

  override share(name: ArrayBuffer, ptr: usize, len: u32): void {
    setSharedDataAt(changetype<usize>(name), <u32>name.byteLength, ptr, len, 0);
  }

  override recall(name: ArrayBuffer): bool {
    return getSharedDataAt(changetype<usize>(name), <u32>name.byteLength) == Status.Ok;
  }

  override get recalledPtr(): usize {
    return bytesPtr;
  }

  override get recalledLen(): u32 {
    return bytesLen;
  }

  override onRejected(ptr: usize, len: u32): void {
    stats.routeTableRejected++;
    collectGarbageAfterTick();
    logBytes(LogLevel.Warn, ptr, len);
  }

  override random(): u32 {
    return this.jitter.nextU32();
  }

  private releaseWaiting(subscription: RouteSubscription): void {
    for (let i = 0; i < this.bindings.length; i++) {
      const binding = unchecked(this.bindings[i]);
      if (binding.subscription === subscription) this.router.releaseWaiting(binding);
    }
  }

  /** Every table that a client may still be bound to leads to its clusters, not only those in use. */
  private markReferencedClusters(): void {
    this.clusters.unmarkAll();
    for (let i = 0; i < this.discovered.length; i++) {
      const table = unchecked(this.discovered[i]).table;
      if (table !== null) this.clusters.mark(table);
    }
    const preset = this.configuration.routeTables;
    for (let i = 0; i < preset.length; i++) {
      if (!this.isReplaced(preset[i])) this.clusters.mark(preset[i]);
    }
  }

  private isReplaced(preset: RouteTable): bool {
    for (let i = 0; i < this.discovered.length; i++) {
      const name = unchecked(this.discovered[i]).name;
      if (<u32>name.byteLength != preset.nameLen) continue;
      if (equalBytes(changetype<usize>(name), preset.namePtr, preset.nameLen)) return true;
    }
    return false;
  }
}

function propertyBytes(path: PropertyPath): ArrayBuffer {
  const text = getPropertyString(path);
  return String.UTF8.encode(text === null ? "" : text);
}
