// Decides how each route of a table is found: its key, its group and its bucket
// (route/route-group.ts), and builds the indexes for that. Linear in the size of the configuration.
// Allocates: on growth; cold path only.

import { equalBytes, hashBytes } from "../../wire/bytes";
import { GROUP_SEED, mixKey } from "../route/hash-slots";
import { MatchKind } from "../route/match";
import { HashIndex } from "./hash-index";
import { PrefixJumps } from "./prefix-jumps";
import { PrefixTreeBuilder } from "./prefix-tree-builder";
import { RecordVector } from "./record-vector";
import { MAX_MATCHES_PER_ROUTE } from "./route-limits";
import { MatchRecord, RouteRecord, RouteRecords } from "./route-records";

/**
 * Up to so many routes with equal exact values, to try them one by one is cheaper than to walk a
 * prefix tree (wasm-test/switchboard/route-cost.test.ts).
 */
const FEW_ROUTES: u32 = 4;

/** How the values of one attribute are indexed. */
@unmanaged
export class AttributeIndexRecord {
  maxIndexedLen: u32;
  /** Prefix tree, or 0. */
  root: u32;
  /** Index + 1 of the last route with an exact key on it. */
  exactIn: u32;
}

/** A value that keys are made of; offsets are into `RouteRecords.bytes`. */
@unmanaged
export class ValueRecord {
  value: u32;
  valueLen: u32;
}

@unmanaged
export class GroupRecord {
  leastOrder: u32;
  /** Index of its `exactCount` attributes in `RouteIndexBuilder.numbers`. */
  exactAttributes: u32;
  exactCount: u32;
  /** Index + 1 of an attribute, or 0. */
  prefixAttribute: u32;
  firstBucket: u32;
  /** Buckets that one lookup can find. */
  maxDepth: u32;
}

@unmanaged
export class BucketRecord {
  group: u32;
  /** Hash of the group and the values, without the prefix. */
  valuesHash: u32;
  /** Index of its values' ids in `RouteIndexBuilder.numbers`. */
  values: u32;
  prefix: u32;
  firstRoute: u32;
  lastRoute: u32;
  /** Index + 1 of a bucket, or 0. */
  shorter: u32;
  /** Length of the chain of `shorter` from here, this one included; 0: not known yet. */
  depth: u32;
  /** Where route-table-writer.ts puts it. */
  address: usize;
}

/** Matches of one route that could be its key's prefix: index of the match and its tree's node. */
@unmanaged
class CandidateRecord {
  match: u32;
  node: u32;
}

/** route-table-build.ts calls its steps, each for all routes, nodes or buckets before the next. */
export class RouteIndexBuilder {
  readonly attributes: RecordVector = new RecordVector(offsetof<AttributeIndexRecord>());
  readonly values: RecordVector = new RecordVector(offsetof<ValueRecord>());
  readonly valueIndex: HashIndex = new HashIndex();
  readonly groups: RecordVector = new RecordVector(offsetof<GroupRecord>());
  readonly buckets: RecordVector = new RecordVector(offsetof<BucketRecord>());
  readonly bucketIndex: HashIndex = new HashIndex();
  readonly numbers: RecordVector = new RecordVector(sizeof<u32>());
  readonly prefixes: PrefixTreeBuilder;
  readonly jumps: PrefixJumps;
  private records: RouteRecords;
  private groupIndex: HashIndex = new HashIndex();
  /** Routes with the same exact values, by the hash of these: index + 1 in `sharers`. */
  private sharerIndex: HashIndex = new HashIndex();
  private sharers: RecordVector = new RecordVector(sizeof<u32>());
  private candidates: RecordVector = new RecordVector(offsetof<CandidateRecord>());
  // The key of the route at hand: attributes in rising order, and the ids of their values.
  private keyAttributes: StaticArray<u32> = new StaticArray<u32>(MAX_MATCHES_PER_ROUTE);
  private keyValues: StaticArray<u32> = new StaticArray<u32>(MAX_MATCHES_PER_ROUTE);
  private keyCount: u32 = 0;
  /** The first candidate of the route that `addRoute` gets next. */
  private nextCandidate: u32 = 0;

  constructor(records: RouteRecords) {
    this.records = records;
    const prefixes = new PrefixTreeBuilder(records.bytes);
    this.prefixes = prefixes;
    this.jumps = new PrefixJumps(prefixes);
  }

  attribute(index: u32): AttributeIndexRecord {
    return changetype<AttributeIndexRecord>(this.attributes.at(index));
  }

  value(index: u32): ValueRecord {
    return changetype<ValueRecord>(this.values.at(index));
  }

  group(index: u32): GroupRecord {
    return changetype<GroupRecord>(this.groups.at(index));
  }

  bucket(index: u32): BucketRecord {
    return changetype<BucketRecord>(this.buckets.at(index));
  }

  number(index: u32): u32 {
    return load<u32>(this.numbers.at(index));
  }

  /** The hash that a lookup finds the bucket by. */
  bucketHash(bucket: BucketRecord): u32 {
    return bucket.prefix == 0 ? bucket.valuesHash : mixKey(bucket.valuesHash, bucket.prefix);
  }

  free(): void {
    this.attributes.free();
    this.values.free();
    this.valueIndex.free();
    this.groups.free();
    this.buckets.free();
    this.bucketIndex.free();
    this.numbers.free();
    this.prefixes.free();
    this.jumps.free();
    this.groupIndex.free();
    this.sharerIndex.free();
    this.sharers.free();
    this.candidates.free();
  }

  /** Counts how many routes have the same exact values; equal hashes do for that. */
  countSharers(order: u32): void {
    const route = this.records.route(order);
    this.collectKey(route);
    if (this.keyCount == 0) return;
    let hash = GROUP_SEED;
    for (let i: u32 = 0; i < this.keyCount; i++) {
      hash = mixKey(mixKey(hash, this.keyAttributes[i]), this.keyValues[i]);
    }
    const index = this.sharerIndex;
    let slot = index.start(hash);
    while (index.reference(slot) != 0 && index.hash(slot) != hash) slot = index.next(slot);
    route.sharers = index.reference(slot);
    if (route.sharers == 0) {
      this.sharers.add();
      route.sharers = this.sharers.count;
      index.insert(hash, route.sharers);
    }
    const count = this.sharers.at(route.sharers - 1);
    store<u32>(count, load<u32>(count) + 1);
  }

  /** Notes the prefixes that could be part of the route's key, and how many routes share each. */
  addCandidates(order: u32): void {
    const route = this.records.route(order);
    if (route.sharers != 0 && load<u32>(this.sharers.at(route.sharers - 1)) <= FEW_ROUTES) return;
    const end = route.firstMatch + route.matchCount;
    for (let i = route.firstMatch; i < end; i++) {
      const match = this.records.match(i);
      if (match.kind == MatchKind.Exact && !match.invert) {
        this.attribute(match.attribute).exactIn = order + 1;
      }
    }
    for (let i = route.firstMatch; i < end; i++) {
      const match = this.records.match(i);
      const len = this.literalLength(match);
      const attribute = this.attribute(match.attribute);
      // An exact value is more selective than a prefix of the same attribute.
      if (len == 0 || attribute.exactIn == order + 1) continue;
      if (attribute.root == 0) attribute.root = this.prefixes.addRoot(match.attribute);
      const node = this.prefixes.insert(attribute.root, this.literalOffset(match), len);
      this.prefixes.node(node).candidates++;
      const candidate = changetype<CandidateRecord>(this.candidates.add());
      candidate.match = i;
      candidate.node = node;
    }
  }

  /** Puts the route into its bucket. */
  addRoute(order: u32): void {
    const route = this.records.route(order);
    this.collectKey(route);
    const end = route.firstMatch + route.matchCount;
    let prefix: u32 = 0;
    let prefixMatch: u32 = 0;
    for (; this.nextCandidate < this.candidates.count; this.nextCandidate++) {
      const record = changetype<CandidateRecord>(this.candidates.at(this.nextCandidate));
      if (record.match >= end) break;
      if (prefix != 0 && !this.isMoreSelective(record.node, prefix)) continue;
      prefix = record.node;
      prefixMatch = record.match;
    }
    let prefixAttribute: u32 = 0;
    if (prefix != 0) {
      const match = this.records.match(prefixMatch);
      prefixAttribute = match.attribute + 1;
      if (match.kind == MatchKind.Prefix) match.isProven = true;
      else match.isLiteralProven = true;
      this.prefixes.node(prefix).isPrefix = true;
    }
    this.addToBucket(order, this.findGroup(order, prefixAttribute), prefix);
  }

  /** Fewer routes share it, or it is longer. */
  private isMoreSelective(node: u32, than: u32): bool {
    const a = this.prefixes.node(node);
    const b = this.prefixes.node(than);
    return a.candidates == b.candidates ? a.end > b.end : a.candidates < b.candidates;
  }

  private collectKey(route: RouteRecord): void {
    this.keyCount = 0;
    const end = route.firstMatch + route.matchCount;
    for (let i = route.firstMatch; i < end; i++) {
      const match = this.records.match(i);
      if (match.kind != MatchKind.Exact || match.invert) continue;
      let at = this.keyCount;
      while (at > 0 && this.keyAttributes[at - 1] > match.attribute) at--;
      // A second value for the same attribute stays a match of its own.
      if (at > 0 && this.keyAttributes[at - 1] == match.attribute) continue;
      for (let from = this.keyCount; from > at; from--) {
        this.keyAttributes[from] = this.keyAttributes[from - 1];
        this.keyValues[from] = this.keyValues[from - 1];
      }
      this.keyAttributes[at] = match.attribute;
      this.keyValues[at] = this.internValue(match.value, match.valueLen);
      this.keyCount++;
      match.isProven = true;
      const attribute = this.attribute(match.attribute);
      attribute.maxIndexedLen = max(attribute.maxIndexedLen, match.valueLen);
    }
  }

  /** The value's id, from 1. */
  private internValue(offset: u32, len: u32): u32 {
    const bytes = this.records.bytes.ptr;
    const hash = hashBytes(bytes + offset, len);
    const index = this.valueIndex;
    for (let slot = index.start(hash); index.reference(slot) != 0; slot = index.next(slot)) {
      if (index.hash(slot) != hash) continue;
      const known = this.value(index.reference(slot) - 1);
      if (known.valueLen == len && equalBytes(bytes + known.value, bytes + offset, len)) {
        return index.reference(slot);
      }
    }
    const value = changetype<ValueRecord>(this.values.add());
    value.value = offset;
    value.valueLen = len;
    index.insert(hash, this.values.count);
    return this.values.count;
  }

  private findGroup(order: u32, prefixAttribute: u32): u32 {
    let hash = mixKey(GROUP_SEED, prefixAttribute);
    for (let i: u32 = 0; i < this.keyCount; i++) hash = mixKey(hash, this.keyAttributes[i]);
    const index = this.groupIndex;
    for (let slot = index.start(hash); index.reference(slot) != 0; slot = index.next(slot)) {
      if (index.hash(slot) != hash) continue;
      const known = this.group(index.reference(slot) - 1);
      if (known.prefixAttribute != prefixAttribute || known.exactCount != this.keyCount) continue;
      if (this.areNumbers(known.exactAttributes, this.keyAttributes)) {
        return index.reference(slot) - 1;
      }
    }
    const attributes = this.addNumbers(this.keyAttributes);
    const group = changetype<GroupRecord>(this.groups.add());
    group.leastOrder = order;
    group.exactAttributes = attributes;
    group.exactCount = this.keyCount;
    group.prefixAttribute = prefixAttribute;
    group.firstBucket = this.buckets.count;
    index.insert(hash, this.groups.count);
    return this.groups.count - 1;
  }

  private addToBucket(order: u32, group: u32, prefix: u32): void {
    let hash = GROUP_SEED ^ group;
    for (let i: u32 = 0; i < this.keyCount; i++) hash = mixKey(hash, this.keyValues[i]);
    const known = this.findBucket(hash, group, prefix);
    if (known != 0) {
      const bucket = this.bucket(known - 1);
      this.records.route(bucket.lastRoute).next = order + 1;
      bucket.lastRoute = order;
      return;
    }
    const values = this.addNumbers(this.keyValues);
    const bucket = changetype<BucketRecord>(this.buckets.add());
    bucket.group = group;
    bucket.valuesHash = hash;
    bucket.values = values;
    bucket.prefix = prefix;
    bucket.firstRoute = order;
    bucket.lastRoute = order;
    this.bucketIndex.insert(this.bucketHash(bucket), this.buckets.count);
  }

  /** Index + 1 of the bucket with the values of the key at hand, or 0. */
  private findBucket(hash: u32, group: u32, prefix: u32): u32 {
    const key = prefix == 0 ? hash : mixKey(hash, prefix);
    const index = this.bucketIndex;
    for (let slot = index.start(key); index.reference(slot) != 0; slot = index.next(slot)) {
      if (index.hash(slot) != key) continue;
      const bucket = this.bucket(index.reference(slot) - 1);
      if (bucket.group != group || bucket.prefix != prefix) continue;
      if (this.areNumbers(bucket.values, this.keyValues)) return index.reference(slot);
    }
    return 0;
  }

  linkShorter(at: u32): void {
    const group = this.bucket(at).group;
    const values = this.bucket(at).values;
    const hash = this.bucket(at).valuesHash;
    let prefix = this.bucket(at).prefix;
    if (prefix == 0) return;
    this.keyCount = this.group(group).exactCount;
    for (let i: u32 = 0; i < this.keyCount; i++) this.keyValues[i] = this.number(values + i);
    let shorter: u32 = 0;
    while (shorter == 0) {
      prefix = this.prefixes.node(prefix).shorter;
      if (prefix == 0) return;
      shorter = this.findBucket(hash, group, prefix);
    }
    this.bucket(at).shorter = shorter;
  }

  measureDepth(at: u32): void {
    let depth: u32 = 0;
    let known = at;
    while (this.bucket(known).depth == 0) {
      depth++;
      if (this.bucket(known).shorter == 0) break;
      known = this.bucket(known).shorter - 1;
    }
    depth += this.bucket(known).depth;
    const group = this.group(this.bucket(at).group);
    group.maxDepth = max(group.maxDepth, depth);
    let below = at;
    while (this.bucket(below).depth == 0) {
      this.bucket(below).depth = depth;
      depth--;
      if (this.bucket(below).shorter == 0) break;
      below = this.bucket(below).shorter - 1;
    }
  }

  private literalLength(match: MatchRecord): u32 {
    if (match.invert) return 0;
    if (match.kind == MatchKind.Prefix) return match.valueLen;
    return match.kind == MatchKind.Regex ? this.records.dfa(match.dfa).literalLen : 0;
  }

  private literalOffset(match: MatchRecord): u32 {
    return match.kind == MatchKind.Regex ? this.records.dfa(match.dfa).literal : match.value;
  }

  /** Appends the key's `keyCount` numbers and returns the index of the first. */
  private addNumbers(from: StaticArray<u32>): u32 {
    const first = this.numbers.count;
    for (let i: u32 = 0; i < this.keyCount; i++) store<u32>(this.numbers.add(), from[i]);
    return first;
  }

  private areNumbers(first: u32, values: StaticArray<u32>): bool {
    for (let i: u32 = 0; i < this.keyCount; i++) {
      if (this.number(first + i) != values[i]) return false;
    }
    return true;
  }
}
