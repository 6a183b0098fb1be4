import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { validateResource } from "./kinds.js";
import type { MetaRouterSpec } from "./meta-router.js";

const DESTINATION = "{ destination: { host: demo.meta.svc.cluster.local } }";
const ROUTES = `routes: [{ route: [${DESTINATION}] }]`;

function validate(spec: string) {
  return validateResource({
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "MetaRouter",
    metadata: { name: "demo", namespace: "meta" },
    spec: parse(spec) as unknown,
  });
}

/** `path: message` of all faults. */
function faultsOf(spec: string): string[] {
  const validation = validate(spec);
  if (validation.outcome !== "invalid") return [];
  return validation.faults.map(({ path, message }) => `${path}: ${message}`);
}

function warningsOf(spec: string): string[] {
  return validate(spec).warnings.map(({ path, message }) => `${path}: ${message}`);
}

function specOf(spec: string): MetaRouterSpec {
  const validation = validate(spec);
  if (validation.outcome !== "valid") throw new Error(faultsOf(spec).join("\n"));
  if (validation.resource.kind !== "MetaRouter") throw new Error(validation.resource.kind);
  return validation.resource.spec;
}

function withRoute(fields: string): string {
  return `hosts: [demo]\nroutes: [{ route: [${DESTINATION}], ${fields} }]`;
}

function withRoutes(...routes: string[]): string {
  return `hosts: [demo]\nroutes: [${routes.join(", ")}]`;
}

function withAttributes(attributes: string): string {
  return withRoute(`match: { attributes: ${attributes} }`);
}

/** The rules of Aeraki's webhook: something that each accepts, something that each rejects, and how. */
const RULES: [rule: string, accepted: string, rejected: string, fault: string][] = [
  [
    "hosts is not empty",
    `hosts: [a.b]\n${ROUTES}`,
    ROUTES,
    "spec.hosts: at least one host is required",
  ],
  [
    "several hosts differ",
    `hosts: [a.b, a.c]\n${ROUTES}`,
    `hosts: [a.b, A.b.]\n${ROUTES}`,
    "spec.hosts[1]: `A.b.` is there twice",
  ],
  [
    "a host is not too long",
    `hosts: ["${"a.".repeat(127)}b"]\n${ROUTES}`,
    `hosts: ["${"a.".repeat(128)}b"]\n${ROUTES}`,
    "spec.hosts[0]: must not be longer than 255 characters",
  ],
  [
    "a host is not empty",
    `hosts: [a]\n${ROUTES}`,
    `hosts: [""]\n${ROUTES}`,
    "spec.hosts[0]: must not be empty",
  ],
  [
    "the last label of a host is not numeric",
    `hosts: ["1.a"]\n${ROUTES}`,
    `hosts: ["a.1"]\n${ROUTES}`,
    "spec.hosts[0]: `a.1` is not a host name: its last part must not be a number",
  ],
  [
    "the labels of a host are those of DNS",
    `hosts: [a-b.c.]\n${ROUTES}`,
    `hosts: [a_b.c]\n${ROUTES}`,
    "spec.hosts[0]: `a_b.c` is not a host name: its part `a_b` must consist of letters, digits and `-`, and begin and end with a letter or digit",
  ],
  [
    "there is something to apply",
    `hosts: [demo]\n${ROUTES}`,
    "hosts: [demo]",
    "spec: one of routes, localRateLimit, globalRateLimit and filters is required",
  ],
  [
    "a route is not null",
    `hosts: [demo]\n${ROUTES}`,
    "hosts: [demo]\nroutes: [null]",
    "spec.routes[0]: must be an object; it is empty",
  ],
  [
    "a route has a destination",
    `hosts: [demo]\n${ROUTES}`,
    "hosts: [demo]\nroutes: [{ name: a }]",
    "spec.routes[0].route: at least one destination is required",
  ],
  [
    "a destination is not null",
    `hosts: [demo]\n${ROUTES}`,
    "hosts: [demo]\nroutes: [{ route: [null] }]",
    "spec.routes[0].route[0]: must be an object; it is empty",
  ],
  [
    "a destination names one",
    `hosts: [demo]\n${ROUTES}`,
    "hosts: [demo]\nroutes: [{ route: [{ weight: 100 }] }]",
    "spec.routes[0].route[0].destination: is required",
  ],
  [
    "a weight is at most 100",
    withRoutes("{ route: [{ destination: { host: a }, weight: 100 }] }"),
    withRoutes("{ route: [{ destination: { host: a }, weight: 101 }] }"),
    "spec.routes[0].route[0].weight: must be an integer from 0 to 100, not 101",
  ],
  [
    "weights add up to 100",
    withRoutes(
      "{ route: [{ destination: { host: a }, weight: 20 }, { destination: { host: b }, weight: 80 }] }",
    ),
    withRoutes(
      "{ route: [{ destination: { host: a }, weight: 20 }, { destination: { host: b }, weight: 70 }] }",
    ),
    "spec.routes[0].route: the weights of several destinations must add up to 100, not 90",
  ],
  [
    "the weight of a single destination has no meaning",
    withRoutes("{ route: [{ destination: { host: a }, weight: 20 }] }"),
    withRoutes("{ route: [{ destination: { host: a }, weight: -1 }] }"),
    "spec.routes[0].route[0].weight: must be an integer from 0 to 100, not -1",
  ],
  [
    "the host of a destination is the name of a host",
    withRoutes("{ route: [{ destination: { host: a.b } }] }"),
    withRoutes("{ route: [{ destination: { host: a..b } }] }"),
    "spec.routes[0].route[0].destination.host: `a..b` is not a host name: its part `` must consist of letters, digits and `-`, and begin and end with a letter or digit",
  ],
  [
    "a subset is a label",
    withRoutes("{ route: [{ destination: { host: a, subset: v1 } }] }"),
    withRoutes("{ route: [{ destination: { host: a, subset: v.1 } }] }"),
    "spec.routes[0].route[0].destination.subset: `v.1` must consist of letters, digits and `-`",
  ],
  [
    "a port is one",
    withRoutes("{ route: [{ destination: { host: a, port: { number: 65535 } } }] }"),
    withRoutes("{ route: [{ destination: { host: a, port: { number: 0 } } }] }"),
    "spec.routes[0].route[0].destination.port.number: must be an integer from 1 to 65535, not 0",
  ],
  [
    "the host of a mirror is the name of a host",
    withRoute("mirror: { host: a }"),
    withRoute("mirror: { host: '*' }"),
    "spec.routes[0].mirror.host: `*` is not a host name: its part `*` must consist of letters, digits and `-`, and begin and end with a letter or digit",
  ],
  [
    "a percentage needs a mirror",
    withRoute("mirror: { host: a }, mirrorPercentage: { value: 10 }"),
    withRoute("mirrorPercentage: { value: 10 }"),
    "spec.routes[0].mirrorPercentage: needs `mirror`",
  ],
  [
    "a percentage is above 0",
    withRoute("mirror: { host: a }, mirrorPercentage: { value: 0.1 }"),
    withRoute("mirror: { host: a }, mirrorPercentage: { value: 0 }"),
    "spec.routes[0].mirrorPercentage.value: must be above 0 and at most 100, not 0",
  ],
  [
    "a percentage is at most 100",
    withRoute("mirror: { host: a }, mirrorPercentage: { value: 100 }"),
    withRoute("mirror: { host: a }, mirrorPercentage: { value: 100.5 }"),
    "spec.routes[0].mirrorPercentage.value: must be above 0 and at most 100, not 100.5",
  ],
  [
    "a mutation has a key",
    withRoute("requestMutation: [{ key: a, value: b }]"),
    withRoute("requestMutation: [{ key: '', value: b }]"),
    "spec.routes[0].requestMutation[0].key: must not be empty",
  ],
  [
    "a response may say which endpoint it is of, a request not yet",
    withRoute("responseMutation: [{ key: a, value: '%UPSTREAM_HOST%' }]"),
    withRoute("requestMutation: [{ key: a, value: '%UPSTREAM_HOST%' }]"),
    "spec.routes[0].requestMutation[0].value: unknown operator `%UPSTREAM_HOST%`; there are ATTR, BYTES_RECEIVED, DOWNSTREAM_LOCAL_ADDRESS, DOWNSTREAM_PEER_URI_SAN, DOWNSTREAM_REMOTE_ADDRESS, DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT, PROTOCOL, ROUTE_NAME, START_TIME, UPSTREAM_CLUSTER",
  ],
  [
    "a mutation has a value",
    withRoute("responseMutation: [{ key: a, value: b }]"),
    withRoute("responseMutation: [{ key: a, value: '' }]"),
    "spec.routes[0].responseMutation[0].value: must not be empty",
  ],
  [
    "an attribute has a name",
    withAttributes("{ method: { exact: a } }"),
    withAttributes("{ '': { exact: a } }"),
    'spec.routes[0].match.attributes[""]: the name of an attribute must not be empty',
  ],
  [
    "a match is not null",
    withAttributes("{ method: {} }"),
    withAttributes("{ method: null }"),
    "spec.routes[0].match.attributes.method: must be an object; it is empty",
  ],
  [
    "a regular expression is not empty",
    withAttributes("{ method: { regex: '^$' } }"),
    withAttributes("{ method: { regex: '' } }"),
    'spec.routes[0].match.attributes.method.regex: must not be empty; the empty value alone is `"^$"`',
  ],
  [
    "a regular expression is one of RE2",
    withAttributes("{ method: { regex: 'say.*' } }"),
    withAttributes("{ method: { regex: 'a(?=b)' } }"),
    "spec.routes[0].match.attributes.method.regex: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
  ],
  [
    "a token bucket has an interval",
    "hosts: [demo]\nlocalRateLimit: { tokenBucket: { maxTokens: 4, tokensPerFill: 4, fillInterval: 60s } }",
    "hosts: [demo]\nlocalRateLimit: { tokenBucket: { maxTokens: 4, tokensPerFill: 4 } }",
    "spec.localRateLimit.tokenBucket.fillInterval: is required",
  ],
  [
    "a token bucket has an interval that the data plane can keep",
    "hosts: [demo]\nlocalRateLimit: { tokenBucket: { maxTokens: 4, tokensPerFill: 4, fillInterval: 50ms } }",
    "hosts: [demo]\nlocalRateLimit: { tokenBucket: { maxTokens: 4, tokensPerFill: 4, fillInterval: 49ms } }",
    "spec.localRateLimit.tokenBucket.fillInterval: must be at least 50ms, not `49ms`",
  ],
  [
    "a token bucket is filled",
    "hosts: [demo]\nlocalRateLimit: { tokenBucket: { maxTokens: 4, tokensPerFill: 1, fillInterval: 1s } }",
    "hosts: [demo]\nlocalRateLimit: { tokenBucket: { maxTokens: 4, tokensPerFill: 0, fillInterval: 1s } }",
    "spec.localRateLimit.tokenBucket.tokensPerFill: must be an integer from 1 to 4294967295, not 0",
  ],
  [
    "a token bucket holds something",
    "hosts: [demo]\nlocalRateLimit: { tokenBucket: { maxTokens: 1, tokensPerFill: 1, fillInterval: 1s } }",
    "hosts: [demo]\nlocalRateLimit: { tokenBucket: { maxTokens: 0, tokensPerFill: 1, fillInterval: 1s } }",
    "spec.localRateLimit.tokenBucket.maxTokens: must be an integer from 1 to 4294967295, not 0",
  ],
  [
    "a local rate limit has a bucket",
    "hosts: [demo]\nlocalRateLimit: { conditions: [{ match: {}, tokenBucket: { maxTokens: 1, tokensPerFill: 1, fillInterval: 1s } }] }",
    "hosts: [demo]\nlocalRateLimit: { conditions: [] }",
    "spec.localRateLimit: one of tokenBucket and conditions is required",
  ],
  [
    "a condition has a match",
    "hosts: [demo]\nlocalRateLimit: { conditions: [{ match: { attributes: { method: { exact: a } } }, tokenBucket: { maxTokens: 1, tokensPerFill: 1, fillInterval: 1s } }] }",
    "hosts: [demo]\nlocalRateLimit: { conditions: [{ tokenBucket: { maxTokens: 1, tokensPerFill: 1, fillInterval: 1s } }] }",
    "spec.localRateLimit.conditions[0].match: is required",
  ],
  [
    "a condition has a bucket",
    "hosts: [demo]\nlocalRateLimit: { conditions: [{ match: {}, tokenBucket: { maxTokens: 9, tokensPerFill: 1, fillInterval: 1s } }] }",
    "hosts: [demo]\nlocalRateLimit: { conditions: [{ match: {} }] }",
    "spec.localRateLimit.conditions[0].tokenBucket: is required",
  ],
  [
    "a global rate limit has a domain",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, descriptors: [{ property: a, descriptorKey: b }] }",
    "hosts: [demo]\nglobalRateLimit: { domain: '', rateLimitService: s, descriptors: [{ property: a, descriptorKey: b }] }",
    "spec.globalRateLimit.domain: must not be empty",
  ],
  [
    "a global rate limit has a service",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: outbound|8081||rls.meta, descriptors: [{ property: a, descriptorKey: b }] }",
    "hosts: [demo]\nglobalRateLimit: { domain: d, descriptors: [{ property: a, descriptorKey: b }] }",
    "spec.globalRateLimit.rateLimitService: is required",
  ],
  [
    "a global rate limit has a descriptor",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, requestTimeout: 100ms, denyOnFail: true, descriptors: [{ property: a, descriptorKey: b }] }",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, descriptors: [] }",
    "spec.globalRateLimit.descriptors: at least one is required",
  ],
  [
    "a descriptor has both parts",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, match: {}, descriptors: [{ property: a, descriptorKey: b }] }",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, descriptors: [{ property: a }] }",
    "spec.globalRateLimit.descriptors[0].descriptorKey: is required",
  ],
  [
    "exportTo has no duplicates, and `.` is the own namespace",
    `hosts: [demo]\nexportTo: [., other]\n${ROUTES}`,
    `hosts: [demo]\nexportTo: [., meta]\n${ROUTES}`,
    "spec.exportTo[1]: `meta` is there twice",
  ],
  [
    "exportTo has namespaces",
    `hosts: [demo]\nexportTo: [a-b]\n${ROUTES}`,
    `hosts: [demo]\nexportTo: [a/b]\n${ROUTES}`,
    "spec.exportTo[0]: `a/b` is not a namespace, `.`, `*` or `~`",
  ],
  [
    "`*` in exportTo is alone",
    `hosts: [demo]\nexportTo: ['*']\n${ROUTES}`,
    `hosts: [demo]\nexportTo: ['*', a]\n${ROUTES}`,
    "spec.exportTo[0]: `*` must be alone",
  ],
  [
    "`~` in exportTo is alone",
    `hosts: [demo]\nexportTo: ['~']\n${ROUTES}`,
    `hosts: [demo]\nexportTo: [a, '~']\n${ROUTES}`,
    "spec.exportTo[1]: `~` must be alone",
  ],
  [
    "a timeout is a duration",
    withRoute("timeout: 1.5s"),
    withRoute("timeout: 15"),
    "spec.routes[0].timeout: must be a string, not 15; put it in quotes",
  ],
  [
    "a timeout is no longer than modules can count",
    withRoute("timeout: 596h"),
    withRoute("timeout: 597h"),
    "spec.routes[0].timeout: must be at most 2147483647ms, not `597h`",
  ],
  [
    "a timeout is at least a millisecond",
    withRoute("timeout: 0s"),
    withRoute("timeout: 100us"),
    "spec.routes[0].timeout: must be `0s` or at least 1ms, not `100us`",
  ],
  [
    "retries say how often",
    withRoute("retries: { attempts: 0 }"),
    withRoute("retries: { retryOn: reset }"),
    "spec.routes[0].retries.attempts: is required",
  ],
  [
    "reasons to retry are known",
    withRoute("retries: { attempts: 2, retryOn: 'connect-failure, reset,5xx' }"),
    withRoute("retries: { attempts: 2, retryOn: 'reset,retriable-4xx' }"),
    "spec.routes[0].retries.retryOn: `retriable-4xx` is none of connect-failure, overloaded, reset, per-try-timeout, bad-response, gateway-error, server-error, 5xx, business-error",
  ],
  [
    "there are reasons to retry",
    withRoute("retries: { attempts: 2 }"),
    withRoute("retries: { attempts: 2, retryOn: '' }"),
    "spec.routes[0].retries.retryOn: must not be empty",
  ],
  [
    "no retry waits less than the first one",
    withRoute("retries: { attempts: 2, backoff: 10ms, maxInterval: 10ms }"),
    withRoute("retries: { attempts: 2, maxInterval: 10ms }"),
    "spec.routes[0].retries.maxInterval: must not be shorter than backoff, 25ms",
  ],
  [
    "a budget is a percentage",
    withRoute("retries: { attempts: 2, retryBudget: { percent: 100 } }"),
    withRoute("retries: { attempts: 2, retryBudget: { percent: 0 } }"),
    "spec.routes[0].retries.retryBudget.percent: must be an integer from 1 to 100, not 0",
  ],
  [
    "a fault does something",
    withRoute("fault: { delay: { fixedDelay: 1s, percentage: { value: 0 } } }"),
    withRoute("fault: {}"),
    "spec.routes[0].fault: one of delay and abort is required",
  ],
  [
    "a delay says how long",
    withRoute("fault: { delay: { attribute: x-delay, max: 5s } }"),
    withRoute("fault: { delay: { percentage: { value: 1 } } }"),
    "spec.routes[0].fault.delay: exactly one of fixedDelay and attribute is required",
  ],
  [
    "a delay says it once",
    withRoute("fault: { delay: { fixedDelay: 1s, percentage: { value: 1 } } }"),
    withRoute("fault: { delay: { fixedDelay: 1s, attribute: a } }"),
    "spec.routes[0].fault.delay: exactly one of fixedDelay and attribute is required",
  ],
  [
    "only what an attribute says is bounded",
    withRoute("fault: { delay: { attribute: x-delay, max: 5s } }"),
    withRoute("fault: { delay: { fixedDelay: 1s, max: 5s, percentage: { value: 1 } } }"),
    "spec.routes[0].fault.delay.max: needs `attribute`",
  ],
  [
    "a fault says how often",
    withRoute("fault: { abort: { kind: RESET, percentage: { value: 0.5 } } }"),
    withRoute("fault: { abort: { kind: RESET } }"),
    "spec.routes[0].fault.abort.percentage: is required",
  ],
  [
    "an abort has one error",
    withRoute("fault: { abort: { code: 70, percentage: { value: 1 } } }"),
    withRoute("fault: { abort: { code: 70, kind: RESET, percentage: { value: 1 } } }"),
    "spec.routes[0].fault.abort.code: must not be there together with `kind`",
  ],
  [
    "an abort has an error that is known",
    withRoute("fault: { abort: { attribute: x-abort } }"),
    withRoute("fault: { abort: { kind: NOPE, percentage: { value: 1 } } }"),
    'spec.routes[0].fault.abort.kind: must be one of NO_ROUTE, UNAVAILABLE, OVERLOADED, TIMEOUT, RESET, PERMISSION_DENIED, INTERNAL, not "NOPE"',
  ],
  [
    "mirrors are written in one way",
    withRoute("mirrors: [{ destination: { host: a } }, { destination: { host: b } }]"),
    withRoute("mirror: { host: a }, mirrors: [{ destination: { host: b } }]"),
    "spec.routes[0].mirrors: must not be there together with `mirror`",
  ],
  [
    "a mirror names a destination",
    withRoute("mirrors: [{ destination: { host: a }, percentage: { value: 10 } }]"),
    withRoute("mirrors: [{ percentage: { value: 10 } }]"),
    "spec.routes[0].mirrors[0].destination: is required",
  ],
  [
    "what is removed has no value",
    withRoute("requestMutation: [{ key: a, operation: remove }]"),
    withRoute("requestMutation: [{ key: a, value: b, operation: remove }]"),
    "spec.routes[0].requestMutation[0].value: must not be there with `remove`",
  ],
  [
    "what is added has a value",
    withRoute("requestMutation: [{ key: a, value: b, operation: addIfAbsent }]"),
    withRoute("requestMutation: [{ key: a, operation: addIfAbsent }]"),
    "spec.routes[0].requestMutation[0].value: is required",
  ],
  [
    "operators in values are known",
    withRoute("requestMutation: [{ key: a, value: '%ATTR(user):8% 100% %% %ROUTE_NAME%' }]"),
    withRoute("requestMutation: [{ key: a, value: '%ATR(user)%' }]"),
    "spec.routes[0].requestMutation[0].value: unknown operator `%ATR(user)%`; there are ATTR, BYTES_RECEIVED, DOWNSTREAM_LOCAL_ADDRESS, DOWNSTREAM_PEER_URI_SAN, DOWNSTREAM_REMOTE_ADDRESS, DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT, PROTOCOL, ROUTE_NAME, START_TIME, UPSTREAM_CLUSTER",
  ],
  [
    "operators in values name an attribute",
    withRoute("requestMutation: [{ key: a, value: '%ATTR(user)%' }]"),
    withRoute("requestMutation: [{ key: a, value: '%ATTR%' }]"),
    "spec.routes[0].requestMutation[0].value: `%ATTR%` must name an attribute, such as `%ATTR(method)%`",
  ],
  [
    "a hash has one key",
    withRoute("hashPolicy: { attribute: user }"),
    withRoute("hashPolicy: { attribute: user, useSourceIp: true }"),
    "spec.routes[0].hashPolicy: exactly one of attribute, useSourceIp and useSourceConnection is required",
  ],
  [
    "a hash has a key",
    withRoute("hashPolicy: { useSourceIp: true }"),
    withRoute("hashPolicy: { useSourceIp: false }"),
    "spec.routes[0].hashPolicy: exactly one of attribute, useSourceIp and useSourceConnection is required",
  ],
  [
    "a limit of a route is one",
    withRoute(
      "localRateLimit: { tokenBucket: { maxTokens: 1, tokensPerFill: 1, fillInterval: 1s } }",
    ),
    withRoute("localRateLimit: {}"),
    "spec.routes[0].localRateLimit: one of tokenBucket and conditions is required",
  ],
  [
    "a descriptor may have several entries",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, descriptors: [{ entries: [{ value: a, descriptorKey: b }, { sourceAddress: true, descriptorKey: c }] }] }",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, descriptors: [{ entries: [{ value: a, property: c, descriptorKey: b }] }] }",
    "spec.globalRateLimit.descriptors[0].entries[0]: exactly one of property, value and sourceAddress is required",
  ],
  [
    "a descriptor is written in one way",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, descriptors: [{ value: a, descriptorKey: b }] }",
    "hosts: [demo]\nglobalRateLimit: { domain: d, rateLimitService: s, descriptors: [{ property: a, entries: [{ value: a, descriptorKey: b }] }] }",
    "spec.globalRateLimit.descriptors[0].property: must not be there together with `entries`",
  ],
  [
    "a filter of one's own has any configuration",
    withRoute("filters: [{ name: acme.quota, config: { perCaller: 5 } }]"),
    withRoute("filters: [{ config: { perCaller: 5 } }]"),
    "spec.routes[0].filters[0].name: is required",
  ],
  [
    "a filter is there once",
    withRoute("filters: [{ name: a.b }, { name: a.c }]"),
    withRoute("filters: [{ name: a.b }, { name: a.b }]"),
    "spec.routes[0].filters[1].name: `a.b` is there twice",
  ],
  [
    "built-in filters have fields of their own",
    withRoute("filters: [{ name: metaproto.filters.access_log, disabled: true }]"),
    withRoute("filters: [{ name: metaproto.filters.local_rate_limit, config: { maxTokens: 5 } }]"),
    "spec.routes[0].filters[0].name: is configured by `localRateLimit`; only `disabled` is possible here",
  ],
  [
    "built-in filters are known",
    withRoute("filters: [{ name: metaproto.filters.fault, disabled: true }]"),
    withRoute("filters: [{ name: metaproto.filters.faults, disabled: true }]"),
    "spec.routes[0].filters[0].name: there is no built-in filter `metaproto.filters.faults`; there are metaproto.filters.access_log, metaproto.filters.authorization, metaproto.filters.fault, metaproto.filters.global_rate_limit, metaproto.filters.local_rate_limit, metaproto.filters.peer_metadata, metaproto.filters.stats, metaproto.filters.tracing",
  ],
  [
    "nobody does without policies",
    withRoute("filters: [{ name: metaproto.filters.stats, disabled: true }]"),
    withRoute("filters: [{ name: metaproto.filters.authorization, disabled: true }]"),
    "spec.routes[0].filters[0].name: is the business of policies",
  ],
  [
    "a filter that is configured is not passed by",
    `hosts: [demo]\n${ROUTES}\nfilters: [{ name: metaproto.filters.stats, disabled: true }]`,
    `hosts: [demo]\n${ROUTES}\nlocalRateLimit: { tokenBucket: { maxTokens: 1, tokensPerFill: 1, fillInterval: 1s } }\nfilters: [{ name: metaproto.filters.local_rate_limit, disabled: true }]`,
    "spec.filters[0]: contradicts `localRateLimit`",
  ],
  [
    "a filter that is passed by has nothing to do",
    withRoute("filters: [{ name: a.b, disabled: true }]"),
    withRoute("filters: [{ name: a.b, disabled: true, config: 5 }]"),
    "spec.routes[0].filters[0].config: must not be there together with `disabled`",
  ],
  [
    "there are no unknown fields",
    withRoute("match: { attributes: { method: { exact: a } } }"),
    withRoute("match: { atributes: { method: { exact: a } } }"),
    "spec.routes[0].match.atributes: unknown field; did you mean `attributes`?",
  ],
];

describe("a MetaRouter is valid if", () => {
  it.each(RULES)("%s", (_rule, accepted, rejected, fault) => {
    expect(faultsOf(accepted)).toEqual([]);
    expect(faultsOf(rejected)).toContain(fault);
  });
});

describe("a MetaRouter", () => {
  it("has all its faults reported at once", () => {
    const spec = `
      hosts: [a_b]
      routes:
        - match: { attributes: { method: { exact: a, prefix: b }, x: { regex: "(" } } }
          route:
            - destination: { host: a }
              weight: 50
            - destination: { subset: v1 }
              wieght: 50
      exprotTo: ["*"]`;
    expect(faultsOf(spec).map((fault) => fault.split(": ")[0])).toEqual([
      "spec.hosts[0]",
      "spec.routes[0].match.attributes.method.prefix",
      "spec.routes[0].match.attributes.x.regex",
      "spec.routes[0].route[1].destination.host",
      "spec.routes[0].route[1].wieght",
      "spec.routes[0].route",
      "spec.exprotTo",
    ]);
  });

  it("keeps what Aeraki means at the edges of a match", () => {
    const spec = specOf(
      withAttributes(
        `{ Method: { exact: sayHello }, a: { exact: "" }, b: { prefix: "" }, c: {}, d: { regex: "^$" } }`,
      ),
    );
    expect(spec.routes[0]?.match).toEqual({
      method: { kind: "exact", value: "sayHello" },
      a: { kind: "present" },
      b: { kind: "present" },
      c: { kind: "present" },
      d: { kind: "regex", pattern: "^$" },
    });
  });

  it("refuses the regular expression `*`, and says what to write instead", () => {
    expect(faultsOf(withAttributes("{ a: { regex: '*' } }"))).toEqual([
      "spec.routes[0].match.attributes.a.regex: `*` is not a regular expression; any value is `{}` instead of it",
    ]);
  });

  it("refuses names of attributes that differ only by case", () => {
    expect(faultsOf(withAttributes("{ method: { exact: a }, Method: { exact: b } }"))).toEqual([
      "spec.routes[0].match.attributes.Method: is the same attribute as `method`: names do not differ by case",
    ]);
  });

  it("reads durations as Go writes them", () => {
    const timeoutOf = (timeout: string) =>
      specOf(withRoute(`timeout: ${timeout}`)).routes[0]?.timeoutMs;
    expect(timeoutOf("1m30s")).toBe(90_000);
    expect(timeoutOf("0.25s")).toBe(250);
    expect(timeoutOf("0s")).toBe(0);
    expect(specOf(withRoute("name: a")).routes[0]?.timeoutMs).toBeUndefined();
    expect(faultsOf(withRoute("timeout: fast"))).toEqual([
      "spec.routes[0].timeout: must be a duration such as `1.5s` or `100ms`, not `fast`",
    ]);
  });

  it("retries what never reached a server, unless it says otherwise", () => {
    const reasonsOf = (fields: string) =>
      specOf(withRoute(`retries: { attempts: 2 ${fields} }`)).routes[0]?.retries?.retryOn;
    expect(reasonsOf("")).toEqual(["connectFailure", "overloaded"]);
    expect(reasonsOf(", retryOn: 'reset, connect-failure,reset'")).toEqual([
      "reset",
      "connectFailure",
    ]);
    expect(reasonsOf(", retryOn: gateway-error")).toEqual([
      "connectFailure",
      "reset",
      "perTryTimeout",
      "overloaded",
      "badResponse",
    ]);
    expect(reasonsOf(", retryOn: 5xx")).toContain("serverError");
    expect(reasonsOf(", retryOn: server-error")).toEqual(["serverError"]);
  });

  it("warns of tries that are given up and not made again", () => {
    expect(warningsOf(withRoute("retries: { attempts: 2, perTryTimeout: 1s }"))).toEqual([
      "spec.routes[0].retries.perTryTimeout: a try that takes longer is given up: retryOn has no `per-try-timeout`",
    ]);
    expect(
      warningsOf(withRoute("retries: { attempts: 2, perTryTimeout: 1s, retryOn: gateway-error }")),
    ).toEqual([]);
  });

  it("has Aeraki's mirror as one of several", () => {
    const mirrorsOf = (fields: string) => specOf(withRoute(fields)).routes[0]?.mirrors;
    const destination = { host: "shadow", subset: undefined, port: undefined };
    expect(mirrorsOf("mirror: { host: shadow }, mirrorPercentage: { value: 0.5 }")).toEqual([
      { destination, percentage: 0.5 },
    ]);
    expect(mirrorsOf("mirrors: [{ destination: { host: shadow } }]")).toEqual([
      { destination, percentage: 100 },
    ]);
    expect(mirrorsOf("name: a")).toEqual([]);
  });

  it("sets what a mutation has, as in Aeraki, unless it says otherwise", () => {
    expect(
      specOf(withRoute("requestMutation: [{ key: a, value: 100% }]")).routes[0]?.requestMutation,
    ).toEqual([{ operation: "set", key: "a", value: "100%" }]);
  });

  it("warns of routes that are never reached", () => {
    const spec = withRoutes(`{ route: [${DESTINATION}] }`, `{ route: [${DESTINATION}] }`);
    expect(faultsOf(spec)).toEqual([]);
    expect(warningsOf(spec)).toEqual([
      "spec.routes[1]: is never reached: a route before it takes every request",
    ]);
  });
});
