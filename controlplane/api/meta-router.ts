import { type AttributeMatches, match } from "./attribute-match.js";
import { type Destination, destination } from "./destination.js";
import { exportTo } from "./export-to.js";
import { checkFilterSettings, filterSettings } from "./filter-setting.js";
import { hashPolicy } from "./hash-policy.js";
import { hostNameFault, hostNames } from "./host-name.js";
import { moduleDuration } from "./module-duration.js";
import { requestMutation, responseMutation } from "./mutation.js";
import { percentageAboveZero } from "./percentage.js";
import { globalRateLimit, localRateLimit } from "./rate-limit.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import { retries } from "./retries.js";
import { routeFault } from "./route-fault.js";
import { stickySession } from "./sticky-session.js";
import {
  list,
  nonEmptyList,
  object,
  optional,
  type Read,
  required,
  withDefault,
} from "./schema/composites.js";
import { checked, constrained, mapped, type Rule, type Schema } from "./schema/schema.js";
import { integer, text } from "./schema/scalars.js";
import type { Site } from "./schema/site.js";

// Bounds of modules, which refuse a whole configuration with more.
const MAX_ROUTES = 100_000;
const MAX_DESTINATIONS = 1024;
const MAX_MUTATIONS = 256;
/** No bound of modules: each costs as much as the request itself. */
const MAX_MIRRORS = 16;

const weightedDestination = object({
  destination: required(destination, ""),
  weight: withDefault(
    integer(0, 100),
    0,
    "0 to 100; of several destinations the sum is 100; of a single one it has no meaning",
    "0",
  ),
});

export type WeightedDestination = Read<typeof weightedDestination>;

function checkWeights(route: readonly WeightedDestination[], site: Site): void {
  const total = route.reduce((sum, { weight }) => sum + weight, 0);
  if (route.length > 1 && total !== 100)
    site.fault(`the weights of several destinations must add up to 100, not ${total}`);
}

/** Gets a copy of the requests of a route. */
export interface Mirror {
  readonly destination: Destination;
  /** Above 0, at most 100. */
  readonly percentage: number;
}

const mirrorDestination: Schema<Mirror> = object({
  destination: required(destination, ""),
  percentage: withDefault(percentageAboveZero, 100, "of the route's requests", "100"),
});

const MIRROR_RULES: readonly Rule[] = [
  {
    expression: "!has(self.mirrorPercentage) || has(self.mirror)",
    message: "mirrorPercentage needs mirror",
  },
  {
    expression: "!has(self.mirror) || !has(self.mirrors)",
    message: "mirrors must not be there together with mirror",
  },
];

const writtenRoute = object({
  name: withDefault(text, "", "for people, logs and metrics"),
  match: withDefault(match, {}, ""),
  route: required(
    constrained(
      nonEmptyList(weightedDestination, "at least one destination is required", {
        check: checkWeights,
        maxItems: MAX_DESTINATIONS,
      }),
      {
        rules: [
          {
            expression: "size(self) < 2 || self.map(d, has(d.weight) ? d.weight : 0).sum() == 100",
            message: "the weights of several destinations must add up to 100",
          },
        ],
      },
    ),
    "",
  ),
  timeout: optional(
    moduleDuration(0),
    "from when its filters have let the request pass to its complete response, all tries included: a `fault` or a rate limit service that holds it does not count; `0s`: none",
    "15 s, or the protocol's",
  ),
  retries: optional(retries, "send requests that failed again: [retries](#retries)", "none"),
  fault: optional(routeFault, "delays and errors: [faults on purpose](#faults-on-purpose)"),
  mirror: optional(destination, "gets a copy of the requests; its responses are dropped"),
  mirrorPercentage: optional(percentageAboveZero, "of the requests", "100"),
  mirrors: optional(list(mirrorDestination, MAX_MIRRORS), "several, instead of `mirror`"),
  requestMutation: withDefault(
    list(requestMutation, MAX_MUTATIONS),
    [],
    "changes of the request, in order",
  ),
  responseMutation: withDefault(
    list(responseMutation, MAX_MUTATIONS),
    [],
    "changes of the response, in order",
  ),
  hashPolicy: optional(
    hashPolicy,
    "requests with the same key go to the same endpoint",
    "the DestinationRule's",
  ),
  stickySession: optional(
    stickySession,
    "requests that name an endpoint go to it: [sticky sessions](filters/sticky-sessions.md)",
    "the DestinationRule's `httpCookie`",
  ),
  localRateLimit: optional(localRateLimit, "as below, of this route", "the MetaRouter's"),
  globalRateLimit: optional(globalRateLimit, "as below, of this route", "the MetaRouter's"),
  filters: withDefault(
    filterSettings,
    [],
    "filters by name: your own, and built-in ones that this route does without",
    "the MetaRouter's",
  ),
});

const metaRoute = mapped(
  checked(constrained(writtenRoute, { rules: MIRROR_RULES }), (value, site) => {
    const { mirror, mirrorPercentage, mirrors } = value;
    checkFilterSettings(value, site);
    if (mirrorPercentage !== undefined && mirror === undefined)
      site.field("mirrorPercentage").fault("needs `mirror`");
    if (mirror !== undefined && mirrors !== undefined)
      site.field("mirrors").fault("must not be there together with `mirror`");
  }),
  ({ timeout, mirror, mirrorPercentage, mirrors, ...rest }) => ({
    ...rest,
    timeoutMs: timeout,
    mirrors:
      mirror === undefined
        ? (mirrors ?? [])
        : [{ destination: mirror, percentage: mirrorPercentage ?? 100 }],
    /** Where a mirror is written, for messages about it. */
    mirrorsField: mirror === undefined ? ("mirrors" as const) : ("mirror" as const),
  }),
);

export type MetaRoute = Read<typeof metaRoute>;

const spec = object({
  hosts: required(
    hostNames(hostNameFault),
    "hosts of ServiceEntries; several are possible, short names too",
  ),
  exportTo: exportTo("namespaces whose services it may route"),
  gateways: withDefault(
    list(text),
    [],
    "`name` or `namespace/name` of Istio Gateways on which the routes hold as well; without Istio not applied, with a warning",
  ),
  routes: optional(
    list(metaRoute, MAX_ROUTES),
    "in order, the first that matches is taken",
    "everything to the service",
  ),
  localRateLimit: optional(
    localRateLimit,
    "[local rate limits](#local-rate-limits), for requests of all routes that have none of their own",
  ),
  globalRateLimit: optional(
    globalRateLimit,
    "[global rate limits](#global-rate-limits), for requests of all routes that have none of their own",
  ),
  filters: withDefault(
    filterSettings,
    [],
    "filters by name, for requests of all routes that do not name them: your own, and built-in ones that they do without",
  ),
});

const HAS_SOMETHING: Rule = {
  expression:
    "has(self.routes) || has(self.localRateLimit) || has(self.globalRateLimit) || (has(self.filters) && size(self.filters) > 0)",
  message: "one of routes, localRateLimit, globalRateLimit and filters is required",
};

const metaRouterSpec = mapped(
  checked(constrained(spec, { rules: [HAS_SOMETHING] }), (value, site) => {
    const { routes, localRateLimit, globalRateLimit, filters } = value;
    if ((routes ?? localRateLimit ?? globalRateLimit) === undefined && filters.length === 0)
      site.fault("one of routes, localRateLimit, globalRateLimit and filters is required");
    checkFilterSettings(value, site);
    warnOfUnreachable(routes ?? [], site.field("routes"));
  }),
  ({ routes = [], ...rest }) => ({ ...rest, routes }),
);

export type MetaRouterSpec = Read<typeof metaRouterSpec>;

export type MetaRouter = ResourceEnvelope<"MetaRouter", MetaRouterSpec>;

export const metaRouterKind: KindDefinition<"MetaRouter", MetaRouterSpec> = {
  kind: "MetaRouter",
  group: "metaprotocol.aeraki.io",
  versions: ["v1alpha1"],
  namespaced: true,
  unknownFields: "fault",
  shape: metaRouterSpec.shape,
  readSpec: metaRouterSpec.read,
};

function warnOfUnreachable(
  routes: readonly { readonly match: AttributeMatches }[],
  site: Site,
): void {
  let always = false;
  routes.forEach((route, index) => {
    if (always) site.item(index).warning("is never reached: a route before it takes every request");
    always ||= Object.keys(route.match).length === 0;
  });
}
