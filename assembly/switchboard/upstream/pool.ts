// The connections of one cluster and dialect, and the requests that wait for one.
//
// Envoy's balancer chooses the endpoint of each connection; the pool balances each request over the
// endpoints that its connections have found (dial-plan.ts tells how it finds them).
//
// Allocates: on growth.
// Next: switchboard/upstream/endpoint-set.ts
import { ErrorKind } from "../../codec/error-kind";
import { ResponseStatus } from "../../codec/message";
import { PointerVector } from "../../containers/pointer-vector";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { clock } from "../clock";
import { NO_HASH } from "../route/hash-policy";
import { Stream, StreamState } from "../stream/stream";
import { StreamList } from "../stream/stream-list";
import { stats } from "../telemetry/stats";
import { ClusterBounds } from "./cluster-bounds";
import { DialPlan, Renewal } from "./dial-plan";
import { Endpoint } from "./endpoint";
import { EndpointSet, random } from "./endpoint-set";
import { PoolHost } from "./pool-host";
import { ConnectionOwner, UpstreamConnection, UpstreamState } from "./upstream-connection";

/** Probe intervals without any byte after which a connection is given up. */
const UNRESPONSIVE_PROBES: u64 = 3;
/** A pool that no request used for this long dials nothing of its own accord. */
const UNUSED_MS: u64 = 300000;
/** An older connection is replaced, one at a time. */
const MAX_AGE_MS: u64 = 300000;

/** So long a new pool lets requests wait that belong to endpoints it may not have met. */
const GATHERING_MS: u64 = 1000;

export function seedPools(seed: u64): void {
  random.seed(seed);
}

export class Pool extends ConnectionOwner {
  private readonly endpoints: EndpointSet;
  /** All connections but those that are closed. */
  private readonly connections: PointerVector = new PointerVector();
  private readonly pending: StreamList = new StreamList();
  private dialing: u32 = 0;
  private ready: u32 = 0;
  private usedMs: u64 = 0;
  private readonly plan: DialPlan;
  private readonly createdMs: u64;
  /** The host has this pool on its list of those that want to dial. */
  isDialRequested: bool = false;

  constructor(
    readonly bounds: ClusterBounds,
    private readonly host: PoolHost,
  ) {
    super();
    this.endpoints = new EndpointSet(bounds);
    this.plan = new DialPlan(bounds);
    this.usedMs = clock.nowMs;
    this.createdMs = clock.nowMs;
  }

  override get clusterName(): ArrayBuffer {
    return this.bounds.name;
  }

  /** No connection, no request, and nobody holds on to it. */
  get isEmpty(): bool {
    return this.connections.length == 0 && this.pending.length == 0 && !this.isDialRequested;
  }

  // ---- requests

  /** The connection for the next request, or null: it has to wait. */
  pick(stream: Stream): UpstreamConnection | null {
    this.usedMs = clock.nowMs;
    if (stream.hash != NO_HASH && this.isGathering) return null;
    const endpoint = this.endpoints.pick(stream);
    if (endpoint === null) return null;
    return this.pickConnection(endpoint);
  }

  /** Endpoints may be missing that requests with a key belong to. */
  private get isGathering(): bool {
    if (clock.nowMs - this.createdMs > GATHERING_MS) return false;
    return this.endpoints.met < this.bounds.endpoints;
  }

  /** The most recently freed one where each carries one request, else the least busy one. */
  private pickConnection(endpoint: Endpoint): UpstreamConnection {
    const list = endpoint.available;
    let best = changetype<UpstreamConnection>(list.at(list.length - 1));
    if (this.host.maxRequestsPerConnection == 1) return best;
    for (let i: u32 = 0; i + 1 < list.length; i++) {
      const connection = changetype<UpstreamConnection>(list.at(i));
      if (connection.inFlight.length < best.inFlight.length) best = connection;
    }
    return best;
  }

  /** Counts a stream that was written to `connection`. */
  attach(stream: Stream, connection: UpstreamConnection): void {
    connection.attach(stream);
    if (connection.inFlight.length < this.host.maxRequestsPerConnection) return;
    this.markUnavailable(connection);
    if (this.host.maxRequestsPerConnection > 1) stats.upstreamCxFull++;
    // A server that loses requests would leave it less and less room.
    if (connection.abandoned * 2 > connection.inFlight.length) connection.drain();
  }

  /** False, and counted: too many wait already. */
  canWait(): bool {
    if (this.bounds.pending < this.bounds.maxPendingRequests) return true;
    stats.upstreamRqPendingOverflow++;
    return false;
  }

  /** Lets a stream, which holds its encoded frame, wait for a connection. */
  wait(stream: Stream): void {
    stream.state = StreamState.Pending;
    this.pending.push(stream);
    this.bounds.pending++;
    if (this.bounds.connections >= this.bounds.maxConnections) stats.upstreamCxOverflow++;
    this.requestDials();
  }

  cancelWait(stream: Stream): void {
    this.pending.remove(stream);
    this.bounds.pending--;
  }

  private servePending(): void {
    while (this.pending.length > 0) {
      const stream = this.pending.first();
      const connection = this.pick(stream);
      if (connection === null) return;
      this.cancelWait(stream);
      this.host.sendPending(stream, this, connection);
    }
  }

  // ---- dialling

  /** How many connections should be dialled now. */
  dialsWanted(): u32 {
    const room = this.roomForDials;
    if (room == 0) return 0;
    const wanted = this.dialsMissing();
    return wanted < room ? wanted : room;
  }

  /** Likewise, and counts what has to wait because no more may be dialled. */
  dialsDue(): u32 {
    const room = this.roomForDials;
    const wanted = this.dialsMissing();
    if (wanted <= room) return wanted;
    if (this.pending.length > 0) stats.upstreamCxOverflow += wanted - room;
    return room;
  }

  private get roomForDials(): u32 {
    const bounds = this.bounds;
    const isFull = bounds.connections >= bounds.maxConnections;
    return isFull ? 0 : bounds.maxConnections - bounds.connections;
  }

  private dialsMissing(): u32 {
    let wanted: u32 = 0;
    const perConnection = this.host.maxRequestsPerConnection;
    if (this.pending.length > 0) {
      wanted = perConnection == 1 ? this.pending.length : 1 + this.pending.length / perConnection;
    }
    const planned = this.plan.dials(this.endpoints.met);
    if (planned > wanted) wanted = planned;
    return wanted > this.dialing ? wanted - this.dialing : 0;
  }

  private requestDials(): void {
    if (this.dialsWanted() > 0) this.host.requestDials(this);
  }

  onDialing(connection: UpstreamConnection): void {
    this.connections.push(changetype<usize>(connection));
    this.bounds.connections++;
    this.dialing++;
    connection.epoch = this.plan.epoch;
    connection.isExploring = this.pending.length == 0;
    this.plan.onDialing();
    stats.upstreamCxTotal++;
    stats.upstreamCxActive++;
  }

  // ---- what connections tell

  override onConnected(connection: UpstreamConnection): void {
    this.dialing--;
    this.ready++;
    const endpoint = this.endpointOf(connection);
    connection.endpoint = endpoint;
    const isNew = endpoint.connectionCount == 0;
    this.plan.onConnected(isNew);
    endpoint.connectionCount++;
    connection.isCounted = true;
    this.markAvailable(connection);
    this.servePending();
    if (this.plan.isRenewing) this.finishRenewal();
    else if (connection.isExploring && !isNew) this.drainUnneeded(connection);
    this.requestDials();
  }

  /** It was to find an endpoint that is not known yet, and did not. */
  private drainUnneeded(connection: UpstreamConnection): void {
    if (connection.inFlight.length == 0) connection.drain();
  }

  private endpointOf(connection: UpstreamConnection): Endpoint {
    const isKnown = connection.readAddress();
    return this.endpoints.named(bytesPtr, isKnown ? bytesLen : 0);
  }

  override onDialFailed(connection: UpstreamConnection, failure: ErrorKind): void {
    this.dialing--;
    this.drop(connection);
    stats.upstreamCxConnectFail++;
    this.finishRenewal();
    if (this.dialing == 0 && this.ready == 0) this.failPending(failure);
  }

  private failPending(failure: ErrorKind): void {
    while (this.pending.length > 0) {
      const stream = this.pending.first();
      this.cancelWait(stream);
      this.host.onPendingFailed(stream, failure);
    }
  }

  override onDialAborted(connection: UpstreamConnection): void {
    this.dialing--;
    this.drop(connection);
    this.plan.onAborted();
    this.finishRenewal();
    this.requestDials();
  }

  override onRoom(connection: UpstreamConnection): void {
    if (connection.state != UpstreamState.Ready) return;
    if (!connection.isAvailable) this.markAvailable(connection);
    if (this.pending.length > 0) this.servePending();
  }

  override onDraining(connection: UpstreamConnection): void {
    this.leave(connection);
    if (this.pending.length > 0) this.requestDials();
  }

  override onClosed(connection: UpstreamConnection): void {
    this.leave(connection);
    this.drop(connection);
    const endpoint = connection.endpoint;
    if (endpoint !== null && endpoint.connectionCount == 0) this.plan.onLost();
    // What waits would otherwise wait for room on the others, whose requests may take long.
    if (this.pending.length > 0) this.requestDials();
  }

  /** Takes a connection that was ready out of its endpoint. */
  private leave(connection: UpstreamConnection): void {
    const endpoint = connection.endpoint;
    if (endpoint === null || !connection.isCounted) return;
    connection.isCounted = false;
    this.markUnavailable(connection);
    endpoint.connectionCount--;
    this.ready--;
  }

  private drop(connection: UpstreamConnection): void {
    if (!this.connections.remove(changetype<usize>(connection))) return;
    this.bounds.connections--;
    stats.upstreamCxActive--;
  }

  private markAvailable(connection: UpstreamConnection): void {
    const endpoint = connection.endpoint;
    if (endpoint === null || connection.isAvailable) return;
    connection.isAvailable = true;
    endpoint.available.push(changetype<usize>(connection));
    this.endpoints.refresh(endpoint);
  }

  private markUnavailable(connection: UpstreamConnection): void {
    const endpoint = connection.endpoint;
    if (endpoint === null || !connection.isAvailable) return;
    connection.isAvailable = false;
    endpoint.available.remove(changetype<usize>(connection));
    this.endpoints.refresh(endpoint);
  }

  // ---- outliers

  override onResult(endpoint: Endpoint, status: ResponseStatus): void {
    if (this.endpoints.onResult(endpoint, status)) this.failPending(ErrorKind.NoHealthyUpstream);
  }

  /** No endpoint is to get requests: they need not wait. */
  get isBarred(): bool {
    return this.endpoints.isBarred;
  }

  /** A table says something else of the cluster. */
  onSettingsChanged(): void {
    this.endpoints.onSettingsChanged();
  }

  // ---- maintenance

  /** The control plane says that the endpoints are others. */
  onEndpointsChanged(): void {
    this.plan.onEndpointsChanged(this.connections.length > 0);
    this.requestDials();
  }

  /** Once a second. `isReferenced`: a table in force leads here. */
  maintain(isReferenced: bool): void {
    const now = clock.nowMs;
    const isUsed = isReferenced && now - this.usedMs < UNUSED_MS;
    this.maintainConnections(now, isUsed);
    this.endpoints.tick();
    if (this.pending.length > 0) this.servePending();
    if (!isUsed) return;
    this.endpoints.forgetUnmet();
    this.plan.tick(this.endpoints.met);
    const oldest = this.oldest(false);
    if (oldest !== null) {
      if (now - oldest.dialedMs > MAX_AGE_MS) this.plan.renewOldest();
      if (this.plan.isRenewing && this.isWithoutRoom) this.replace(oldest);
    }
    this.requestDials();
  }

  /** Nothing can be dialled before something is closed, and nothing is about to be. */
  private get isWithoutRoom(): bool {
    const bounds = this.bounds;
    const draining = this.connections.length - this.ready - this.dialing;
    return bounds.connections >= bounds.maxConnections && draining == 0;
  }

  /** Begins a renewal with what it would end with, to make room for its dials. */
  private replace(oldest: UpstreamConnection): void {
    this.plan.onReplaced();
    oldest.drain();
  }

  private finishRenewal(): void {
    const renewal = this.plan.finishRenewal(this.dialing);
    if (renewal == Renewal.Outdated) {
      this.drainOutdated();
    } else if (renewal == Renewal.Oldest) {
      this.drainOldest();
    }
  }

  /** No endpoint loses its only connection over it, unless Envoy seems to choose that one no more. */
  private drainOldest(): void {
    let oldest = this.oldest(false);
    if (oldest === null) return;
    if (clock.nowMs - oldest.dialedMs < 2 * MAX_AGE_MS) oldest = this.oldest(true);
    if (oldest !== null) oldest.drain();
  }

  private drainOutdated(): void {
    for (let i: u32 = 0; i < this.connections.length; i++) {
      const connection = changetype<UpstreamConnection>(this.connections.at(i));
      if (connection.epoch != this.plan.epoch) connection.drain();
    }
  }

  private oldest(isSpareOnly: bool): UpstreamConnection | null {
    let oldest: UpstreamConnection | null = null;
    for (let i: u32 = 0; i < this.connections.length; i++) {
      const connection = changetype<UpstreamConnection>(this.connections.at(i));
      if (connection.state != UpstreamState.Ready) continue;
      if (isSpareOnly && !this.isSpare(connection)) continue;
      if (oldest === null || connection.dialedMs < oldest.dialedMs) oldest = connection;
    }
    return oldest;
  }

  private maintainConnections(now: u64, isUsed: bool): void {
    const timeoutMs = <u64>this.host.frameTimeoutMs;
    // Backwards: closing takes a connection out of the list.
    for (let i = this.connections.length; i > 0; i--) {
      if (i > this.connections.length) continue;
      const connection = changetype<UpstreamConnection>(this.connections.at(i - 1));
      if (connection.state == UpstreamState.Dialing) {
        const isLate = now - connection.dialedMs > <u64>this.host.connectTimeoutMs;
        if (!isLate) continue;
        stats.upstreamCxConnectTimeout++;
        connection.close(ErrorKind.ConnectFailure);
      } else if (timeoutMs > 0 && connection.isFrameLate(timeoutMs)) {
        stats.upstreamFrameTimeout++;
        connection.close(ErrorKind.BadResponse);
      } else if (connection.state == UpstreamState.Ready) {
        this.maintainReady(connection, now, isUsed);
      }
    }
  }

  private maintainReady(connection: UpstreamConnection, now: u64, isUsed: bool): void {
    if (connection.inFlight.length == 0) {
      const isSpare = this.isSpare(connection);
      const isIdle = now - connection.lastRequestMs > <u64>this.host.idleTimeoutMs;
      if (isIdle && (isSpare || !isUsed)) {
        stats.upstreamCxIdleTimeout++;
        connection.drain();
        return;
      }
    }
    const interval = <u64>this.host.heartbeatMs;
    if (interval == 0 || now - connection.lastReadMs < interval) return;
    if (now - connection.lastReadMs >= UNRESPONSIVE_PROBES * interval && connection.isProbed) {
      stats.upstreamCxProbeTimeout++;
      connection.close(ErrorKind.UpstreamReset);
    } else {
      connection.probe(interval);
    }
  }

  private isSpare(connection: UpstreamConnection): bool {
    const endpoint = connection.endpoint;
    return endpoint !== null && endpoint.connectionCount > 1;
  }

  /** Gives back what the garbage collector does not know of; only when `isEmpty`. */
  free(): void {
    this.endpoints.free();
    this.connections.free();
  }
}
