// Dials that no request asks for: to meet every endpoint of a cluster, and to replace connections.
//
// Envoy chooses the endpoint of each connection, so an endpoint is met by dialling until it is.
//   known number of endpoints    dial until all are met; then once in EXPLORE_INTERVAL_MS
//   unknown                      dial until one finds no new endpoint; then likewise
// Where endpoints are missing (one is down, or Envoy has ejected it) as many dials as there are endpoints
// are made with a pause between them, then as many with twice the pause, up to the interval.
//
// Allocates: never.
import { clock } from "../clock";
import { ClusterBounds } from "./cluster-bounds";

const EXPLORE_INTERVAL_MS: u64 = 10000;
const FIRST_PAUSE_MS: u64 = 1000;
/** Dials in search of endpoints whose number is unknown. */
const FIRST_EXPLORATION: u32 = 2;
/** Envoy's worker may hear of new endpoints a little later than the module does. */
const RENEWAL_DELAY_MS: u64 = 1000;

/** Which connections give way once the dials that replace them are done. */
export enum Renewal {
  None,
  /** All that were dialled before the endpoints changed. */
  Outdated,
  /** The oldest: in time every connection is made anew, and weights and endpoints take effect. */
  Oldest,
}

export class DialPlan {
  /** Counts changes of the endpoints; connections remember which one they were dialled under. */
  epoch: u32 = 0;
  /** Dials that may still be spent on endpoints that are not met. */
  private exploration: u32 = 0;
  /** One dial to see whether there is an endpoint that is not known. */
  private isLookDue: bool = false;
  private exploredMs: u64;
  private pauseMs: u64 = FIRST_PAUSE_MS;
  /** Dials made with this pause. */
  private looks: u32 = 0;
  private renewal: Renewal = Renewal.None;
  private renewalDials: u32 = 0;
  private renewalDueMs: u64 = 0;
  private hasRenewed: bool = false;

  constructor(private readonly bounds: ClusterBounds) {
    this.exploredMs = clock.nowMs;
    this.exploreAll();
  }

  private exploreAll(): void {
    const known = this.bounds.endpoints;
    this.exploration = known == 0 ? FIRST_EXPLORATION : this.searchDials(known);
    this.lookSoon();
  }

  /** Dials by which each of `count` endpoints is likely to be met. */
  searchDials(count: u32): u32 {
    return 2 * count + 2 + this.bounds.weights.spread(count);
  }

  /** The pool is used again after a long time without: endpoints may have been lost meanwhile. */
  onUsedAgain(): void {
    this.exploreAll();
  }

  private lookSoon(): void {
    this.pauseMs = FIRST_PAUSE_MS;
    this.looks = 0;
  }

  /** How many dials are due, those under way included; `met`: endpoints with a connection. */
  dials(met: u32): u32 {
    const known = this.bounds.endpoints;
    let missing = this.exploration;
    if (known > 0) {
      const unmet = known > met ? known - met : 0;
      if (unmet < missing) missing = unmet;
    }
    if (missing == 0 && this.isLookDue) missing = 1;
    return missing > this.renewalDials ? missing : this.renewalDials;
  }

  onDialing(): void {
    this.isLookDue = false;
    if (this.renewalDials > 0) this.renewalDials--;
    else if (this.exploration > 0) this.exploration--;
  }

  /** The dial said nothing about the endpoints: once more. */
  onAborted(): void {
    if (this.renewal != Renewal.None) this.renewalDials++;
    else this.exploration++;
  }

  /** A dial ended before it could tell anything: it is to be made again. */
  onDialAborted(): void {
    this.exploration++;
  }

  onConnected(isNewEndpoint: bool): void {
    this.hasRenewed = true;
    if (!isNewEndpoint) return;
    this.lookSoon();
    if (this.bounds.endpoints == 0 && this.exploration == 0) this.exploration = 1;
  }

  /** An endpoint's last connection is gone: look for it, but not at once. */
  onLost(): void {
    this.lookSoon();
    this.exploredMs = clock.nowMs;
  }

  /** The control plane says that the endpoints are others. */
  onEndpointsChanged(hasConnections: bool): void {
    this.exploreAll();
    if (hasConnections) this.renewalDueMs = clock.nowMs + RENEWAL_DELAY_MS;
  }

  /** Once a second while the pool is in use. */
  tick(met: u32): void {
    const now = clock.nowMs;
    if (this.renewalDueMs != 0 && now >= this.renewalDueMs) {
      this.renewalDueMs = 0;
      this.epoch++;
      const known = this.bounds.endpoints;
      this.start(Renewal.Outdated, known == 0 ? met + 1 : known);
      return;
    }
    const isIncomplete = met < this.bounds.endpoints;
    const interval = isIncomplete ? this.pauseMs : EXPLORE_INTERVAL_MS;
    if (now - this.exploredMs < interval) return;
    this.exploredMs = now;
    if (isIncomplete && this.exploration == 0) this.exploration = 1;
    this.isLookDue = true;
    this.looks++;
    if (this.looks < this.bounds.endpoints) return;
    this.looks = 0;
    const longer = this.pauseMs * 2;
    this.pauseMs = longer < EXPLORE_INTERVAL_MS ? longer : EXPLORE_INTERVAL_MS;
  }

  /** Replaces the oldest connection, unless a renewal is under way already. */
  renewOldest(): void {
    if (this.renewal == Renewal.None && this.renewalDueMs == 0) this.start(Renewal.Oldest, 1);
  }

  /** The oldest connection is drained before its successor is dialled. */
  onReplaced(): void {
    if (this.renewal != Renewal.Oldest) return;
    this.renewal = Renewal.None;
    this.renewalDials = 0;
    this.exploration++;
  }

  get isRenewing(): bool {
    return this.renewal != Renewal.None;
  }

  private start(renewal: Renewal, dials: u32): void {
    this.renewal = renewal;
    this.renewalDials = dials;
    this.hasRenewed = false;
  }

  /** What is to be drained now; None while dials are due or under way. */
  finishRenewal(dialing: u32): Renewal {
    if (this.renewal == Renewal.None || this.renewalDials > 0 || dialing > 0) return Renewal.None;
    const renewal = this.renewal;
    this.renewal = Renewal.None;
    // Nothing new to go on with: the old connections are better than none.
    return this.hasRenewed ? renewal : Renewal.None;
  }
}
