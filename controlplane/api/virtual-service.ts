// VirtualServices of Istio, as far as Aeraki reads them: HTTP routes whose matches mean methods and attachments, for
// ports named `tcp-dubbo` and `tcp-thrift`. Most of those in a mesh are for something else and have to mean nothing here.
import { type AttributeMatches, match } from "./attribute-match.js";
import { type Destination, destination } from "./destination.js";
import { parseDurationMs } from "./duration.js";
import type { FieldFault } from "./fault.js";
import type { MetaRoute, MetaRouter, MetaRouterSpec, WeightedDestination } from "./meta-router.js";
import type { KindDefinition, Metadata, ResourceEnvelope } from "./resource.js";
import { ignored, isObject, list, object, optional, withDefault } from "./schema/composites.js";
import { anything, text } from "./schema/scalars.js";
import { Findings, Site } from "./schema/site.js";

/** The routes that it means, as a MetaRouter would have them. Without hosts it means none. */
export interface VirtualServiceSpec extends MetaRouterSpec {
  /** What of it is left out. */
  readonly notApplied: readonly FieldFault[];
}

export type VirtualService = ResourceEnvelope<"VirtualService", VirtualServiceSpec>;

/** What has routes. */
export type Router = MetaRouter | VirtualService;

/** Of what the control plane writes itself. */
const MANAGED_BY = "app.kubernetes.io/managed-by";
const OWN = "metaproto";
/** The gateway that stands for all sidecars. */
const MESH = "mesh";
const ALL = 100;
const MATCH_FIELDS: ReadonlySet<string> = new Set(["name", "method", "headers"]);
const ROUTE_FIELDS: ReadonlySet<string> = new Set(["name", "match", "route", "timeout"]);

const written = object(
  {
    hosts: withDefault(list(text), [], "hosts with a port `tcp-dubbo` or `tcp-thrift`"),
    gateways: withDefault(list(text), [], "without `mesh` it has no effect", "`mesh`"),
    exportTo: withDefault(list(text), [], "namespaces whose services it may route", "all"),
    http: optional(
      anything,
      "routes: `name`, `match` by `method` and `headers`, which are attributes, `route` and `timeout`; the rest is left out, with a warning",
    ),
    tcp: ignored("not applied, silently"),
    tls: ignored("not applied, silently"),
  },
  { isOpen: true },
);

export const virtualServiceKind: KindDefinition<"VirtualService", VirtualServiceSpec> = {
  kind: "VirtualService",
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  namespaced: true,
  unknownFields: "warning",
  shape: written.shape,
  readSpec: (value, { findings }, metadata) => specOf(value, findings.ownNamespace, metadata),
};

/** Istio judges it: what cannot be read here is left out. */
function specOf(value: unknown, namespace: string, { labels }: Metadata): VirtualServiceSpec {
  const notApplied: FieldFault[] = [];
  const { hosts, gateways, exportTo, http } = written.read(value, scratch(namespace));
  const routes = listOf(http).flatMap((route, index) =>
    routesOf(route, `spec.http[${index}]`, { namespace, notApplied }),
  );
  const isMeant = labels[MANAGED_BY] !== OWN && (gateways.length === 0 || gateways.includes(MESH));
  return {
    hosts: isMeant && routes.length > 0 ? hosts.filter((host) => !host.startsWith("*")) : [],
    exportTo,
    gateways: [],
    routes,
    localRateLimit: undefined,
    globalRateLimit: undefined,
    filters: [],
    notApplied,
  };
}

interface Reading {
  readonly namespace: string;
  readonly notApplied: FieldFault[];
}

/** One for each of its matches, any of which is enough. */
function routesOf(route: unknown, path: string, reading: Reading): readonly MetaRoute[] {
  if (!isObject(route)) return [];
  const { notApplied } = reading;
  for (const field of Object.keys(route))
    if (!ROUTE_FIELDS.has(field))
      notApplied.push({ path: `${path}.${field}`, message: "is not applied" });
  const destinations = destinationsOf(route["route"], reading);
  if (destinations === undefined) {
    notApplied.push({ path: `${path}.route`, message: "leads nowhere: the route is left out" });
    return [];
  }
  const { name, timeout } = route;
  const timeoutMs = typeof timeout === "string" ? parseDurationMs(timeout) : undefined;
  const matches = listOf(route["match"]);
  const all: readonly AttributeMatches[] =
    matches.length === 0
      ? [{}]
      : matches
          .map((item, index) => matchOf(item, `${path}.match[${index}]`, reading))
          .filter((attributes) => attributes !== undefined);
  return all.map((attributes) => ({
    ...NOTHING,
    name: typeof name === "string" ? name : "",
    match: attributes,
    route: destinations,
    timeoutMs,
  }));
}

const NOTHING: Omit<MetaRoute, "name" | "match" | "route" | "timeoutMs"> = {
  retries: undefined,
  fault: undefined,
  mirrors: [],
  mirrorsField: "mirrors",
  requestMutation: [],
  responseMutation: [],
  hashPolicy: undefined,
  stickySession: undefined,
  localRateLimit: undefined,
  globalRateLimit: undefined,
  filters: [],
};

/** Undefined: it says what no attribute does, so that nobody can tell which requests it means. */
function matchOf(
  value: unknown,
  path: string,
  { namespace, notApplied }: Reading,
): AttributeMatches | undefined {
  const { headers, method, ...rest } = isObject(value) ? value : {};
  const unknown = Object.keys(rest).find((field) => !MATCH_FIELDS.has(field));
  const site = scratch(namespace);
  const attributes = match.read(
    { attributes: { ...(isObject(headers) && headers), ...(method !== undefined && { method }) } },
    site,
  );
  const [fault] = site.findings.faults;
  if (unknown === undefined && fault === undefined) return attributes;
  const why =
    unknown === undefined
      ? (fault?.message ?? "")
      : `no request of this protocol has \`${unknown}\``;
  notApplied.push({ path, message: `is left out: ${why}` });
  return undefined;
}

function destinationsOf(
  value: unknown,
  { namespace }: Reading,
): readonly WeightedDestination[] | undefined {
  const read: { readonly destination: Destination; readonly weight: number }[] = [];
  for (const item of listOf(value)) {
    if (!isObject(item)) return undefined;
    const site = scratch(namespace);
    const { weight } = item;
    const to = destination.read(item["destination"], site);
    if (site.findings.faults.length > 0) return undefined;
    read.push({ destination: to, weight: typeof weight === "number" ? weight : 0 });
  }
  return read.length === 0 ? undefined : inPercent(read);
}

/** Weights of Istio need not add up to 100; without any, all are equal. */
function inPercent(destinations: readonly WeightedDestination[]): readonly WeightedDestination[] {
  const sum = destinations.reduce((total, { weight }) => total + weight, 0);
  let left = ALL;
  let rest = sum === 0 ? destinations.length : sum;
  return destinations.map(({ destination: to, weight }) => {
    const share = sum === 0 ? 1 : weight;
    const percent = rest === 0 ? 0 : Math.round((left * share) / rest);
    left -= percent;
    rest -= share;
    return { destination: to, weight: percent };
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What it finds is nobody's business but the caller's. */
function scratch(namespace: string): Site {
  return Site.root(new Findings("warning", namespace));
}
