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
}

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
    const policies = this.policies.filter((policy) => this.isFor(policy, service));
    if (policies.length === 0) return [];
    for (const policy of policies) this.warnOfMissingIdentity(policy, service);
    return [{ kind: "authorization", policies: policies.map(policyOf) }];
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
    if (service.entry.spec.listenerTls?.caFile !== undefined) return;
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
