// Decodes the bytes of a metaproto.v1.RouteConfiguration into a RouteTableBuilder.
//
// As protobuf wants it: fields in any order, unknown ones skipped, the last of a field (or of a
// oneof) wins, messages that are given in pieces are merged.
// Source: proto/metaproto/v1/route.proto
// Allocates: cold path only.

import { ProtobufReader, WireType } from "../../wire/protobuf";
import { durationMs } from "./duration";
import { Faults } from "./faults";
import {
  decodeEndpointWeight,
  decodeHashPolicy,
  decodeMirror,
  decodeOutlierDetection,
  decodeRetryPolicy,
  decodeStickySession,
} from "./policies-pb";
import { RouteTableBuilder } from "./route-builder";
import { WHOLE, WorkBudget } from "./work-budget";

const CONFIGURATION_NAME: u32 = 1;
const CONFIGURATION_ROUTES: u32 = 2;
const CONFIGURATION_CLUSTERS: u32 = 3;
const CONFIGURATION_FILTERS: u32 = 4;
const ROUTE_NAME: u32 = 1;
const ROUTE_MATCH: u32 = 2;
const ROUTE_DESTINATIONS: u32 = 3;
const ROUTE_TIMEOUT: u32 = 4;
const ROUTE_REQUEST_MUTATION: u32 = 5;
const ROUTE_RESPONSE_MUTATION: u32 = 6;
const ROUTE_FILTERS: u32 = 7;
const ROUTE_RETRY_POLICY: u32 = 8;
const ROUTE_MIRRORS: u32 = 9;
const ROUTE_HASH_POLICY: u32 = 10;
const ROUTE_STICKY_SESSION: u32 = 11;
const MATCH_NAME: u32 = 1;
const MATCH_EXACT: u32 = 2;
const MATCH_PREFIX: u32 = 3;
const MATCH_REGEX: u32 = 4;
const MATCH_PRESENT: u32 = 5;
const MATCH_INVERT: u32 = 6;
const REGEX_DFA: u32 = 2;
const REGEX_LITERAL_PREFIX: u32 = 3;
const DESTINATION_CLUSTER: u32 = 1;
const DESTINATION_WEIGHT: u32 = 2;
const MUTATION_OPERATION: u32 = 1;
const MUTATION_KEY: u32 = 2;
const MUTATION_VALUE: u32 = 3;
const CLUSTER_NAME: u32 = 1;
const CLUSTER_ENDPOINTS: u32 = 2;
const CLUSTER_MAX_CONNECTIONS: u32 = 3;
const CLUSTER_MAX_REQUESTS: u32 = 4;
const CLUSTER_MAX_PENDING_REQUESTS: u32 = 5;
const CLUSTER_LOAD_BALANCER: u32 = 6;
const CLUSTER_ENDPOINTS_VERSION: u32 = 7;
const CLUSTER_HASH_POLICY: u32 = 8;
const CLUSTER_OUTLIER_DETECTION: u32 = 9;
const CLUSTER_STICKY_SESSION: u32 = 10;
const CLUSTER_ENDPOINT_WEIGHTS: u32 = 11;
const CLUSTER_ORIGINAL_DESTINATION: u32 = 12;
const FILTER_NAME: u32 = 1;
const FILTER_CONFIG: u32 = 2;
const FILTER_DISABLED: u32 = 3;
const DURATION_SECONDS: u32 = 1;
const DURATION_NANOS: u32 = 2;

// What an element costs (WorkBudget): a route of two matches, and what is checked byte by byte.
const UNITS_PER_ELEMENT: u32 = 4;
const BYTES_PER_UNIT: u32 = 128;

/** Gives `builder` what the `len` bytes at `ptr` say; what is wrong with them goes to `faults`. */
export function decodeRouteConfiguration(
  ptr: usize,
  len: u32,
  builder: RouteTableBuilder,
  faults: Faults,
): void {
  const decoder = new RouteConfigurationDecoder(builder, faults);
  decoder.begin(ptr, len);
  decoder.advance(new WorkBudget(WHOLE));
}

/** The name within a route configuration, as a slice of it; false when there is none. */
export function findRouteConfigurationName(reader: ProtobufReader, ptr: usize, len: u32): bool {
  let name: usize = 0;
  let nameLen: u32 = 0;
  reader.reset(ptr, len);
  while (reader.next()) {
    if (reader.field != CONFIGURATION_NAME || reader.wireType != WireType.Bytes) continue;
    name = reader.ptr;
    nameLen = reader.len;
  }
  reader.ptr = name;
  reader.len = nameLen;
  return nameLen > 0;
}

export class RouteConfigurationDecoder {
  private reader: ProtobufReader = new ProtobufReader();
  private builder: RouteTableBuilder;
  private faults: Faults;
  // The timeout of the route at hand; it may come in pieces.
  private seconds: i64 = 0;
  private nanos: i32 = 0;
  private routes: i32 = 0;
  private clusters: i32 = 0;
  private filters: i32 = 0;

  constructor(builder: RouteTableBuilder, faults: Faults) {
    this.builder = builder;
    this.faults = faults;
  }

  /** The `len` bytes at `ptr` stay where they are until `advance` has returned true. */
  begin(ptr: usize, len: u32): void {
    this.routes = 0;
    this.clusters = 0;
    this.filters = 0;
    this.reader.reset(ptr, len);
  }

  /** Goes on until the budget is spent; true when there is nothing left to decode. */
  advance(budget: WorkBudget): bool {
    const reader = this.reader;
    while (true) {
      if (!budget.spend(UNITS_PER_ELEMENT)) return false;
      if (!reader.next()) break;
      if (reader.wireType != WireType.Bytes) continue;
      budget.spend(reader.len / BYTES_PER_UNIT);
      if (reader.field == CONFIGURATION_NAME) {
        this.builder.setName(reader.ptr, reader.len);
      } else if (reader.field == CONFIGURATION_ROUTES) {
        this.faults.enterElement("routes", this.routes++);
        this.decodeRoute();
        this.faults.leave();
      } else if (reader.field == CONFIGURATION_CLUSTERS) {
        this.faults.enterElement("clusters", this.clusters++);
        this.decodeCluster();
        this.faults.leave();
      } else if (reader.field == CONFIGURATION_FILTERS) {
        this.faults.enterElement("filters", this.filters++);
        this.decodeFilter();
        if (!reader.isMalformed) this.builder.endFilter();
        this.faults.leave();
      }
    }
    if (reader.isMalformed) {
      this.faults.add("malformed protobuf at offset " + reader.faultOffset.toString());
    }
    return true;
  }

  private decodeRoute(): void {
    const reader = this.reader;
    const builder = this.builder;
    let matches = 0;
    let destinations = 0;
    let requestMutations = 0;
    let responseMutations = 0;
    let filters = 0;
    let mirrors = 0;
    this.seconds = 0;
    this.nanos = 0;
    builder.beginRoute();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == ROUTE_NAME) {
        builder.setRouteName(reader.ptr, reader.len);
      } else if (reader.field == ROUTE_MATCH) {
        this.decodeMatch(matches++);
      } else if (reader.field == ROUTE_DESTINATIONS) {
        this.decodeDestination(destinations++);
      } else if (reader.field == ROUTE_TIMEOUT) {
        this.decodeTimeout();
      } else if (reader.field == ROUTE_REQUEST_MUTATION) {
        this.faults.enterElement("requestMutation", requestMutations++);
        this.decodeMutation();
        if (!reader.isMalformed) builder.endRequestMutation();
        this.faults.leave();
      } else if (reader.field == ROUTE_RESPONSE_MUTATION) {
        this.faults.enterElement("responseMutation", responseMutations++);
        this.decodeMutation();
        if (!reader.isMalformed) builder.endResponseMutation();
        this.faults.leave();
      } else if (reader.field == ROUTE_FILTERS) {
        this.faults.enterElement("filters", filters++);
        this.decodeFilter();
        if (!reader.isMalformed) builder.endRouteFilter();
        this.faults.leave();
      } else if (reader.field == ROUTE_MIRRORS) {
        this.faults.enterElement("mirrors", mirrors++);
        decodeMirror(reader, builder.policy);
        this.faults.leave();
      } else {
        this.decodeRoutePolicy();
      }
    }
    reader.leave(end);
    if (!reader.isMalformed) builder.endRoute();
  }

  private decodeRoutePolicy(): void {
    const reader = this.reader;
    const builder = this.builder;
    if (reader.field == ROUTE_RETRY_POLICY) {
      this.faults.enter("retryPolicy");
      builder.setRetryPolicy(decodeRetryPolicy(reader, builder.policy));
      this.faults.leave();
    } else if (reader.field == ROUTE_HASH_POLICY) {
      this.faults.enter("hashPolicy");
      builder.setHashPolicy(decodeHashPolicy(reader, builder.policy));
      this.faults.leave();
    } else if (reader.field == ROUTE_STICKY_SESSION) {
      this.faults.enter("stickySession");
      builder.setStickySession(decodeStickySession(reader, builder.policy));
      this.faults.leave();
    }
  }

  private decodeTimeout(): void {
    const reader = this.reader;
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Varint) continue;
      if (reader.field == DURATION_SECONDS) this.seconds = <i64>reader.value;
      else if (reader.field == DURATION_NANOS) this.nanos = <i32>reader.value;
    }
    reader.leave(end);
    this.builder.setRouteTimeout(durationMs(this.seconds, this.nanos));
  }

  private decodeMatch(index: i32): void {
    const reader = this.reader;
    const match = this.builder.match;
    this.faults.enterElement("match", index);
    match.begin();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType == WireType.Bytes) {
        if (reader.field == MATCH_NAME) match.setName(reader.ptr, reader.len);
        else if (reader.field == MATCH_EXACT) match.setExact(reader.ptr, reader.len);
        else if (reader.field == MATCH_PREFIX) match.setPrefix(reader.ptr, reader.len);
        else if (reader.field == MATCH_REGEX) this.decodeRegex();
      } else if (reader.wireType == WireType.Varint) {
        if (reader.field == MATCH_PRESENT) match.setPresent(reader.value != 0);
        else if (reader.field == MATCH_INVERT) match.setInvert(reader.value != 0);
      }
    }
    reader.leave(end);
    if (!reader.isMalformed) match.end();
    this.faults.leave();
  }

  private decodeRegex(): void {
    const reader = this.reader;
    const match = this.builder.match;
    match.setRegex();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType != WireType.Bytes) continue;
      if (reader.field == REGEX_DFA) match.setDfa(reader.ptr, reader.len);
      else if (reader.field == REGEX_LITERAL_PREFIX) match.setLiteralPrefix(reader.ptr, reader.len);
    }
    reader.leave(end);
  }

  private decodeDestination(index: i32): void {
    const reader = this.reader;
    const builder = this.builder;
    this.faults.enterElement("destinations", index);
    builder.beginDestination();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.field == DESTINATION_CLUSTER && reader.wireType == WireType.Bytes) {
        builder.setDestinationCluster(reader.ptr, reader.len);
      } else if (reader.field == DESTINATION_WEIGHT && reader.wireType == WireType.Varint) {
        builder.setDestinationWeight(<u32>reader.value);
      }
    }
    reader.leave(end);
    if (!reader.isMalformed) builder.endDestination();
    this.faults.leave();
  }

  private decodeMutation(): void {
    const reader = this.reader;
    const mutation = this.builder.mutation;
    mutation.begin();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType == WireType.Varint) {
        if (reader.field == MUTATION_OPERATION) mutation.operation = <i32>reader.value;
      } else if (reader.wireType == WireType.Bytes) {
        if (reader.field == MUTATION_KEY) mutation.setKey(reader.ptr, reader.len);
        else if (reader.field == MUTATION_VALUE) mutation.setValue(reader.ptr, reader.len);
      }
    }
    reader.leave(end);
  }

  private decodeClusterPolicy(): void {
    const reader = this.reader;
    const builder = this.builder;
    if (reader.field == CLUSTER_HASH_POLICY) {
      this.faults.enter("hashPolicy");
      builder.cluster.hashPolicy = decodeHashPolicy(reader, builder.policy);
      this.faults.leave();
    } else if (reader.field == CLUSTER_OUTLIER_DETECTION) {
      this.faults.enter("outlierDetection");
      builder.cluster.outlier = decodeOutlierDetection(reader, builder.policy);
      this.faults.leave();
    } else if (reader.field == CLUSTER_STICKY_SESSION) {
      this.faults.enter("stickySession");
      builder.cluster.stickySession = decodeStickySession(reader, builder.policy);
      this.faults.leave();
    }
  }

  private decodeFilter(): void {
    const reader = this.reader;
    const filter = this.builder.filter;
    filter.begin();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType == WireType.Bytes) {
        if (reader.field == FILTER_NAME) filter.setName(reader.ptr, reader.len);
        else if (reader.field == FILTER_CONFIG) filter.setConfig(reader.ptr, reader.len);
      } else if (reader.wireType == WireType.Varint) {
        if (reader.field == FILTER_DISABLED) filter.isDisabled = reader.value != 0;
      }
    }
    reader.leave(end);
  }

  private decodeCluster(): void {
    const reader = this.reader;
    const cluster = this.builder.cluster;
    let weights = 0;
    cluster.begin();
    const end = reader.enter();
    while (reader.next()) {
      if (reader.wireType == WireType.Bytes) {
        if (reader.field == CLUSTER_NAME) {
          cluster.setName(reader.ptr, reader.len);
        } else if (reader.field == CLUSTER_ENDPOINT_WEIGHTS) {
          this.faults.enterElement("endpointWeights", weights++);
          decodeEndpointWeight(reader, cluster);
          this.faults.leave();
        } else {
          this.decodeClusterPolicy();
        }
        continue;
      }
      if (reader.field == CLUSTER_ENDPOINTS_VERSION && reader.wireType == WireType.Fixed64) {
        cluster.endpointsVersion = reader.value;
        continue;
      }
      if (reader.wireType != WireType.Varint) continue;
      const value = <u32>reader.value;
      if (reader.field == CLUSTER_ENDPOINTS) cluster.endpoints = value;
      else if (reader.field == CLUSTER_MAX_CONNECTIONS) cluster.maxConnections = value;
      else if (reader.field == CLUSTER_MAX_REQUESTS) cluster.maxRequests = value;
      else if (reader.field == CLUSTER_MAX_PENDING_REQUESTS) cluster.maxPendingRequests = value;
      else if (reader.field == CLUSTER_LOAD_BALANCER) cluster.loadBalancer = <i32>value;
      else if (reader.field == CLUSTER_ORIGINAL_DESTINATION) {
        cluster.isOriginalDestination = reader.value != 0;
      }
    }
    reader.leave(end);
    if (!reader.isMalformed) cluster.end();
  }
}
