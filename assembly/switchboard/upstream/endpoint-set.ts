// The endpoints of a pool, as its connections have found them, and the choice among those that can take a
// request.
// Allocates: when an endpoint is met.
// Next: switchboard/upstream/dialer.ts
import { ResponseStatus } from "../../codec/message";
import { PointerVector } from "../../containers/pointer-vector";
import { Random } from "../../containers/random";
import { collectGarbageAfterTick } from "../../proxy-wasm-as/memory/collect";
import { LoadBalancer } from "../route/cluster";
import { NO_HASH, rank } from "../route/hash-policy";
import { Stream } from "../stream/stream";
import { ClusterBounds } from "./cluster-bounds";
import { Endpoint } from "./endpoint";
import { OutlierEjection } from "./outlier-ejection";

export const random = new Random();

export class EndpointSet {
  private readonly all: Array<Endpoint>;
  /** Endpoints with a connection that can take a request, those that are ejected left out. */
  private readonly available: PointerVector = new PointerVector();
  private readonly outliers: OutlierEjection;
  private turn: u64 = 0;

  constructor(private readonly bounds: ClusterBounds) {
    const all = new Array<Endpoint>();
    this.all = all;
    this.outliers = new OutlierEjection(bounds.outlier, all);
  }

  /** Endpoints with a connection. */
  get met(): u32 {
    let met: u32 = 0;
    for (let i = 0; i < this.all.length; i++) {
      if (unchecked(this.all[i]).connectionCount > 0) met++;
    }
    return met;
  }

  /** The endpoint with the address "ip:port" at `ptr`; a new one if it is not known. */
  named(ptr: usize, len: u32): Endpoint {
    for (let i = 0; i < this.all.length; i++) {
      const endpoint = unchecked(this.all[i]);
      if (endpoint.hasAddress(ptr, len)) return endpoint;
    }
    // eslint-disable-next-line no-restricted-syntax -- once for each endpoint
    const address = new ArrayBuffer(len);
    memory.copy(changetype<usize>(address), ptr, len);
    // eslint-disable-next-line no-restricted-syntax -- once for each endpoint
    const endpoint = new Endpoint(address);
    endpoint.isWatched = this.bounds.isWatched;
    this.all.push(endpoint);
    return endpoint;
  }

  // ---- the choice

  /** The endpoint for a request, or null: none can take one. */
  pick(stream: Stream): Endpoint | null {
    const count = this.available.length;
    if (count == 0) return null;
    let endpoint = this.at(0);
    if (stream.hash != NO_HASH) {
      endpoint = this.highestRanking(stream, count);
    } else if (count > 1) {
      endpoint = this.pickAny(count);
      const isAvoided = endpoint.hash == stream.avoidedEndpoint;
      if (isAvoided) endpoint = this.other(endpoint, count);
    }
    endpoint.lastChosen = ++this.turn;
    return endpoint;
  }

  private at(index: u32): Endpoint {
    return changetype<Endpoint>(this.available.at(index));
  }

  private highestRanking(stream: Stream, count: u32): Endpoint {
    let best = this.at(0);
    let highest = rank(stream.hash, best.hash);
    for (let i: u32 = 1; i < count; i++) {
      const endpoint = this.at(i);
      const its = rank(stream.hash, endpoint.hash);
      if (best.hash != stream.avoidedEndpoint) {
        if (endpoint.hash == stream.avoidedEndpoint || its <= highest) continue;
      }
      best = endpoint;
      highest = its;
    }
    return best;
  }

  /** Any but this one; `count` is more than 1. */
  private other(endpoint: Endpoint, count: u32): Endpoint {
    const index = random.below(count - 1);
    return this.at(index < endpoint.availableIndex ? index : index + 1);
  }

  private pickAny(count: u32): Endpoint {
    const policy = this.bounds.loadBalancer;
    if (policy == LoadBalancer.RoundRobin) return this.leastRecentlyChosen(count);
    const first = random.below(count);
    const one = this.at(first);
    if (policy == LoadBalancer.Random) return one;
    const step = 1 + random.below(count - 1);
    const other = this.at(first + step < count ? first + step : first + step - count);
    if (one.outstanding != other.outstanding) {
      return one.outstanding < other.outstanding ? one : other;
    }
    return one.lastChosen < other.lastChosen ? one : other;
  }

  private leastRecentlyChosen(count: u32): Endpoint {
    let best = this.at(0);
    for (let i: u32 = 1; i < count; i++) {
      const endpoint = this.at(i);
      if (endpoint.lastChosen < best.lastChosen) best = endpoint;
    }
    return best;
  }

  // ---- what can be chosen

  /** A connection of it can take a request, or none can any more, or it is ejected or not any more. */
  refresh(endpoint: Endpoint): void {
    const isUsed = !endpoint.isEjected || this.outliers.isPanicking;
    const isWanted = isUsed && endpoint.available.length > 0;
    if (isWanted == endpoint.isAvailable) return;
    if (isWanted) {
      endpoint.availableIndex = this.available.length;
      this.available.push(changetype<usize>(endpoint));
      return;
    }
    const index = endpoint.availableIndex;
    endpoint.markUnavailable();
    this.available.removeAt(index);
    if (index < this.available.length) this.at(index).availableIndex = index;
  }

  private refreshAll(): void {
    for (let i = 0; i < this.all.length; i++) this.refresh(unchecked(this.all[i]));
  }

  /** What a watched endpoint has answered. True: it is ejected, and nothing is left. */
  onResult(endpoint: Endpoint, status: ResponseStatus): bool {
    if (!this.outliers.onResult(endpoint, status)) return false;
    this.refreshAll();
    return this.isBarred;
  }

  /** Every endpoint that can be reached is ejected: to dial more connections would not help. */
  get isBarred(): bool {
    if (this.outliers.ejected == 0 || this.outliers.isPanicking) return false;
    for (let i = 0; i < this.all.length; i++) {
      const endpoint = unchecked(this.all[i]);
      if (endpoint.connectionCount > 0 && !endpoint.isEjected) return false;
    }
    return true;
  }

  /** A table says something else of the cluster. */
  onSettingsChanged(): void {
    const isWatched = this.bounds.isWatched;
    for (let i = 0; i < this.all.length; i++) unchecked(this.all[i]).isWatched = isWatched;
    if (!isWatched && this.outliers.readmit(0, true)) this.refreshAll();
  }

  /** Once a second. */
  tick(): void {
    if (this.bounds.isWatched && this.outliers.tick()) this.refreshAll();
  }

  /** Endpoints without a connection, but for those that are ejected. */
  forgetUnmet(): void {
    for (let i = this.all.length - 1; i >= 0; i--) {
      const endpoint = unchecked(this.all[i]);
      if (endpoint.connectionCount > 0 || endpoint.isEjected) continue;
      endpoint.free();
      this.all.splice(i, 1);
      collectGarbageAfterTick();
    }
  }

  /** Gives back what the garbage collector does not know of. */
  free(): void {
    for (let i = 0; i < this.all.length; i++) unchecked(this.all[i]).free();
    this.available.free();
  }
}
