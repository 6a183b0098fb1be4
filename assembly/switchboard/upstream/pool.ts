// The connections of one cluster and dialect, and the requests that wait for one.
//
// Envoy's balancer chooses the endpoint of each connection; the pool balances each request over the
// endpoints that its connections have found. It dials until it has met every endpoint (or, when it
// does not know how many there are, until a dial finds none that is new), and one more every
// EXPLORE_INTERVAL_MS.
//
// Allocates: on growth.
import { ConnectionMode } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { PointerVector } from "../../containers/pointer-vector";
import { Random } from "../../containers/random";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { clock } from "../clock";
import { LoadBalancer } from "../route/cluster";
import { Stream, StreamState } from "../stream/stream";
import { StreamList } from "../stream/stream-list";
import { stats } from "../telemetry/stats";
import { ClusterBounds } from "./cluster-bounds";
import { Endpoint } from "./endpoint";
import { PoolHost } from "./pool-host";
import { ConnectionOwner, UpstreamConnection, UpstreamState } from "./upstream-connection";

const EXPLORE_INTERVAL_MS: u64 = 10000;
/** Probe intervals without any byte after which a connection is given up. */
const UNRESPONSIVE_PROBES: u64 = 3;
/** A pool that no request used for this long dials nothing of its own accord. */
const UNUSED_MS: u64 = 300000;
/** Dials in search of endpoints whose number is unknown. */
const FIRST_EXPLORATION: u32 = 2;
/** Envoy's worker may hear of new endpoints a little later than the module does. */
const RENEWAL_DELAY_MS: u64 = 1000;

/** Which connections give way once the dials that replace them are done. */
enum Renewal {
  None,
  /** All that were dialled before the endpoints changed. */
  Outdated,
  /** The oldest: in time every connection is made anew, and weights and endpoints take effect. */
  Oldest,
}

const random = new Random();

export function seedPools(seed: u64): void {
  random.seed(seed);
}

export class Pool extends ConnectionOwner {
  private readonly endpoints: Array<Endpoint> = new Array<Endpoint>();
  /** Endpoints with a connection that can take a request. */
  private readonly available: PointerVector = new PointerVector();
  /** All connections but those that are closed. */
  private readonly connections: PointerVector = new PointerVector();
  private readonly pending: StreamList = new StreamList();
  private dialing: u32 = 0;
  private ready: u32 = 0;
  private turn: u64 = 0;
  private exploration: u32 = 0;
  private exploredMs: u64 = 0;
  private usedMs: u64 = 0;
  private renewal: Renewal = Renewal.None;
  private renewalDials: u32 = 0;
  private renewalDueMs: u64 = 0;
  /** Counts changes of the endpoints; connections remember which one they were dialled under. */
  private epoch: u32 = 0;
  /** The host has this pool on its list of those that want to dial. */
  isDialRequested: bool = false;

  constructor(
    readonly bounds: ClusterBounds,
    private readonly host: PoolHost,
  ) {
    super();
    this.exploration = this.fullExploration();
    this.exploredMs = clock.nowMs;
    this.usedMs = clock.nowMs;
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
  pick(): UpstreamConnection | null {
    this.usedMs = clock.nowMs;
    const count = this.available.length;
    if (count == 0) return null;
    const endpoint = count == 1 ? this.availableAt(0) : this.pickEndpoint(count);
    endpoint.lastChosen = ++this.turn;
    return this.pickConnection(endpoint);
  }

  private availableAt(index: u32): Endpoint {
    return changetype<Endpoint>(this.available.at(index));
  }

  private pickEndpoint(count: u32): Endpoint {
    const policy = this.bounds.loadBalancer;
    if (policy == LoadBalancer.RoundRobin) return this.leastRecentlyChosen(count);
    const first = random.below(count);
    const one = this.availableAt(first);
    if (policy == LoadBalancer.Random) return one;
    const step = 1 + random.below(count - 1);
    const other = this.availableAt(first + step < count ? first + step : first + step - count);
    if (one.outstanding != other.outstanding) {
      return one.outstanding < other.outstanding ? one : other;
    }
    return one.lastChosen < other.lastChosen ? one : other;
  }

  private leastRecentlyChosen(count: u32): Endpoint {
    let best = this.availableAt(0);
    for (let i: u32 = 1; i < count; i++) {
      const endpoint = this.availableAt(i);
      if (endpoint.lastChosen < best.lastChosen) best = endpoint;
    }
    return best;
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
    if (connection.inFlight.length >= this.host.maxRequestsPerConnection) {
      this.markUnavailable(connection);
    }
  }

  /** False: too many wait already. */
  canWait(): bool {
    return this.bounds.pending < this.bounds.maxPendingRequests;
  }

  /** Lets a stream, which holds its encoded frame, wait for a connection. */
  wait(stream: Stream): void {
    stream.state = StreamState.Pending;
    this.pending.push(stream);
    this.bounds.pending++;
    this.requestDials();
  }

  cancelWait(stream: Stream): void {
    this.pending.remove(stream);
    this.bounds.pending--;
  }

  private servePending(): void {
    while (this.pending.length > 0) {
      const connection = this.pick();
      if (connection === null) return;
      const stream = this.pending.first();
      this.cancelWait(stream);
      this.host.sendPending(stream, this, connection);
    }
  }

  // ---- dialling

  private fullExploration(): u32 {
    const known = this.bounds.endpoints;
    return known == 0 ? FIRST_EXPLORATION : 2 * known + 2;
  }

  /** How many connections should be dialled now. */
  dialsWanted(): u32 {
    const bounds = this.bounds;
    if (bounds.connections >= bounds.maxConnections) return 0;
    let wanted: u32 = 0;
    const perConnection = this.host.maxRequestsPerConnection;
    if (this.pending.length > 0) {
      wanted = perConnection == 1 ? this.pending.length : 1 + this.pending.length / perConnection;
    }
    const missing = this.endpointsMissing();
    if (missing > wanted) wanted = missing;
    if (this.renewalDials > wanted) wanted = this.renewalDials;
    wanted = wanted > this.dialing ? wanted - this.dialing : 0;
    const room = bounds.maxConnections - bounds.connections;
    return wanted < room ? wanted : room;
  }

  private endpointsMissing(): u32 {
    if (this.exploration == 0) return 0;
    const known = this.bounds.endpoints;
    const met = this.endpointsMet();
    if (known == 0) return this.exploration;
    const missing = known > met ? known - met : 0;
    return missing < this.exploration ? missing : this.exploration;
  }

  private endpointsMet(): u32 {
    let met: u32 = 0;
    for (let i = 0; i < this.endpoints.length; i++) {
      if (unchecked(this.endpoints[i]).connectionCount > 0) met++;
    }
    return met;
  }

  private requestDials(): void {
    if (this.dialsWanted() > 0) this.host.requestDials(this);
  }

  onDialing(connection: UpstreamConnection): void {
    this.connections.push(changetype<usize>(connection));
    this.bounds.connections++;
    this.dialing++;
    connection.epoch = this.epoch;
    if (this.renewalDials > 0) this.renewalDials--;
    else if (this.exploration > 0) this.exploration--;
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
    if (isNew && this.bounds.endpoints == 0 && this.exploration == 0) this.exploration = 1;
    endpoint.connectionCount++;
    connection.isCounted = true;
    this.markAvailable(connection);
    this.servePending();
    this.finishRenewal(true);
    this.requestDials();
  }

  private endpointOf(connection: UpstreamConnection): Endpoint {
    const isKnown = connection.readAddress();
    const ptr = bytesPtr;
    const len = isKnown ? bytesLen : 0;
    for (let i = 0; i < this.endpoints.length; i++) {
      const endpoint = unchecked(this.endpoints[i]);
      if (endpoint.hasAddress(ptr, len)) return endpoint;
    }
    return this.addEndpoint(ptr, len);
  }

  private addEndpoint(ptr: usize, len: u32): Endpoint {
    // eslint-disable-next-line no-restricted-syntax -- once for each endpoint
    const address = new ArrayBuffer(len);
    memory.copy(changetype<usize>(address), ptr, len);
    // eslint-disable-next-line no-restricted-syntax -- once for each endpoint
    const endpoint = new Endpoint(address);
    this.endpoints.push(endpoint);
    return endpoint;
  }

  override onDialFailed(connection: UpstreamConnection, failure: ErrorKind): void {
    this.dialing--;
    this.drop(connection);
    stats.upstreamCxConnectFail++;
    this.finishRenewal(false);
    if (this.dialing > 0 || this.ready > 0) return;
    while (this.pending.length > 0) {
      const stream = this.pending.first();
      this.cancelWait(stream);
      this.host.onPendingFailed(stream, failure);
    }
  }

  override onRoom(connection: UpstreamConnection): void {
    if (connection.state != UpstreamState.Ready) return;
    if (!connection.isAvailable) this.markAvailable(connection);
    if (this.pending.length > 0) this.servePending();
  }

  override onDraining(connection: UpstreamConnection): void {
    this.leave(connection);
  }

  override onClosed(connection: UpstreamConnection): void {
    this.leave(connection);
    this.drop(connection);
    if (this.exploration == 0) this.exploration = 1;
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
    if (endpoint.isAvailable) return;
    endpoint.availableIndex = this.available.length;
    this.available.push(changetype<usize>(endpoint));
  }

  private markUnavailable(connection: UpstreamConnection): void {
    const endpoint = connection.endpoint;
    if (endpoint === null || !connection.isAvailable) return;
    connection.isAvailable = false;
    endpoint.available.remove(changetype<usize>(connection));
    if (endpoint.available.length > 0) return;
    const index = endpoint.availableIndex;
    endpoint.markUnavailable();
    this.available.removeAt(index);
    if (index < this.available.length) this.availableAt(index).availableIndex = index;
  }

  // ---- maintenance

  /** The control plane says that the endpoints are others. */
  onEndpointsChanged(): void {
    this.exploration = this.fullExploration();
    if (this.connections.length > 0) this.renewalDueMs = clock.nowMs + RENEWAL_DELAY_MS;
    this.requestDials();
  }

  /** Once a second. `isReferenced`: a table in force leads here. */
  maintain(isReferenced: bool): void {
    const now = clock.nowMs;
    const isUsed = isReferenced && now - this.usedMs < UNUSED_MS;
    this.maintainConnections(now, isUsed);
    if (!isUsed) return;
    if (this.renewalDueMs != 0 && now >= this.renewalDueMs) {
      this.renewalDueMs = 0;
      this.epoch++;
      const known = this.bounds.endpoints;
      this.startRenewal(Renewal.Outdated, known == 0 ? this.endpointsMet() + 1 : known);
    } else if (now - this.exploredMs >= EXPLORE_INTERVAL_MS) {
      this.exploredMs = now;
      this.forgetEndpoints();
      if (this.exploration == 0) this.exploration = 1;
      if (this.renewal == Renewal.None && this.ready > 0) this.startRenewal(Renewal.Oldest, 1);
    }
    this.requestDials();
  }

  private startRenewal(renewal: Renewal, dials: u32): void {
    this.renewal = renewal;
    this.renewalDials = dials;
  }

  private finishRenewal(isConnected: bool): void {
    if (this.renewal == Renewal.None || this.renewalDials > 0 || this.dialing > 0) return;
    const renewal = this.renewal;
    this.renewal = Renewal.None;
    // Nothing new to go on with: the old connections are better than none.
    if (!isConnected) return;
    if (renewal == Renewal.Outdated) this.drainOutdated();
    else this.drainOldest();
  }

  private drainOutdated(): void {
    for (let i: u32 = 0; i < this.connections.length; i++) {
      const connection = changetype<UpstreamConnection>(this.connections.at(i));
      if (connection.epoch != this.epoch) connection.drain();
    }
  }

  private drainOldest(): void {
    let oldest: UpstreamConnection | null = null;
    for (let i: u32 = 0; i < this.connections.length; i++) {
      const connection = changetype<UpstreamConnection>(this.connections.at(i));
      if (connection.state != UpstreamState.Ready) continue;
      if (oldest === null || connection.dialedMs < oldest.dialedMs) oldest = connection;
    }
    if (oldest !== null) oldest.drain();
  }

  private maintainConnections(now: u64, isUsed: bool): void {
    // Backwards: closing takes a connection out of the list.
    for (let i = this.connections.length; i > 0; i--) {
      if (i > this.connections.length) continue;
      const connection = changetype<UpstreamConnection>(this.connections.at(i - 1));
      if (connection.state == UpstreamState.Dialing) {
        const isLate = now - connection.dialedMs > <u64>this.host.connectTimeoutMs;
        if (isLate) connection.close(ErrorKind.ConnectFailure);
      } else if (connection.state == UpstreamState.Ready) {
        this.maintainReady(connection, now, isUsed);
      }
    }
  }

  private maintainReady(connection: UpstreamConnection, now: u64, isUsed: bool): void {
    if (connection.inFlight.length == 0) {
      const endpoint = connection.endpoint;
      const isSpare = endpoint !== null && endpoint.connectionCount > 1;
      const isIdle = now - connection.lastRequestMs > <u64>this.host.idleTimeoutMs;
      if (isIdle && (isSpare || !isUsed)) {
        connection.drain();
        return;
      }
    }
    const interval = <u64>this.host.heartbeatMs;
    if (interval == 0 || now - connection.lastReadMs < interval) return;
    if (now - connection.lastReadMs >= UNRESPONSIVE_PROBES * interval && connection.isProbed) {
      connection.close(ErrorKind.UpstreamReset);
    } else {
      connection.probe(interval);
    }
  }

  private forgetEndpoints(): void {
    for (let i = this.endpoints.length - 1; i >= 0; i--) {
      if (unchecked(this.endpoints[i]).connectionCount == 0) this.endpoints.splice(i, 1);
    }
  }
}
