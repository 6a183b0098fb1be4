// A route configuration as it was read: records that refer to each other by index and to bytes by
// offset, before any address is known.
// Allocates: on growth; cold path only.

import { TableFilters } from "../filter/table-filters";
import { HashKey } from "../route/hash-policy";
import { MatchKind } from "../route/match";
import { OutlierDetection } from "../route/outlier-detection";
import { RetryPolicy } from "../route/retry-policy";
import { ByteBuffer } from "./byte-buffer";
import { RecordVector } from "./record-vector";

/** Names are lower case; offsets are into `RouteRecords.bytes`. */
@unmanaged
export class AttributeRecord {
  name: u32;
  nameLen: u32;
}

@unmanaged
export class MatchRecord {
  attribute: u32;
  kind: MatchKind;
  invert: bool;
  /** Finding the route by its key proves that the match holds. */
  isProven: bool;
  /** Finding the route by its key proves that the value begins with the automaton's literal. */
  isLiteralProven: bool;
  value: u32;
  valueLen: u32;
  /** Regex: index of its DfaRecord. */
  dfa: u32;
}

@unmanaged
export class DestinationRecord {
  /** Index of its ClusterRecord. */
  cluster: u32;
  cumulativeWeight: u32;
}

@unmanaged
export class MutationRecord {
  operation: u32;
  key: u32;
  keyLen: u32;
  value: u32;
  valueLen: u32;
}

@unmanaged
export class MirrorRecord {
  /** Index of its ClusterRecord. */
  cluster: u32;
  perMillion: u32;
}

@unmanaged
export class HashPolicyRecord {
  key: HashKey;
  name: u32;
  nameLen: u32;
}

@unmanaged
export class StickySessionRecord {
  /** As it was written. */
  key: u32;
  name: u32;
  nameLen: u32;
  ttlMs: u32;
  isStrict: bool;
}

@unmanaged
export class EndpointWeightRecord {
  address: u32;
  addressLen: u32;
  weight: u32;
}

@unmanaged
export class FilterRecord {
  /** Number of the installed filter. */
  filter: u32;
  /** Number + 1 among `RouteRecords.tableFilters`; 0: the filter is disabled. */
  config: u32;
}

/** A configuration that `RouteRecords.tableFilters` has, in the same order. */
@unmanaged
export class KnownFilterRecord {
  filter: u32;
  /** In `RouteRecords.bytes`. */
  config: u32;
  configLen: u32;
}

@unmanaged
export class RouteRecord {
  name: u32;
  nameLen: u32;
  timeoutMs: u32;
  firstMatch: u32;
  matchCount: u32;
  firstDestination: u32;
  destinationCount: u32;
  totalWeight: u32;
  firstRequestMutation: u32;
  requestMutationCount: u32;
  firstResponseMutation: u32;
  responseMutationCount: u32;
  /** Number + 1 among `RouteRecords.tableFilters.mutationFormats`, or 0. */
  requestFormat: u32;
  responseFormat: u32;
  firstFilter: u32;
  filterCount: u32;
  firstMirror: u32;
  mirrorCount: u32;
  /** Number + 1 in its list, or 0. */
  retryPolicy: u32;
  hashPolicy: u32;
  stickySession: u32;
  /** Index + 1 of the next route in the same bucket, or 0. */
  next: u32;
  /** Number of what counts the routes with the same exact values, or 0. */
  sharers: u32;
  /** Where route-table-writer.ts puts it. */
  address: usize;
}

@unmanaged
export class ClusterRecord {
  name: u32;
  nameLen: u32;
  endpoints: u32;
  maxConnections: u32;
  maxRequests: u32;
  maxPendingRequests: u32;
  loadBalancer: i32;
  endpointsVersion: u64;
  isListed: bool;
  isOriginalDestination: bool;
  /** Number + 1 in its list, or 0. */
  hashPolicy: u32;
  outlier: u32;
  stickySession: u32;
  firstWeight: u32;
  weightCount: u32;
  /** Index + 1 among the clusters that destinations name, or 0. */
  number: u32;
}

/** The automaton is in `RouteRecords.dfaBytes`. */
@unmanaged
export class DfaRecord {
  offset: u32;
  len: u32;
  states: u32;
  classes: u32;
  start: u32;
  /** What every matching value begins with, in `RouteRecords.bytes`. */
  literal: u32;
  literalLen: u32;
  /** The state that the literal leads to. */
  literalState: u32;
}

export class RouteRecords {
  name: u32 = 0;
  nameLen: u32 = 0;
  readonly bytes: ByteBuffer = new ByteBuffer();
  /** Each automaton starts at an even offset. */
  readonly dfaBytes: ByteBuffer = new ByteBuffer();
  readonly attributes: RecordVector = new RecordVector(offsetof<AttributeRecord>());
  readonly matches: RecordVector = new RecordVector(offsetof<MatchRecord>());
  readonly destinations: RecordVector = new RecordVector(offsetof<DestinationRecord>());
  readonly requestMutations: RecordVector = new RecordVector(offsetof<MutationRecord>());
  readonly responseMutations: RecordVector = new RecordVector(offsetof<MutationRecord>());
  /** Of the whole route configuration. */
  readonly commonFilters: RecordVector = new RecordVector(offsetof<FilterRecord>());
  readonly routeFilters: RecordVector = new RecordVector(offsetof<FilterRecord>());
  readonly knownFilters: RecordVector = new RecordVector(offsetof<KnownFilterRecord>());
  readonly mirrors: RecordVector = new RecordVector(offsetof<MirrorRecord>());
  readonly hashPolicies: RecordVector = new RecordVector(offsetof<HashPolicyRecord>());
  readonly stickySessions: RecordVector = new RecordVector(offsetof<StickySessionRecord>());
  readonly endpointWeights: RecordVector = new RecordVector(offsetof<EndpointWeightRecord>());
  /** As the table has them. */
  readonly retryPolicies: RecordVector = new RecordVector(offsetof<RetryPolicy>());
  readonly outliers: RecordVector = new RecordVector(offsetof<OutlierDetection>());
  readonly tableFilters: TableFilters = new TableFilters();
  readonly routes: RecordVector = new RecordVector(offsetof<RouteRecord>());
  readonly clusters: RecordVector = new RecordVector(offsetof<ClusterRecord>());
  /** Clusters that destinations name. */
  namedClusters: u32 = 0;
  readonly dfas: RecordVector = new RecordVector(offsetof<DfaRecord>());

  attribute(index: u32): AttributeRecord {
    return changetype<AttributeRecord>(this.attributes.at(index));
  }

  match(index: u32): MatchRecord {
    return changetype<MatchRecord>(this.matches.at(index));
  }

  destination(index: u32): DestinationRecord {
    return changetype<DestinationRecord>(this.destinations.at(index));
  }

  route(index: u32): RouteRecord {
    return changetype<RouteRecord>(this.routes.at(index));
  }

  cluster(index: u32): ClusterRecord {
    return changetype<ClusterRecord>(this.clusters.at(index));
  }

  dfa(index: u32): DfaRecord {
    return changetype<DfaRecord>(this.dfas.at(index));
  }

  free(): void {
    this.bytes.free();
    this.dfaBytes.free();
    this.attributes.free();
    this.matches.free();
    this.destinations.free();
    this.requestMutations.free();
    this.responseMutations.free();
    this.commonFilters.free();
    this.routeFilters.free();
    this.knownFilters.free();
    this.mirrors.free();
    this.hashPolicies.free();
    this.stickySessions.free();
    this.endpointWeights.free();
    this.retryPolicies.free();
    this.outliers.free();
    this.routes.free();
    this.clusters.free();
    this.dfas.free();
  }
}
