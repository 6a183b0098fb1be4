// Who may ask which service for what.
import type { DubboAuthorizationPolicy } from "../../api/dubbo-authorization-policy.js";
import type { MetaAuthorizationPolicy } from "../../api/meta-authorization-policy.js";
import type { AuthorizationPolicy, Filter } from "../../ir/filter.js";
import type { AttributeMatch } from "../../ir/attribute-match.js";
import { NOT_APPLIED } from "../module-features.js";
import { dubboOperations } from "./dubbo-operations.js";
import { matchOf } from "./matches.js";
import type { FilterContext } from "./router-filters.js";
import { compareText, type Service, type Services } from "./services.js";

type Policy = DubboAuthorizationPolicy | MetaAuthorizationPolicy;

export interface AuthorizationContext extends Pick<FilterContext, "features" | "report"> {
  readonly services: Services;
  /** Policies of this namespace are for services of all namespaces. */
  readonly rootNamespace: string;
  /** Name of the module that speaks a service's protocol. */
  readonly moduleOf: (service: Service) => string | undefined;
  /** Clients have an identity where Istio gives them one: here it is not known where. */
  readonly isUnderIstio: boolean;
  /** This version of it was accepted before. */
  readonly isInEffect: (policy: Policy) => boolean;
}

// Bounds of modules for one service, which refuse its whole configuration with more.
const MAX_POLICIES = 256;
/** Rules, sources, operations, and what they list. */
const MAX_POLICY_ENTRIES = 10_000;

/** Module whose services DubboAuthorizationPolicies are for. */
const DUBBO = "dubbo";

/** The policies in effect, by service. */
export class Authorizations {
  private readonly policies: readonly Policy[];

  constructor(
    policies: readonly Policy[],
    private readonly context: AuthorizationContext,
  ) {
    const { features, report } = context;
    if (features.filters.has("authorization")) {
      this.policies = [...policies].sort((a, b) => compareText(keyOf(a), keyOf(b)));
    } else {
      for (const policy of policies) report.warning(policy, "", NOT_APPLIED);
      this.policies = [];
    }
    for (const policy of this.policies) this.warnOfUnknownHosts(policy);
  }

  filtersOf(service: Service): readonly Filter[] {
    const candidates = this.policies.filter((policy) => this.isFor(policy, service));
    const fitting = this.withinBounds(candidates, service);
    const policies = candidates.filter((policy) => fitting.has(policy));
    if (policies.length === 0) return [];
    for (const policy of policies) this.warnOfMissingIdentity(policy, service);
    return [{ kind: "authorization", policies: policies.map(policyOf) }];
  }

  /** Those that are in effect keep their place; the others come in order, as long as there is room. */
  private withinBounds(policies: readonly Policy[], service: Service): ReadonlySet<Policy> {
    const { isInEffect, report } = this.context;
    const former = policies.filter(isInEffect);
    const others = policies.filter((policy) => !former.includes(policy));
    const fitting = new Set<Policy>();
    let entries = 0;
    for (const policy of [...former, ...others]) {
      const size = entriesOf(policy);
      if (fitting.size === MAX_POLICIES) {
        const most = `more than ${MAX_POLICIES} policies`;
        report.refuse(policy, "spec", `has no effect: \`${service.host}\` would have ${most}`);
      } else if (entries + size > MAX_POLICY_ENTRIES) {
        const most = `more than ${MAX_POLICY_ENTRIES} rules, sources, operations and what they list`;
        report.refuse(
          policy,
          "spec.rules",
          `has no effect: \`${service.host}\` would have ${most}`,
        );
      } else {
        fitting.add(policy);
        entries += size;
      }
    }
    return fitting;
  }

  private isFor(policy: Policy, service: Service): boolean {
    const { rootNamespace, moduleOf } = this.context;
    const { namespace } = policy.metadata;
    if (namespace !== rootNamespace && namespace !== service.entry.metadata.namespace) return false;
    if (policy.kind === "DubboAuthorizationPolicy" && moduleOf(service) !== DUBBO) return false;
    const { hosts } = policy.spec;
    return hosts === undefined || hosts.some((host) => this.named(policy, host).includes(service));
  }

  private named(policy: Policy, host: string): readonly Service[] {
    const { services, rootNamespace } = this.context;
    const { namespace } = policy.metadata;
    return services
      .resolve(host, namespace)
      .filter(({ entry }) => [rootNamespace, entry.metadata.namespace].includes(namespace));
  }

  private warnOfUnknownHosts(policy: Policy): void {
    policy.spec.hosts?.forEach((host, index) => {
      if (this.named(policy, host).length > 0) return;
      this.context.report.warning(
        policy,
        `spec.hosts[${index}]`,
        `has no effect: no ServiceEntry of the namespace \`${policy.metadata.namespace}\` has the host \`${host}\``,
      );
    });
  }

  /** Without mutual TLS nobody has a principal. */
  private warnOfMissingIdentity(policy: Policy, service: Service): void {
    if (this.context.isUnderIstio || service.entry.spec.listenerTls?.caFile !== undefined) return;
    policy.spec.rules.forEach((rule, ruleIndex) => {
      rule.from.forEach((source, index) => {
        const fields = ["principals", "notPrincipals", "namespaces", "notNamespaces"] as const;
        for (const field of fields.filter((name) => source[name].length > 0))
          this.context.report.warning(
            policy,
            `spec.rules[${ruleIndex}].from[${index}].source.${field}`,
            `clients of \`${service.host}\` have no identity: it has no mutual TLS`,
          );
      });
    });
  }
}

/** As modules count them. */
function entriesOf(policy: Policy): number {
  let entries = 0;
  for (const { from, to } of policyOf(policy).rules) {
    entries += 1 + from.length + to.length;
    for (const source of from) entries += Object.values(source).flat().length;
    for (const operation of to) entries += operation.length;
  }
  return entries;
}

function keyOf({ kind, metadata }: Policy): string {
  return `${metadata.namespace}/${metadata.name}/${kind}`;
}

function policyOf(policy: Policy): AuthorizationPolicy {
  const { metadata, spec } = policy;
  return {
    name: `${metadata.namespace}/${metadata.name}`,
    action: spec.action === "DENY" ? "deny" : "allow",
    rules:
      policy.kind === "DubboAuthorizationPolicy"
        ? policy.spec.rules.map(({ from, to }) => ({ from, to: to.flatMap(dubboOperations) }))
        : policy.spec.rules.map(({ from, to }) => ({ from, to: to.map(metaOperation) })),
    dryRun: spec.dryRun,
  };
}

function metaOperation({
  attributes,
  notAttributes,
}: MetaAuthorizationPolicy["spec"]["rules"][number]["to"][number]): readonly AttributeMatch[] {
  return [...matchOf(attributes), ...matchOf(notAttributes, true)];
}
