import { type AttributeMatches, readAttributeMatches } from "./attribute-match.js";
import { readExportTo } from "./export-to.js";
import { canonicalHostName, hostNameFault, isDnsLabel } from "./host-name.js";
import { MAX_MODULE_DURATION_MS } from "./module-settings.js";
import { itemPath, type ObjectReader } from "./object-reader.js";
import {
  type GlobalRateLimit,
  type LocalRateLimit,
  readGlobalRateLimit,
  readLocalRateLimit,
} from "./rate-limit.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";

const NOT_APPLIED = "not applied by this version";

export interface Destination {
  /** As written: short names are not expanded. */
  readonly host: string;
  /** Undefined: all endpoints of the host. */
  readonly subset: string | undefined;
  /** Undefined: the port that the request came to. */
  readonly port: number | undefined;
}

export interface WeightedDestination {
  readonly destination: Destination;
  /** 0 to 100. With several destinations their sum is 100; that of a single one has no meaning. */
  readonly weight: number;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface MetaRoute {
  readonly name: string;
  readonly match: AttributeMatches;
  /** At least one. */
  readonly route: readonly WeightedDestination[];
  /** Not in Aeraki; as `timeout` of Istio's VirtualService. 0: none; undefined: the module's default. */
  readonly timeoutMs: number | undefined;
  readonly mirror: Destination | undefined;
  /** Above 0, at most 100. */
  readonly mirrorPercentage: number;
  readonly requestMutation: readonly KeyValue[];
  readonly responseMutation: readonly KeyValue[];
}

export interface MetaRouterSpec {
  /** At least one. Aeraki has exactly one. */
  readonly hosts: readonly string[];
  readonly gateways: readonly string[];
  readonly exportTo: readonly string[];
  /** In order: the first that matches is taken. */
  readonly routes: readonly MetaRoute[];
  readonly localRateLimit: LocalRateLimit | undefined;
  readonly globalRateLimit: GlobalRateLimit | undefined;
}

export type MetaRouter = ResourceEnvelope<"MetaRouter", MetaRouterSpec>;

export const metaRouterKind: KindDefinition<"MetaRouter", MetaRouterSpec> = {
  kind: "MetaRouter",
  group: "metaprotocol.aeraki.io",
  versions: ["v1alpha1"],
  namespaced: true,
  unknownFields: "fault",
  readSpec(reader, metadata) {
    const spec: MetaRouterSpec = {
      hosts: readHosts(reader),
      gateways: reader.strings("gateways"),
      exportTo: readExportTo(reader, metadata.namespace),
      routes: reader.objects("routes", readRoute),
      localRateLimit: reader.object("localRateLimit", readLocalRateLimit),
      globalRateLimit: reader.object("globalRateLimit", readGlobalRateLimit),
    };
    if (!["routes", "localRateLimit", "globalRateLimit"].some((field) => reader.has(field)))
      reader.findings.fault(
        reader.path,
        "one of routes, localRateLimit and globalRateLimit is required",
      );
    warnOfNoEffect(reader, spec);
    return spec;
  },
};

function readHosts(reader: ObjectReader): readonly string[] {
  const hosts = reader.strings("hosts");
  if (hosts.length === 0) reader.fault("hosts", "at least one host is required");
  const seen = new Set<string>();
  hosts.forEach((host, index) => {
    const path = itemPath(reader.fieldPath("hosts"), index);
    const fault = hostNameFault(host);
    if (fault !== undefined) reader.findings.fault(path, fault);
    else if (seen.has(canonicalHostName(host)))
      reader.findings.fault(path, `\`${host}\` is there twice`);
    seen.add(canonicalHostName(host));
  });
  return hosts;
}

function readRoute(reader: ObjectReader): MetaRoute {
  const route = reader.objects("route", readWeightedDestination);
  if (route.length === 0) reader.fault("route", "at least one destination is required");
  const total = route.reduce((sum, { weight }) => sum + weight, 0);
  if (route.length > 1 && total !== 100)
    reader.fault("route", `the weights of several destinations must add up to 100, not ${total}`);
  const mirror = reader.object("mirror", readDestination);
  return {
    name: reader.string("name") ?? "",
    match: reader.object("match", readAttributeMatches) ?? {},
    route,
    timeoutMs: reader.durationMs("timeout", 0, MAX_MODULE_DURATION_MS),
    mirror,
    mirrorPercentage: readMirrorPercentage(reader, mirror),
    requestMutation: reader.objects("requestMutation", readKeyValue),
    responseMutation: reader.objects("responseMutation", readKeyValue),
  };
}

function readWeightedDestination(reader: ObjectReader): WeightedDestination {
  if (!reader.has("destination")) reader.fault("destination", "is required");
  return {
    destination: reader.object("destination", readDestination) ?? NO_DESTINATION,
    weight: reader.integer("weight", 0, 100) ?? 0,
  };
}

const NO_DESTINATION: Destination = { host: "", subset: undefined, port: undefined };

function readDestination(reader: ObjectReader): Destination {
  const host = reader.requiredString("host");
  const fault = host === "" ? undefined : hostNameFault(host);
  if (fault !== undefined) reader.fault("host", fault);
  const subset = reader.string("subset") || undefined;
  if (subset !== undefined && !isDnsLabel(subset))
    reader.fault("subset", `\`${subset}\` must consist of letters, digits and \`-\``);
  const port = reader.object("port", (fields) => {
    if (!fields.has("number")) fields.fault("number", "is required");
    return fields.integer("number", 1, 65535);
  });
  return { host, subset, port };
}

function readMirrorPercentage(reader: ObjectReader, mirror: Destination | undefined): number {
  const percentage = reader.object("mirrorPercentage", (fields) => {
    if (!fields.has("value")) fields.fault("value", "is required");
    const value = fields.number("value");
    if (value !== undefined && (value <= 0 || value > 100))
      fields.fault("value", `must be above 0 and at most 100, not ${value}`);
    return value;
  });
  if (reader.has("mirrorPercentage") && mirror === undefined)
    reader.fault("mirrorPercentage", "needs `mirror`");
  return percentage ?? 100;
}

function readKeyValue(reader: ObjectReader): KeyValue {
  return { key: reader.requiredString("key"), value: reader.requiredString("value") };
}

/** What is valid, but does not do what its author expects. */
function warnOfNoEffect(reader: ObjectReader, spec: MetaRouterSpec): void {
  for (const field of ["localRateLimit", "globalRateLimit"] as const)
    if (spec[field] !== undefined) reader.warning(field, NOT_APPLIED);
  if (spec.gateways.length > 0) reader.warning("gateways", NOT_APPLIED);
  let always = false;
  spec.routes.forEach((route, index) => {
    const path = itemPath(reader.fieldPath("routes"), index);
    if (route.mirror !== undefined) reader.findings.warning(`${path}.mirror`, NOT_APPLIED);
    if (always)
      reader.findings.warning(path, "is never reached: a route before it takes every request");
    always ||= Object.keys(route.match).length === 0;
  });
}
