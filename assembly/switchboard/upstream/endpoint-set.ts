// The endpoints of a pool, as its connections have found them, and the choice among those that can take a
// request.
// Allocates: when an endpoint is met.
// Next: switchboard/upstream/dialer.ts
import { ResponseStatus } from "../../codec/message";
import { PointerVector } from "../../containers/pointer-vector";
import { Random } from "../../containers/random";
import { collectGarbageAfterTick } from "../../proxy-wasm-as/memory/collect";
import { LoadBalancer } from "../route/cluster";
import { distance, NO_HASH, rank } from "../route/hash-policy";
import { Stream } from "../stream/stream";
import { ClusterBounds } from "./cluster-bounds";
import { Endpoint } from "./endpoint";
import { OutlierEjection } from "./outlier-ejection";

const TWO_TO_32: f64 = 4294967296;
/** Turns that an endpoint catches up on after it was busy or gone. */
const CATCH_UP_TURNS: f64 = 4;

export const random = new Random();

export class EndpointSet {
  private readonly all: Array<Endpoint>;
  /** Endpoints with a connection that can take a request, those that are ejected left out. */
  private readonly available: PointerVector = new PointerVector();
  private readonly outliers: OutlierEjection;
  private turn: u64 = 0;
  /** They are not all of the same weight. */
  private isWeighted: bool = false;
  /** Of the request that was balanced last, where weights decide: what `Endpoint.dueTime` counts in. */
  private time: f64 = 0;
  /** The request that was balanced last was another endpoint's by weight, whose connections are all busy. */
  isShort: bool = false;

  constructor(private readonly bounds: ClusterBounds) {
    const all = new Array<Endpoint>();
    this.all = all;
    this.outliers = new OutlierEjection(bounds.outlier, all);
  }

  /** Any can take a request. */
  get hasAvailable(): bool {
    return this.available.length > 0;
  }

  /** Endpoints with a connection. */
  get met(): u32 {
    let met: u32 = 0;
    for (let i = 0; i < this.all.length; i++) {
      if (unchecked(this.all[i]).connectionCount > 0) met++;
    }
    return met;
  }

  /** Requests in flight. */
  get outstanding(): u32 {
    let outstanding: u32 = 0;
    for (let i = 0; i < this.all.length; i++) outstanding += unchecked(this.all[i]).outstanding;
    return outstanding;
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
    this.weigh();
    return endpoint;
  }

  private weigh(): void {
    this.isWeighted = false;
    for (let i = 0; i < this.all.length; i++) {
      const endpoint = unchecked(this.all[i]);
      endpoint.weight = this.bounds.weights.of(endpoint.address);
      if (endpoint.weight != unchecked(this.all[0]).weight) this.isWeighted = true;
    }
  }

  // ---- the choice

  /**
   * The endpoint for a request, or null: none can take one, or the one that it belongs to cannot, which
   * `stream.awaitedEndpoint` is then.
   */
  pick(stream: Stream): Endpoint | null {
    const owner = this.ownerOf(stream);
    if (owner !== null && !owner.isAvailable) {
      stream.awaitedEndpoint = owner.hash;
      return null;
    }
    const count = this.available.length;
    if (count == 0) return null;
    this.isShort = false;
    const endpoint = owner === null ? this.pickOther(stream.avoidedEndpoint, count) : owner;
    endpoint.lastChosen = ++this.turn;
    return endpoint;
  }

  /** Any that can take a request; the avoided one only if there is no other. */
  private pickOther(avoided: u32, count: u32): Endpoint {
    if (count == 1 && !this.isWeighted) return this.at(0);
    const endpoint = this.pickAny(count);
    return endpoint.hash == avoided && count > 1 ? this.other(endpoint, count) : endpoint;
  }

  /** Has connections and is not ejected, whether or not it can take one more request. */
  private isUsed(endpoint: Endpoint): bool {
    const isAdmitted = !endpoint.isEjected || this.outliers.isPanicking;
    return endpoint.connectionCount > 0 && isAdmitted;
  }

  /** The endpoint that a request belongs to, busy or not; null: to any. */
  private ownerOf(stream: Stream): Endpoint | null {
    if (stream.wantedEndpoint != 0) return this.member(stream.wantedEndpoint);
    return stream.hash == NO_HASH ? null : this.nearest(stream.hash, stream.avoidedEndpoint);
  }

  /** The endpoint with this `Endpoint.hash`, if it can be used. */
  member(hash: u32): Endpoint | null {
    for (let i = 0; i < this.all.length; i++) {
      const endpoint = unchecked(this.all[i]);
      if (endpoint.hash == hash && this.isUsed(endpoint)) return endpoint;
    }
    return null;
  }

  private at(index: u32): Endpoint {
    return changetype<Endpoint>(this.available.at(index));
  }

  /** By rendezvous hashing; `avoided` only if there is no other. */
  private nearest(key: u32, avoided: u32): Endpoint | null {
    let best: Endpoint | null = null;
    let least: f64 = 0;
    for (let i = 0; i < this.all.length; i++) {
      const endpoint = unchecked(this.all[i]);
      if (!this.isUsed(endpoint)) continue;
      const its = this.isWeighted
        ? distance(key, endpoint.hash, endpoint.weight)
        : <f64>~rank(key, endpoint.hash);
      if (best !== null && best.hash != avoided) {
        if (endpoint.hash == avoided || its >= least) continue;
      }
      best = endpoint;
      least = its;
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
    if (this.isWeighted) return this.pickByWeight(policy);
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

  private pickByWeight(policy: LoadBalancer): Endpoint {
    if (policy == LoadBalancer.RoundRobin) return this.nextDue();
    const one = this.draw();
    if (policy == LoadBalancer.Random) return one;
    const other = this.draw();
    const ofOne = <u64>one.outstanding * <u64>other.weight;
    return ofOne <= <u64>other.outstanding * <u64>one.weight ? one : other;
  }

  /** Each as often as its weight says; again among the others if that one is busy. */
  private draw(): Endpoint {
    const drawn = this.drawOf(false);
    if (drawn.isAvailable) return drawn;
    this.isShort = true;
    return this.drawOf(true);
  }

  /** Of those that are used, or of those that can take a request. */
  private drawOf(isFree: bool): Endpoint {
    let total: f64 = 0;
    for (let i = 0; i < this.all.length; i++) {
      const endpoint = unchecked(this.all[i]);
      if (isFree ? endpoint.isAvailable : this.isUsed(endpoint)) total += <f64>endpoint.weight;
    }
    let rest = (<f64>random.nextU32() / TWO_TO_32) * total;
    for (let i = 0; i < this.all.length; i++) {
      const endpoint = unchecked(this.all[i]);
      if (!(isFree ? endpoint.isAvailable : this.isUsed(endpoint))) continue;
      rest -= <f64>endpoint.weight;
      if (rest < 0) return endpoint;
    }
    return this.at(0);
  }

  /** Earliest deadline first: of those that can take a request. */
  private nextDue(): Endpoint {
    let best = this.at(0);
    let first = best.dueTime;
    for (let i = 0; i < this.all.length; i++) {
      const endpoint = unchecked(this.all[i]);
      if (!this.isUsed(endpoint)) continue;
      if (endpoint.dueTime < first) first = endpoint.dueTime;
      if (endpoint.isAvailable && endpoint.dueTime < best.dueTime) best = endpoint;
    }
    this.isShort = first < best.dueTime;
    this.time = max(this.time, best.dueTime);
    // One that could not be chosen for long has no claim to all that it has missed.
    const turn = 1 / <f64>best.weight;
    best.dueTime = max(best.dueTime, this.time - CATCH_UP_TURNS * turn) + turn;
    return best;
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
    const isAdmitted = !endpoint.isEjected || this.outliers.isPanicking;
    const isWanted = isAdmitted && endpoint.available.length > 0;
    if (isWanted == endpoint.isAvailable) return;
    if (isWanted) {
      if (endpoint.dueTime == 0) endpoint.dueTime = this.time + 1 / <f64>endpoint.weight;
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
    this.weigh();
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
