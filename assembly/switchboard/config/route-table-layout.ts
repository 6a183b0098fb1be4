// Where in a route table's block each kind of record begins.
// Allocates: cold path only.

import { Mutation, MutationEntry } from "../../codec/mutation";
import { installedFilters } from "../../filter/installed";
import { TableAttribute, ValueIndex } from "../route/attribute";
import { RouteCluster } from "../route/cluster";
import { Dfa } from "../route/dfa";
import { EndpointWeight } from "../route/endpoint-weight";
import { SLOT_BYTES, VALUE_SLOT_BYTES } from "../route/hash-slots";
import { HashPolicy } from "../route/hash-policy";
import { AttributeMatch } from "../route/match";
import { Mirror } from "../route/mirror";
import { OutlierDetection } from "../route/outlier-detection";
import { CHILD_BYTES_PADDING, PrefixNode } from "../route/prefix-tree";
import { RouteEntry } from "../route/route-entry";
import { BucketIndex, RouteBucket, RouteGroup } from "../route/route-group";
import { RetryPolicy } from "../route/retry-policy";
import { StickySession } from "../route/sticky-session";
import { RouteTable } from "../route/table";
import { WeightedCluster } from "../route/weighted-cluster";
import { RouteIndexBuilder } from "./route-index-builder";
import { RouteRecords } from "./route-records";

const ALIGNMENT: usize = 8;

export class RouteTableLayout {
  table: usize = 0;
  valueIndex: usize = 0;
  bucketIndex: usize = 0;
  attributes: usize = 0;
  groups: usize = 0;
  groupAttributes: usize = 0;
  cursors: usize = 0;
  bucketSlots: usize = 0;
  valueSlots: usize = 0;
  jumpSlots: usize = 0;
  childBytes: usize = 0;
  /** Each bucket with its values, and then its routes in order. */
  buckets: usize = 0;
  matches: usize = 0;
  prefixNodes: usize = 0;
  destinations: usize = 0;
  clusters: usize = 0;
  mutations: usize = 0;
  mutationEntries: usize = 0;
  /** For each distinct set of filters, one FilterConfig or 0 for each installed one. */
  filterSets: usize = 0;
  retryPolicies: usize = 0;
  outliers: usize = 0;
  mirrors: usize = 0;
  hashPolicies: usize = 0;
  stickySessions: usize = 0;
  endpointWeights: usize = 0;
  dfas: usize = 0;
  dfaBytes: usize = 0;
  bytes: usize = 0;
  /** Matches that finding a route does not prove. */
  private unprovenMatches: u32 = 0;
  private mutatedDirections: u32 = 0;
  private groupedAttributes: u32 = 0;
  private bucketValues: u32 = 0;
  private cursorCount: u32 = 0;
  private filterSetCount: u32 = 0;
  private end: usize = 0;

  /** Before `place`, once the index is built. */
  count(records: RouteRecords, index: RouteIndexBuilder): void {
    let unproven: u32 = 0;
    for (let i: u32 = 0; i < records.matches.count; i++) {
      if (!records.match(i).isProven) unproven++;
    }
    let directions: u32 = 0;
    let filterSets: u32 = records.commonFilters.count > 0 ? 1 : 0;
    for (let i: u32 = 0; i < records.routes.count; i++) {
      const route = records.route(i);
      if (route.requestMutationCount > 0) directions++;
      if (route.responseMutationCount > 0) directions++;
      if (route.filterCount > 0) filterSets++;
    }
    let grouped: u32 = 0;
    let cursors: u32 = 0;
    for (let i: u32 = 0; i < index.groups.count; i++) {
      grouped += index.group(i).exactCount;
      cursors += index.group(i).maxDepth;
    }
    let values: u32 = 0;
    for (let i: u32 = 0; i < index.buckets.count; i++) {
      values += index.group(index.bucket(i).group).exactCount;
    }
    this.unprovenMatches = unproven;
    this.mutatedDirections = directions;
    this.filterSetCount = filterSets;
    this.groupedAttributes = grouped;
    this.bucketValues = values;
    this.cursorCount = cursors;
  }

  /** Sets all addresses for a block at `base`; returns the bytes it takes. */
  place(base: usize, records: RouteRecords, index: RouteIndexBuilder): u32 {
    this.end = base;
    this.table = this.section(1, offsetof<RouteTable>());
    this.bucketIndex = this.section(1, offsetof<BucketIndex>());
    this.valueIndex = this.section(1, offsetof<ValueIndex>());
    this.groups = this.section(index.groups.count, offsetof<RouteGroup>());
    this.groupAttributes = this.section(this.groupedAttributes, sizeof<usize>());
    this.attributes = this.section(records.attributes.count, offsetof<TableAttribute>());
    this.cursors = this.section(this.cursorCount, sizeof<usize>());
    this.bucketSlots = this.section(index.bucketIndex.slotCount, SLOT_BYTES);
    this.valueSlots = this.section(index.valueIndex.slotCount, VALUE_SLOT_BYTES);
    this.jumpSlots = this.section(index.jumps.index.slotCount, SLOT_BYTES);
    this.buckets = this.section(1, this.bucketBytes(records, index));
    this.matches = this.section(this.unprovenMatches, offsetof<AttributeMatch>());
    const nodes = index.prefixes.placed.count;
    this.prefixNodes = this.section(nodes, offsetof<PrefixNode>());
    this.childBytes = this.section(nodes + CHILD_BYTES_PADDING, 1);
    this.destinations = this.section(records.destinations.count, offsetof<WeightedCluster>());
    this.clusters = this.section(records.namedClusters, offsetof<RouteCluster>());
    this.mutations = this.section(this.mutatedDirections, offsetof<Mutation>());
    const entries = records.requestMutations.count + records.responseMutations.count;
    this.mutationEntries = this.section(entries, offsetof<MutationEntry>());
    const filterSetBytes = <usize>installedFilters() * sizeof<usize>();
    this.filterSets = this.section(this.filterSetCount, filterSetBytes);
    this.retryPolicies = this.section(records.retryPolicies.count, offsetof<RetryPolicy>());
    this.outliers = this.section(records.outliers.count, offsetof<OutlierDetection>());
    this.mirrors = this.section(records.mirrors.count, offsetof<Mirror>());
    this.hashPolicies = this.section(records.hashPolicies.count, offsetof<HashPolicy>());
    this.stickySessions = this.section(records.stickySessions.count, offsetof<StickySession>());
    this.endpointWeights = this.section(records.endpointWeights.count, offsetof<EndpointWeight>());
    this.dfas = this.section(records.dfas.count, offsetof<Dfa>());
    this.dfaBytes = this.section(records.dfaBytes.len, 1);
    this.bytes = this.section(records.bytes.len, 1);
    return <u32>(this.end - base);
  }

  private bucketBytes(records: RouteRecords, index: RouteIndexBuilder): usize {
    return (
      <usize>index.buckets.count * offsetof<RouteBucket>() +
      <usize>this.bucketValues * sizeof<u32>() +
      <usize>records.routes.count * offsetof<RouteEntry>()
    );
  }

  private section(count: u32, recordBytes: usize): usize {
    const address = this.end;
    this.end = (address + <usize>count * recordBytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    return address;
  }
}
