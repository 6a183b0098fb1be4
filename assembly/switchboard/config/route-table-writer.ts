// Writes a route table (route/table.ts and what it refers to) into one block of memory.
// Allocates: the table; cold path only.

import { Codec } from "../../codec/codec";
import { Mutation, MutationEntry } from "../../codec/mutation";
import { installedFilters } from "../../filter/installed";
import { pinFilters } from "../filter/table-filters";
import { TableAttribute, ValueIndex } from "../route/attribute";
import { LoadBalancer, RouteCluster } from "../route/cluster";
import { Dfa, DFA_ACCEPTING, DFA_CLASS_OF } from "../route/dfa";
import {
  SLOT_BYTES,
  SLOT_REFERENCE,
  VALUE_SLOT_BYTES,
  VALUE_SLOT_ID,
  VALUE_SLOT_LEN,
  VALUE_SLOT_PTR,
} from "../route/hash-slots";
import { AttributeMatch, MatchKind } from "../route/match";
import { PrefixNode } from "../route/prefix-tree";
import { RouteEntry } from "../route/route-entry";
import { BucketIndex, RouteBucket, RouteGroup } from "../route/route-group";
import { RouteTable } from "../route/table";
import { WeightedCluster } from "../route/weighted-cluster";
import { nextOffset } from "./dfa-check";
import { PolicyWriter } from "./policy-writer";
import { RecordVector } from "./record-vector";
import { RouteIndexBuilder } from "./route-index-builder";
import {
  FilterRecord,
  MatchRecord,
  MutationRecord,
  RouteRecord,
  RouteRecords,
} from "./route-records";
import { RouteTableLayout } from "./route-table-layout";

/** `records` are sound and `index` is built from them. Each method is called once for each number. */
export class RouteTableWriter {
  private records: RouteRecords;
  private index: RouteIndexBuilder;
  private codec: Codec;
  readonly at: RouteTableLayout;
  private policies: PolicyWriter;
  private nextMatch: usize = 0;
  private nextMutation: usize = 0;
  private nextMutationEntry: usize = 0;
  private nextFilterSet: usize = 0;
  /** What routes without filters of their own have. */
  private commonFilters: usize = 0;
  private nextGroupAttribute: usize = 0;
  private nextBucket: usize = 0;
  private size: u32 = 0;

  constructor(records: RouteRecords, index: RouteIndexBuilder, codec: Codec) {
    this.records = records;
    this.index = index;
    this.codec = codec;
    const at = new RouteTableLayout();
    this.at = at;
    this.policies = new PolicyWriter(records, at, codec);
  }

  /** The block; it is to be cleared, and the bytes copied, before anything is written. */
  allocate(): void {
    const at = this.at;
    at.count(this.records, this.index);
    this.size = at.place(0, this.records, this.index);
    at.place(heap.alloc(this.size), this.records, this.index);
    this.nextMatch = at.matches;
    this.nextMutation = at.mutations;
    this.nextMutationEntry = at.mutationEntries;
    this.nextFilterSet = at.filterSets;
    this.nextGroupAttribute = at.groupAttributes;
    this.nextBucket = at.buckets;
  }

  /** From the start of the block. What follows is copied as a whole. */
  get bytesToClear(): u32 {
    return <u32>(this.at.dfaBytes - this.at.table);
  }

  /** The table, with one reference, when all else is written. */
  writeTable(): RouteTable {
    const values = changetype<ValueIndex>(this.at.valueIndex);
    values.slots = this.at.valueSlots;
    values.shift = this.index.valueIndex.shift;
    const buckets = changetype<BucketIndex>(this.at.bucketIndex);
    buckets.slots = this.at.bucketSlots;
    buckets.shift = this.index.bucketIndex.shift;
    buckets.values = values;
    const table = changetype<RouteTable>(this.at.table);
    table.namePtr = this.at.bytes + this.records.name;
    table.nameLen = this.records.nameLen;
    table.sizeBytes = this.size;
    table.references = 1;
    table.routeCount = this.records.routes.count;
    table.clusterCount = this.records.namedClusters;
    table.clusters = this.at.clusters;
    table.groups = this.at.groups;
    table.groupCount = this.index.groups.count;
    table.buckets = buckets;
    table.attributes = this.at.attributes;
    table.attributeCount = this.records.attributes.count;
    table.cursors = this.at.cursors;
    table.filters = this.commonFilterSet();
    const filters = this.records.tableFilters;
    if (!filters.isEmpty) table.pinnedFilters = pinFilters(filters);
    return table;
  }

  writeDfa(i: u32): void {
    const record = this.records.dfa(i);
    const bytes = this.at.dfaBytes + record.offset;
    const dfa = changetype<Dfa>(this.dfa(i));
    dfa.classes = record.classes;
    dfa.classOf = bytes + DFA_CLASS_OF;
    dfa.accepting = bytes + DFA_ACCEPTING;
    dfa.next = bytes + nextOffset(record.states);
  }

  writePrefixNode(position: u32): void {
    const prefixes = this.index.prefixes;
    const id = load<u32>(prefixes.placed.at(position));
    const record = prefixes.node(id);
    const node = changetype<PrefixNode>(this.prefixNode(id));
    node.id = id;
    node.attribute = record.attribute;
    node.bytes = this.at.bytes + record.bytes;
    node.end = record.end;
    node.isPrefix = record.isPrefix;
    node.shorter = this.prefixNode(record.shorter);
    node.childCount = <u16>record.childCount;
    if (record.childCount > 0) {
      node.children = this.prefixNode(record.firstChild);
      node.childBytes = this.at.childBytes + prefixes.node(record.firstChild).position;
    }
    if (record.parent != 0) {
      store<u8>(this.at.childBytes + position, <u8>prefixes.firstByte(id));
    }
  }

  writeAttribute(i: u32): void {
    const record = this.records.attribute(i);
    const index = this.index.attribute(i);
    const attribute = this.attribute(i);
    attribute.index = i;
    attribute.namePtr = this.at.bytes + record.name;
    attribute.nameLen = record.nameLen;
    attribute.id = this.codec.attributeId(attribute.namePtr, attribute.nameLen);
    attribute.maxIndexedLen = index.maxIndexedLen;
    attribute.prefixRoot = this.prefixNode(index.root);
    attribute.jumpBytes = this.index.jumps.depth(i);
    attribute.jumpSlots = this.at.jumpSlots;
    attribute.jumpShift = this.index.jumps.index.shift;
  }

  writeCluster(i: u32): void {
    const record = this.records.cluster(i);
    if (record.number == 0) return;
    const offset = <usize>(record.number - 1) * offsetof<RouteCluster>();
    const cluster = changetype<RouteCluster>(this.at.clusters + offset);
    cluster.namePtr = this.at.bytes + record.name;
    cluster.nameLen = record.nameLen;
    cluster.endpoints = record.endpoints;
    cluster.maxConnections = record.maxConnections;
    cluster.maxRequests = record.maxRequests;
    cluster.maxPendingRequests = record.maxPendingRequests;
    cluster.endpointsVersion = record.endpointsVersion;
    cluster.loadBalancer = <LoadBalancer>record.loadBalancer;
    cluster.hashPolicy = this.policies.writeHashPolicy(record.hashPolicy);
    cluster.outlierDetection = this.policies.writeOutlier(record.outlier);
    cluster.stickySession = this.policies.writeStickySession(record.stickySession);
    cluster.weights = this.policies.writeWeights(record);
    cluster.weightCount = record.weightCount;
    cluster.isOriginalDestination = record.isOriginalDestination;
  }

  writeDestination(i: u32): void {
    const record = this.records.destination(i);
    const offset = <usize>i * offsetof<WeightedCluster>();
    const destination = changetype<WeightedCluster>(this.at.destinations + offset);
    destination.cluster = this.records.cluster(record.cluster).number - 1;
    destination.cumulativeWeight = record.cumulativeWeight;
  }

  /** In their order. */
  writeRoute(i: u32): void {
    const record = this.records.route(i);
    const route = changetype<RouteEntry>(this.route(i));
    route.order = i;
    route.matches = this.nextMatch;
    route.matchCount = this.writeMatches(record);
    route.next = record.next == 0 ? 0 : this.route(record.next - 1);
    const first = <usize>record.firstDestination * offsetof<WeightedCluster>();
    route.destinations = this.at.destinations + first;
    route.destinationCount = record.destinationCount;
    route.totalWeight = record.totalWeight;
    route.timeoutMs = record.timeoutMs;
    route.requestMutation = this.writeMutation(
      this.records.requestMutations,
      record.firstRequestMutation,
      record.requestMutationCount,
    );
    route.responseMutation = this.writeMutation(
      this.records.responseMutations,
      record.firstResponseMutation,
      record.responseMutationCount,
    );
    route.requestFormat = this.mutationFormat(record.requestFormat);
    route.responseFormat = this.mutationFormat(record.responseFormat);
    route.filters = this.writeFilters(record);
    route.retryPolicy = this.policies.writeRetryPolicy(record.retryPolicy);
    route.hashPolicy = this.policies.writeHashPolicy(record.hashPolicy);
    route.stickySession = this.policies.writeStickySession(record.stickySession);
    route.mirrors = this.policies.writeMirrors(record);
    route.mirrorCount = record.mirrorCount;
    route.namePtr = this.at.bytes + record.name;
    route.nameLen = record.nameLen;
  }

  /** 0 for number 0, which is none. */
  private mutationFormat(number: u32): usize {
    const formats = this.records.tableFilters.mutationFormats;
    return number == 0 ? 0 : changetype<usize>(formats[number - 1]);
  }

  private commonFilterSet(): usize {
    const list = this.records.commonFilters;
    if (this.commonFilters != 0 || list.count == 0) return this.commonFilters;
    this.commonFilters = this.takeFilterSet();
    this.setFilters(this.commonFilters, list, 0, list.count);
    return this.commonFilters;
  }

  private writeFilters(route: RouteRecord): usize {
    const common = this.commonFilterSet();
    if (route.filterCount == 0) return common;
    const set = this.takeFilterSet();
    if (common != 0) memory.copy(set, common, <usize>installedFilters() * sizeof<usize>());
    this.setFilters(set, this.records.routeFilters, route.firstFilter, route.filterCount);
    return set;
  }

  private takeFilterSet(): usize {
    const set = this.nextFilterSet;
    this.nextFilterSet += <usize>installedFilters() * sizeof<usize>();
    return set;
  }

  private setFilters(set: usize, list: RecordVector, first: u32, count: u32): void {
    const configs = this.records.tableFilters.configs;
    for (let i = first; i < first + count; i++) {
      const record = changetype<FilterRecord>(list.at(i));
      const config = record.config == 0 ? <usize>0 : changetype<usize>(configs[record.config - 1]);
      store<usize>(set + <usize>record.filter * sizeof<usize>(), config);
    }
  }

  /** Returns how many are left to check when the route is found. */
  private writeMatches(route: RouteRecord): u32 {
    let count: u32 = 0;
    for (let i = route.firstMatch; i < route.firstMatch + route.matchCount; i++) {
      const record = this.records.match(i);
      if (record.isProven) continue;
      const match = changetype<AttributeMatch>(this.nextMatch);
      match.attribute = this.attribute(record.attribute);
      match.kind = record.kind;
      match.invert = record.invert;
      match.valuePtr = this.at.bytes + record.value;
      match.valueLen = record.valueLen;
      if (record.kind == MatchKind.Regex) this.writeRegex(match, record);
      this.nextMatch += offsetof<AttributeMatch>();
      count++;
    }
    return count;
  }

  /** What finding the route has compared already, the automaton need not run over again. */
  private writeRegex(match: AttributeMatch, record: MatchRecord): void {
    const dfa = this.records.dfa(record.dfa);
    match.dfa = changetype<Dfa>(this.dfa(record.dfa));
    match.skip = record.isLiteralProven ? dfa.literalLen : 0;
    match.state = record.isLiteralProven ? dfa.literalState : dfa.start;
  }

  private writeMutation(list: RecordVector, first: u32, count: u32): Mutation | null {
    if (count == 0) return null;
    const mutation = changetype<Mutation>(this.nextMutation);
    this.nextMutation += offsetof<Mutation>();
    mutation.count = count;
    mutation.entries = this.nextMutationEntry;
    for (let i = first; i < first + count; i++) {
      const record = changetype<MutationRecord>(list.at(i));
      const entry = changetype<MutationEntry>(this.nextMutationEntry);
      this.nextMutationEntry += offsetof<MutationEntry>();
      entry.operation = record.operation;
      entry.keyPtr = this.at.bytes + record.key;
      entry.keyLen = record.keyLen;
      entry.valuePtr = this.at.bytes + record.value;
      entry.valueLen = record.valueLen;
    }
    return mutation;
  }

  /** In their order. */
  writeGroup(i: u32): void {
    const record = this.index.group(i);
    const offset = <usize>i * offsetof<RouteGroup>();
    const group = changetype<RouteGroup>(this.at.groups + offset);
    group.index = i;
    group.leastOrder = record.leastOrder;
    group.exactAttributes = this.nextGroupAttribute;
    group.exactCount = record.exactCount;
    for (let j: u32 = 0; j < record.exactCount; j++) {
      const attribute = this.index.number(record.exactAttributes + j);
      store<TableAttribute>(this.nextGroupAttribute, this.attribute(attribute));
      this.nextGroupAttribute += sizeof<usize>();
    }
    const prefix = record.prefixAttribute;
    if (prefix != 0) {
      group.prefixAttribute = changetype<usize>(this.attribute(prefix - 1));
    }
  }

  /**
   * Decides where the bucket lies: together with its routes, for the sake of the processor's caches. In
   * their order, and before anything is written that refers to routes or buckets.
   */
  placeBucket(i: u32): void {
    const bucket = this.index.bucket(i);
    let address = this.nextBucket;
    bucket.address = address;
    const values = this.index.group(bucket.group).exactCount;
    address += offsetof<RouteBucket>() + <usize>values * sizeof<u32>();
    for (let next = bucket.firstRoute + 1; next != 0; next = this.records.route(next - 1).next) {
      this.records.route(next - 1).address = address;
      address += offsetof<RouteEntry>();
    }
    this.nextBucket = address;
  }

  writeBucket(i: u32): void {
    const record = this.index.bucket(i);
    const group = this.index.group(record.group);
    const bucket = changetype<RouteBucket>(record.address);
    bucket.group = record.group;
    bucket.prefixId = record.prefix;
    bucket.first = changetype<RouteEntry>(this.route(record.firstRoute));
    bucket.shorter = record.shorter == 0 ? 0 : this.index.bucket(record.shorter - 1).address;
    let address = record.address + offsetof<RouteBucket>();
    for (let j: u32 = 0; j < group.exactCount; j++) {
      store<u32>(address, this.index.number(record.values + j));
      address += sizeof<u32>();
    }
    if (group.exactCount == 0 && group.prefixAttribute == 0) {
      const offset = <usize>record.group * offsetof<RouteGroup>();
      changetype<RouteGroup>(this.at.groups + offset).scanned = record.address;
    }
  }

  writeBucketSlot(slot: u32): void {
    const buckets = this.index.bucketIndex;
    const reference = buckets.reference(slot);
    if (reference == 0) return;
    const address = this.at.bucketSlots + <usize>slot * SLOT_BYTES;
    store<u32>(address, buckets.hash(slot));
    store<usize>(address, this.index.bucket(reference - 1).address, SLOT_REFERENCE);
  }

  writeValueSlot(slot: u32): void {
    const values = this.index.valueIndex;
    const id = values.reference(slot);
    if (id == 0) return;
    const value = this.index.value(id - 1);
    const address = this.at.valueSlots + <usize>slot * VALUE_SLOT_BYTES;
    store<u32>(address, values.hash(slot));
    store<u32>(address, id, VALUE_SLOT_ID);
    store<usize>(address, this.at.bytes + value.value, VALUE_SLOT_PTR);
    store<u32>(address, value.valueLen, VALUE_SLOT_LEN);
  }

  writeJumpSlot(slot: u32): void {
    const jumps = this.index.jumps.index;
    const id = jumps.reference(slot);
    if (id == 0) return;
    const address = this.at.jumpSlots + <usize>slot * SLOT_BYTES;
    store<u32>(address, jumps.hash(slot));
    store<usize>(address, this.prefixNode(id), SLOT_REFERENCE);
  }

  private route(index: u32): usize {
    return this.records.route(index).address;
  }

  private attribute(index: u32): TableAttribute {
    return changetype<TableAttribute>(
      this.at.attributes + <usize>index * offsetof<TableAttribute>(),
    );
  }

  private dfa(index: u32): usize {
    return this.at.dfas + <usize>index * offsetof<Dfa>();
  }

  /** 0 for id 0, which is none. */
  private prefixNode(id: u32): usize {
    if (id == 0) return 0;
    const position = this.index.prefixes.node(id).position;
    return this.at.prefixNodes + <usize>position * offsetof<PrefixNode>();
  }
}
