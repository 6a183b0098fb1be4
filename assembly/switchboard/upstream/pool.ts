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
import { idleOf, isSpare, leastBusyOf, oldestOf } from "./connection-choice";
import { DialPlan, Renewal } from "./dial-plan";
import { Endpoint } from "./endpoint";
import { EndpointSet, random } from "./endpoint-set";
import { PendingRequests } from "./pending-requests";
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
  private readonly pending: PendingRequests = new PendingRequests();
  private dialing: u32 = 0;
  private ready: u32 = 0;
  private usedMs: u64 = 0;
  private readonly plan: DialPlan;
  /** Since when it looks for all endpoints at once: at first, and after a long time without requests. */
  private gatheringSinceMs: u64;
  /** One more connection is wanted: requests miss the endpoints that they are due to by weight. */
  private isShort: bool = false;
  /** The host has this pool on its list of those that want to dial. */
  isDialRequested: bool = false;

  constructor(
    readonly bounds: ClusterBounds,
    private readonly host: PoolHost,
    /** `ip:port` of its only endpoint; empty: Envoy's balancer chooses. */
    private readonly address: ArrayBuffer,
    readonly dialect: u32,
  ) {
    super();
    this.endpoints = new EndpointSet(bounds);
    this.plan = new DialPlan(bounds);
    this.usedMs = clock.nowMs;
    this.gatheringSinceMs = clock.nowMs;
  }

  override get clusterName(): ArrayBuffer {
    return this.bounds.name;
  }

  override get destination(): ArrayBuffer {
    return this.address;
  }

  /** No connection, no request, and nobody holds on to it. */
  get isEmpty(): bool {
    return this.connections.length == 0 && this.pending.isEmpty && !this.isDialRequested;
  }

  // ---- requests

  /** The connection for the next request, or null: it has to wait. */
  pick(stream: Stream): UpstreamConnection | null {
    const now = clock.nowMs;
    if (now - this.usedMs > UNUSED_MS) {
      this.gatheringSinceMs = now;
      this.plan.onUsedAgain();
    }
    this.usedMs = now;
    stream.awaitedEndpoint = 0;
    if (stream.wantedEndpoint != 0) {
      if (this.endpoints.member(stream.wantedEndpoint) === null) {
        const session = stream.session;
        const isStrict = session !== null && session.isStrict;
        if (isStrict || this.isGathering) return null;
        stream.wantedEndpoint = 0;
      }
    } else if (stream.hash != NO_HASH && this.isGathering) {
      return null;
    }
    const endpoint = this.endpoints.pick(stream);
    if (endpoint === null) return null;
    if (this.endpoints.isShort) this.onShort();
    return stream.needsOwn
      ? idleOf(endpoint)
      : leastBusyOf(endpoint, this.host.maxRequestsPerConnection);
  }

  /** Envoy's balancer knows the weights too: in time each endpoint has connections enough. */
  private onShort(): void {
    if (this.isShort || this.dialing > 0 || this.host.isDedicated) return;
    if (this.ready >= 2 * (this.endpoints.outstanding + 1) + this.endpoints.met) return;
    this.isShort = true;
    this.requestDials();
  }

  /** From here on the connection takes nobody's requests but those of `source`. */
  dedicate(connection: UpstreamConnection, source: usize): void {
    connection.dedicatedTo = source;
    this.markUnavailable(connection);
  }

  /** Endpoints may be missing that requests belong to. */
  private get isGathering(): bool {
    if (this.host.isDedicated || clock.nowMs - this.gatheringSinceMs > GATHERING_MS) return false;
    const known = this.bounds.endpoints;
    const met = this.endpoints.met;
    return known == 0 ? met == 0 || this.dialing > 0 : met < known;
  }

  /** It must go to an endpoint that is not there. */
  isLost(stream: Stream): bool {
    if (stream.wantedEndpoint == 0 || this.isGathering) return false;
    return this.endpoints.member(stream.wantedEndpoint) === null;
  }

  /** Counts a stream that was written to `connection`. */
  attach(stream: Stream, connection: UpstreamConnection): void {
    connection.attach(stream);
    if (connection.dedicatedTo != 0) return;
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
    if (stream.awaitedEndpoint != 0 && !this.pending.isAnyDirected) this.refillSearches();
    this.pending.add(stream);
    this.bounds.pending++;
    if (this.bounds.connections >= this.bounds.maxConnections) stats.upstreamCxOverflow++;
    this.requestDials();
  }

  cancelWait(stream: Stream): void {
    this.pending.remove(stream);
    this.bounds.pending--;
  }

  private refillSearches(): void {
    const endpoints = max(this.bounds.endpoints, this.endpoints.met);
    this.pending.searches = this.plan.searchDials(endpoints);
  }

  /** In their order, those that can be sent. `freed`: only there is room that was not there before; null: anywhere. */
  private servePending(freed: Endpoint | null): void {
    this.serve(this.pending.own, freed);
    this.serve(this.pending.shared, freed);
  }

  private serve(list: StreamList, freed: Endpoint | null): void {
    let next = list.head;
    // Nothing is left for those that may go anywhere.
    let isExhausted = false;
    while (next != 0) {
      if (freed !== null && !freed.isAvailable) return;
      const stream = changetype<Stream>(next);
      next = stream.nextInList;
      const awaited = stream.awaitedEndpoint;
      if (awaited != 0 && freed !== null && awaited != freed.hash) continue;
      const isFree = stream.hash == NO_HASH && stream.wantedEndpoint == 0;
      if (isFree && isExhausted) continue;
      this.pending.countDirected(stream, -1);
      const connection = this.pick(stream);
      this.pending.countDirected(stream, 1);
      if (connection !== null) {
        if (awaited != 0) this.refillSearches();
        this.cancelWait(stream);
        this.host.sendPending(stream, this, connection);
      } else if (this.isLost(stream)) {
        this.cancelWait(stream);
        this.host.onPendingFailed(stream, ErrorKind.NoHealthyUpstream);
      } else if (isFree) {
        isExhausted = true;
      }
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
    if (!this.pending.isEmpty) stats.upstreamCxOverflow += wanted - room;
    return room;
  }

  private get roomForDials(): u32 {
    const bounds = this.bounds;
    const isFull = bounds.connections >= bounds.maxConnections;
    return isFull ? 0 : bounds.maxConnections - bounds.connections;
  }

  private dialsMissing(): u32 {
    let wanted = this.pending.wanted(this.host.maxRequestsPerConnection);
    if (!this.host.isDedicated) wanted = max(wanted, this.plan.dials(this.endpoints.met));
    if (this.isShort) wanted = max(wanted, this.dialing + 1);
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
    connection.isExploring = this.pending.isEmpty && !this.isShort;
    this.isShort = false;
    this.pending.onDialing();
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
    if (!this.pending.isEmpty) this.servePending(isNew ? null : endpoint);
    const isInVain = this.pending.isAnyDirected && endpoint.available.length > 1;
    if (this.plan.isRenewing) this.finishRenewal();
    else if (!isNew && (connection.isExploring || isInVain)) this.drainUnneeded(connection);
    this.requestDials();
  }

  /** It was to find an endpoint that is not known yet, or one that requests wait for, and did not. */
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
    if (this.dialing == 0 && this.ready == 0) this.failAllPending(failure);
    else if (this.dialing == 0) this.fail(this.pending.own, failure);
  }

  private failAllPending(failure: ErrorKind): void {
    this.fail(this.pending.own, failure);
    this.fail(this.pending.shared, failure);
  }

  private fail(list: StreamList, failure: ErrorKind): void {
    while (list.length > 0) {
      const stream = list.first();
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
    if (connection.dedicatedTo != 0) return;
    if (!connection.isAvailable) this.markAvailable(connection);
    if (!this.pending.isEmpty) this.servePending(connection.endpoint);
  }

  override onDraining(connection: UpstreamConnection): void {
    this.leave(connection);
    if (!this.pending.isEmpty) this.requestDials();
  }

  override onClosed(connection: UpstreamConnection): void {
    this.leave(connection);
    this.drop(connection);
    const endpoint = connection.endpoint;
    if (endpoint !== null && endpoint.connectionCount == 0) this.plan.onLost();
    // What waits would otherwise wait for room on the others, whose requests may take long.
    if (!this.pending.isEmpty) this.requestDials();
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
    if (this.endpoints.onResult(endpoint, status)) this.failAllPending(ErrorKind.NoHealthyUpstream);
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
    if (this.pending.isAnyDirected) this.refillSearches();
    if (!this.pending.isEmpty) this.servePending(null);
    if (!isUsed) return;
    this.endpoints.forgetUnmet();
    this.plan.tick(this.endpoints.met);
    const oldest = oldestOf(this.connections, false);
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
    let oldest = oldestOf(this.connections, false);
    if (oldest === null) return;
    if (clock.nowMs - oldest.dialedMs < 2 * MAX_AGE_MS) oldest = oldestOf(this.connections, true);
    if (oldest !== null) oldest.drain();
  }

  private drainOutdated(): void {
    for (let i: u32 = 0; i < this.connections.length; i++) {
      const connection = changetype<UpstreamConnection>(this.connections.at(i));
      if (connection.dedicatedTo != 0) continue;
      if (connection.epoch != this.plan.epoch) connection.drain();
    }
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
    if (connection.inFlight.length == 0 && connection.dedicatedTo == 0) {
      const mayGo = isSpare(connection) || this.host.isDedicated;
      const isIdle = now - connection.lastRequestMs > <u64>this.host.idleTimeoutMs;
      if (isIdle && (mayGo || !isUsed)) {
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

  /** Gives back what the garbage collector does not know of; only when `isEmpty`. */
  free(): void {
    this.endpoints.free();
    this.connections.free();
  }
}
