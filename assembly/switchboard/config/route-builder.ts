// Builds a route table from what a decoder finds, and refuses what is not sound.
//
// A decoder calls begin..., the setters of that element in any order, and end... Every address it
// gives is borrowed until the call returns. The decoder also tells `faults` where it is
// (`Faults.enter`); faults that are found here are added there.
//
// Allocates: cold path only; freed, but for the table, when the last of `advance` or `discard` returns.

import { Codec } from "../../codec/codec";
import { ROUTE_TIMEOUT_DEFAULT } from "../route/route-entry";
import { RouteTable } from "../route/table";
import { ClusterBuilder } from "./cluster-builder";
import { durationFault } from "./duration";
import { Faults } from "./faults";
import { FilterBuilder } from "./filter-builder";
import { MatchBuilder } from "./match-builder";
import { MutationBuilder } from "./mutation-builder";
import { PolicyBuilder } from "./policy-builder";
import { RecordVector } from "./record-vector";
import {
  MAX_DESTINATIONS_PER_ROUTE,
  MAX_MATCHES_PER_ROUTE,
  MAX_MIRRORS_PER_ROUTE,
  MAX_MUTATIONS_PER_ROUTE,
  MAX_ROUTES,
} from "./route-limits";
import { RouteRecorder } from "./route-recorder";
import { DestinationRecord } from "./route-records";
import { RouteTableBuild } from "./route-table-build";
import { WHOLE, WorkBudget } from "./work-budget";

/** For one table; a second one needs another builder. */
export class RouteTableBuilder {
  /** The match of the route at hand: `begin`, setters, `end`. */
  readonly match: MatchBuilder;
  /** The cluster at hand: likewise. */
  readonly cluster: ClusterBuilder;
  /** The mutation at hand: `begin`, setters, then `endRequestMutation` or `endResponseMutation`. */
  readonly mutation: MutationBuilder;
  /** Of the route or cluster at hand. */
  readonly policy: PolicyBuilder;
  /** The filter at hand: `begin`, setters, then `endFilter` or `endRouteFilter`. */
  readonly filter: FilterBuilder;
  private recorder: RouteRecorder;
  private faults: Faults;
  private faultsBefore: u32;
  private route: u32 = 0;
  private totalWeight: u64 = 0;
  private destination: u32 = 0;
  private destinationLen: u32 = 0;
  private isDestinationSet: bool = false;
  private hasDestinations: bool = false;
  private isNameSet: bool = false;
  private weight: u32 = 0;
  private indexing: RouteTableBuild | null = null;
  private table: RouteTable | null = null;

  constructor(faults: Faults, codec: Codec) {
    const recorder = new RouteRecorder(faults);
    this.faults = faults;
    this.faultsBefore = faults.count;
    this.recorder = recorder;
    this.match = new MatchBuilder(recorder);
    this.cluster = new ClusterBuilder(recorder);
    this.mutation = new MutationBuilder(recorder, codec);
    this.filter = new FilterBuilder(recorder, codec);
    this.policy = new PolicyBuilder(recorder);
  }

  setName(ptr: usize, len: u32): void {
    this.isNameSet = true;
    if (!this.recorder.takeSome("name", ptr, len)) return;
    this.recorder.records.name = this.recorder.taken;
    this.recorder.records.nameLen = len;
  }

  /** The decoder has found a fault in the name: no further ones follow from it. */
  refuseName(): void {
    this.isNameSet = true;
  }

  beginRoute(): void {
    const records = this.recorder.records;
    if (records.routes.count == MAX_ROUTES) {
      this.faults.add("more than " + MAX_ROUTES.toString() + " routes");
    }
    // Beyond the bounds nothing will be built: the last record serves all further routes.
    const isBounded = records.routes.count < MAX_ROUTES && this.recorder.spendRecord();
    if (isBounded || records.routes.count == 0) records.routes.add();
    this.route = records.routes.count - 1;
    this.totalWeight = 0;
    this.hasDestinations = false;
    const route = records.route(this.route);
    route.timeoutMs = ROUTE_TIMEOUT_DEFAULT;
    route.firstMatch = records.matches.count;
    route.firstDestination = records.destinations.count;
    route.firstRequestMutation = records.requestMutations.count;
    route.firstResponseMutation = records.responseMutations.count;
    route.firstFilter = records.routeFilters.count;
    route.firstMirror = records.mirrors.count;
  }

  setRouteName(ptr: usize, len: u32): void {
    if (!this.recorder.take("name", ptr, len)) return;
    const route = this.recorder.records.route(this.route);
    route.name = this.recorder.taken;
    route.nameLen = len;
  }

  /** What `durationMs` or `parseDurationMs` returned. */
  setRouteTimeout(ms: i64): void {
    if (ms < 0) this.faults.addAt("timeout", durationFault(ms));
    else this.recorder.records.route(this.route).timeoutMs = <u32>ms;
  }

  /** Number + 1 of the policy, 0: none. */
  setRetryPolicy(policy: u32): void {
    this.recorder.records.route(this.route).retryPolicy = policy;
  }

  setHashPolicy(policy: u32): void {
    this.recorder.records.route(this.route).hashPolicy = policy;
  }

  setStickySession(session: u32): void {
    this.recorder.records.route(this.route).stickySession = session;
  }

  beginDestination(): void {
    this.hasDestinations = true;
    this.isDestinationSet = false;
    this.weight = 0;
  }

  setDestinationCluster(ptr: usize, len: u32): void {
    this.isDestinationSet = true;
    this.destinationLen = this.recorder.takeSome("cluster", ptr, len) ? len : 0;
    this.destination = this.recorder.taken;
  }

  /** The decoder has found a fault in the cluster's name: no further ones follow from it. */
  refuseDestination(): void {
    this.isDestinationSet = true;
    this.destinationLen = 0;
  }

  setDestinationWeight(weight: u32): void {
    this.weight = weight;
  }

  endDestination(): void {
    if (!this.isDestinationSet) this.faults.addAt("cluster", "missing");
    if (!this.isDestinationSet || this.destinationLen == 0) return;
    if (!this.recorder.spendRecord()) return;
    const records = this.recorder.records;
    const index = this.recorder.cluster(this.destination, this.destinationLen);
    const cluster = records.cluster(index);
    if (cluster.number == 0) cluster.number = ++records.namedClusters;
    this.totalWeight += this.weight;
    const destination = changetype<DestinationRecord>(records.destinations.add());
    destination.cluster = index;
    destination.cumulativeWeight = <u32>this.totalWeight;
  }

  endRequestMutation(): void {
    this.mutation.endRequest(this.recorder.records.route(this.route).firstRequestMutation);
  }

  endResponseMutation(): void {
    this.mutation.endResponse(this.recorder.records.route(this.route).firstResponseMutation);
  }

  /** Of the whole configuration. */
  endFilter(): void {
    this.filter.end(this.recorder.records.commonFilters, 0);
  }

  endRouteFilter(): void {
    const records = this.recorder.records;
    this.filter.end(records.routeFilters, records.route(this.route).firstFilter);
  }

  endRoute(): void {
    const records = this.recorder.records;
    const route = records.route(this.route);
    route.totalWeight = <u32>this.totalWeight;
    route.matchCount = this.added(
      "match",
      records.matches,
      route.firstMatch,
      MAX_MATCHES_PER_ROUTE,
    );
    route.destinationCount = this.added(
      "destinations",
      records.destinations,
      route.firstDestination,
      MAX_DESTINATIONS_PER_ROUTE,
    );
    route.requestMutationCount = this.added(
      "requestMutation",
      records.requestMutations,
      route.firstRequestMutation,
      MAX_MUTATIONS_PER_ROUTE,
    );
    route.responseMutationCount = this.added(
      "responseMutation",
      records.responseMutations,
      route.firstResponseMutation,
      MAX_MUTATIONS_PER_ROUTE,
    );
    route.mirrorCount = this.added(
      "mirrors",
      records.mirrors,
      route.firstMirror,
      MAX_MIRRORS_PER_ROUTE,
    );
    this.mutation.endRoute(route);
    route.filterCount = records.routeFilters.count - route.firstFilter;
    if (!this.hasDestinations) {
      this.faults.addAt("destinations", "at least one is needed");
    }
    if (route.destinationCount > 1 && this.totalWeight == 0) {
      this.faults.addAt("destinations", "the weights are all zero");
    }
    if (this.totalWeight > u32.MAX_VALUE) {
      this.faults.addAt("destinations", "the sum of the weights is over 4294967295");
    }
  }

  /** How many records the route has added to `list`. */
  private added(field: string, list: RecordVector, first: u32, most: u32): u32 {
    const count = list.count - first;
    if (count > most) {
      this.faults.addAt(field, count.toString() + " elements, at most " + most.toString());
    }
    return count;
  }

  /**
   * To be called when all is decoded, and again until it returns true: then `takeTable` tells the result,
   * and everything else is freed.
   */
  advance(codec: Codec, budget: WorkBudget): bool {
    let build = this.indexing;
    if (build === null) {
      if (!this.isNameSet) this.faults.addAt("name", "missing");
      if (this.faults.count != this.faultsBefore) {
        this.discard();
        return true;
      }
      build = new RouteTableBuild(this.recorder.records, codec);
      this.indexing = build;
    }
    if (!build.advance(budget)) return false;
    this.table = build.finish();
    this.discard();
    return true;
  }

  /** The table, with one reference that the caller owns, or null when there are faults. */
  takeTable(): RouteTable | null {
    const table = this.table;
    this.table = null;
    return table;
  }

  /** All of it at once. */
  build(codec: Codec): RouteTable | null {
    this.advance(codec, new WorkBudget(WHOLE));
    return this.takeTable();
  }

  /** Frees everything; the builder is of no use afterwards. */
  discard(): void {
    const build = this.indexing;
    if (build !== null) build.free();
    this.recorder.free();
    this.match.free();
    this.filter.free();
  }
}
