// Decodes a metaproto.v1.RouteConfiguration in the JSON mapping of protobuf into a RouteTableBuilder.
// Source: proto/metaproto/v1/route.proto
// Allocates: cold path only.

import { Faults } from "./faults";
import { JsonFields } from "./json-fields";
import {
  decodeEndpointWeightJson,
  decodeHashPolicyJson,
  decodeMirrorJson,
  decodeOutlierDetectionJson,
  decodeRetryPolicyJson,
  decodeStickySessionJson,
} from "./policies-json";
import { RouteTableBuilder } from "./route-builder";

const CONFIGURATION_FIELDS: StaticArray<string> = ["name", "routes", "clusters", "filters"];
const ROUTE_FIELDS: StaticArray<string> = [
  "name",
  "match",
  "destinations",
  "timeout",
  "requestMutation",
  "responseMutation",
  "filters",
  "retryPolicy",
  "mirrors",
  "hashPolicy",
  "stickySession",
];
const FILTER_FIELDS: StaticArray<string> = ["name", "config", "disabled"];
const MATCH_FIELDS: StaticArray<string> = ["name", "invert", "exact", "prefix", "regex", "present"];
const FIRST_SPECIFIER: i32 = 2;
const REGEX_FIELDS: StaticArray<string> = ["pattern", "dfa", "literalPrefix"];
const DESTINATION_FIELDS: StaticArray<string> = ["cluster", "weight"];
const MUTATION_FIELDS: StaticArray<string> = ["operation", "key", "value"];
const OPERATIONS: StaticArray<string> = ["SET", "ADD_IF_ABSENT", "REMOVE"];
const CLUSTER_FIELDS: StaticArray<string> = [
  "name",
  "endpoints",
  "maxConnections",
  "maxRequests",
  "maxPendingRequests",
  "loadBalancer",
  "endpointsVersion",
  "hashPolicy",
  "outlierDetection",
  "stickySession",
  "endpointWeights",
  "originalDestination",
];
const LOAD_BALANCERS: StaticArray<string> = ["LEAST_REQUEST", "ROUND_ROBIN", "RANDOM"];

export class RouteConfigurationJsonDecoder {
  private fields: JsonFields;
  private faults: Faults;
  private builder: RouteTableBuilder;

  constructor(fields: JsonFields, faults: Faults, builder: RouteTableBuilder) {
    this.fields = fields;
    this.faults = faults;
    this.builder = builder;
  }

  /** The value that comes next in `fields` is a route configuration. */
  decode(): void {
    const fields = this.fields;
    if (!fields.begin()) return;
    while (fields.next(CONFIGURATION_FIELDS)) {
      switch (fields.field) {
        case 0: {
          if (fields.text()) this.builder.setName(fields.reader.ptr, fields.reader.len);
          else this.builder.refuseName();
          break;
        }
        case 1: {
          if (!fields.beginElements()) break;
          while (fields.nextElement()) this.decodeRoute();
          break;
        }
        case 2: {
          if (!fields.beginElements()) break;
          while (fields.nextElement()) this.decodeCluster();
          break;
        }
        default:
          this.decodeFilters(false);
      }
    }
  }

  private decodeRoute(): void {
    const fields = this.fields;
    if (!fields.begin()) return;
    this.builder.beginRoute();
    while (fields.next(ROUTE_FIELDS)) {
      switch (fields.field) {
        case 0: {
          if (fields.text()) this.builder.setRouteName(fields.reader.ptr, fields.reader.len);
          break;
        }
        case 1: {
          if (!fields.beginElements()) break;
          while (fields.nextElement()) this.decodeMatch();
          break;
        }
        case 2: {
          if (!fields.beginElements()) break;
          while (fields.nextElement()) this.decodeDestination();
          break;
        }
        case 3: {
          const ms = fields.duration();
          if (ms >= 0) this.builder.setRouteTimeout(ms);
          break;
        }
        case 4: {
          this.decodeMutations(true);
          break;
        }
        case 5: {
          this.decodeMutations(false);
          break;
        }
        default:
          this.decodeRoutePolicy();
      }
    }
    if (!fields.reader.hasFailed) this.builder.endRoute();
  }

  private decodeRoutePolicy(): void {
    const fields = this.fields;
    const builder = this.builder;
    if (fields.field == 6) {
      this.decodeFilters(true);
    } else if (fields.field == 7) {
      builder.setRetryPolicy(decodeRetryPolicyJson(fields, builder.policy));
    } else if (fields.field == 9) {
      builder.setHashPolicy(decodeHashPolicyJson(fields, builder.policy));
    } else if (fields.field == 10) {
      builder.setStickySession(decodeStickySessionJson(fields, builder.policy));
    } else if (fields.beginElements()) {
      while (fields.nextElement()) decodeMirrorJson(fields, builder.policy);
    }
  }

  private decodeMatch(): void {
    const fields = this.fields;
    const reader = fields.reader;
    const match = this.builder.match;
    if (!fields.begin()) return;
    let specifiers = 0;
    match.begin();
    while (fields.next(MATCH_FIELDS)) {
      if (fields.field >= FIRST_SPECIFIER) specifiers++;
      switch (fields.field) {
        case 0: {
          if (fields.text()) match.setName(reader.ptr, reader.len);
          else match.refuse();
          break;
        }
        case 1: {
          match.setInvert(fields.boolean() == 1);
          break;
        }
        case 2: {
          if (fields.text()) match.setExact(reader.ptr, reader.len);
          else match.refuse();
          break;
        }
        case 3: {
          if (fields.text()) match.setPrefix(reader.ptr, reader.len);
          else match.refuse();
          break;
        }
        case 4: {
          this.decodeRegex();
          break;
        }
        default: {
          const isPresent = fields.boolean();
          if (isPresent >= 0) match.setPresent(isPresent == 1);
          else match.refuse();
        }
      }
    }
    if (fields.reader.hasFailed) return;
    if (specifiers > 1) this.faults.add("only one of exact, prefix, regex, present can be given");
    match.end();
  }

  private decodeRegex(): void {
    const fields = this.fields;
    const match = this.builder.match;
    if (!fields.begin()) {
      match.refuse();
      return;
    }
    match.setRegex();
    while (fields.next(REGEX_FIELDS)) {
      if (fields.field == 1) {
        const dfa = fields.bytes();
        if (dfa !== null) match.setDfa(dfa.ptr, dfa.len);
        else match.refuse();
      } else if (fields.text() && fields.field == 2) {
        match.setLiteralPrefix(fields.reader.ptr, fields.reader.len);
      }
    }
  }

  private decodeDestination(): void {
    const fields = this.fields;
    const builder = this.builder;
    builder.beginDestination();
    if (!fields.begin()) return;
    while (fields.next(DESTINATION_FIELDS)) {
      if (fields.field == 0) {
        if (fields.text()) builder.setDestinationCluster(fields.reader.ptr, fields.reader.len);
        else builder.refuseDestination();
      } else {
        const weight = fields.number();
        if (weight >= 0) builder.setDestinationWeight(<u32>weight);
      }
    }
    if (!fields.reader.hasFailed) builder.endDestination();
  }

  private decodeMutations(isRequest: bool): void {
    if (!this.fields.beginElements()) return;
    while (this.fields.nextElement()) {
      if (!this.decodeMutation()) continue;
      if (isRequest) this.builder.endRequestMutation();
      else this.builder.endResponseMutation();
    }
  }

  /** Whether there is one to be ended. */
  private decodeMutation(): bool {
    const fields = this.fields;
    const mutation = this.builder.mutation;
    mutation.begin();
    if (!fields.begin()) return false;
    while (fields.next(MUTATION_FIELDS)) {
      if (fields.field == 0) {
        mutation.operation = max(fields.enumeration(OPERATIONS), 0);
      } else if (!fields.text()) {
        mutation.refuse();
      } else if (fields.field == 1) {
        mutation.setKey(fields.reader.ptr, fields.reader.len);
      } else {
        mutation.setValue(fields.reader.ptr, fields.reader.len);
      }
    }
    return !fields.reader.hasFailed;
  }

  private decodeFilters(isOfRoute: bool): void {
    if (!this.fields.beginElements()) return;
    while (this.fields.nextElement()) {
      if (!this.decodeFilter()) continue;
      if (isOfRoute) this.builder.endRouteFilter();
      else this.builder.endFilter();
    }
  }

  /** Whether there is one to be ended. */
  private decodeFilter(): bool {
    const fields = this.fields;
    const filter = this.builder.filter;
    filter.begin();
    if (!fields.begin()) return false;
    while (fields.next(FILTER_FIELDS)) {
      if (fields.field == 0) {
        if (fields.text()) filter.setName(fields.reader.ptr, fields.reader.len);
        else filter.refuse();
      } else if (fields.field == 1) {
        const config = fields.bytes();
        if (config !== null) filter.setConfig(config.ptr, config.len);
        else filter.refuse();
      } else {
        filter.isDisabled = fields.boolean() == 1;
      }
    }
    return !fields.reader.hasFailed;
  }

  private decodeClusterPolicy(): void {
    const fields = this.fields;
    const builder = this.builder;
    if (fields.field == 7) {
      builder.cluster.hashPolicy = decodeHashPolicyJson(fields, builder.policy);
    } else if (fields.field == 8) {
      builder.cluster.outlier = decodeOutlierDetectionJson(fields, builder.policy);
    } else if (fields.field == 9) {
      builder.cluster.stickySession = decodeStickySessionJson(fields, builder.policy);
    } else if (fields.beginElements()) {
      while (fields.nextElement()) decodeEndpointWeightJson(fields, builder.cluster);
    }
  }

  private decodeCluster(): void {
    const fields = this.fields;
    const cluster = this.builder.cluster;
    if (!fields.begin()) return;
    cluster.begin();
    while (fields.next(CLUSTER_FIELDS)) {
      switch (fields.field) {
        case 0: {
          if (fields.text()) cluster.setName(fields.reader.ptr, fields.reader.len);
          else cluster.refuse();
          break;
        }
        case 1: {
          cluster.endpoints = <u32>max<i64>(fields.number(), 0);
          break;
        }
        case 2: {
          cluster.maxConnections = <u32>max<i64>(fields.number(), 0);
          break;
        }
        case 3: {
          cluster.maxRequests = <u32>max<i64>(fields.number(), 0);
          break;
        }
        case 4: {
          cluster.maxPendingRequests = <u32>max<i64>(fields.number(), 0);
          break;
        }
        case 5: {
          cluster.loadBalancer = max(fields.enumeration(LOAD_BALANCERS), 0);
          break;
        }
        case 6: {
          cluster.endpointsVersion = fields.number64();
          break;
        }
        case 11: {
          cluster.isOriginalDestination = fields.boolean() == 1;
          break;
        }
        default:
          this.decodeClusterPolicy();
      }
    }
    if (!fields.reader.hasFailed) cluster.end();
  }
}
