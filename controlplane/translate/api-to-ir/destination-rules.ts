import type { DestinationRule, Subset } from "../../api/destination-rule.js";
import { isExportedTo } from "../../api/export-to.js";
import { canonicalHostName, hostNameCandidates } from "../../api/host-name.js";
import type { PortTrafficPolicy, TrafficPolicy } from "../../api/traffic-policy.js";
import { type EngineFeature, NOT_APPLIED } from "../module-features.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";
import type { Service } from "./services.js";

/** What the DestinationRules say of one service, merged as Istio merges them. */
export interface ServiceRule {
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
}

const NO_POLICY: PortTrafficPolicy = {
  loadBalancer: undefined,
  connectionPool: undefined,
  outlierDetection: undefined,
  tls: undefined,
};

export interface DestinationRulesOptions {
  readonly engine: ReadonlySet<EngineFeature>;
  /** Where rules hold for the whole mesh. */
  readonly rootNamespace: string;
  readonly clusterDomain: string;
  /** Clusters are made by Istio, which judges the rules for them. */
  readonly isUnderIstio: boolean;
}

export class DestinationRules {
  private readonly byHost = new Map<string, DestinationRule[]>();
  private readonly merged = new Map<string, ServiceRule>();
  private readonly used = new Set<DestinationRule>();
  private readonly rules: readonly DestinationRule[];

  constructor(
    rules: readonly DestinationRule[],
    private readonly report: Report,
    private readonly options: DestinationRulesOptions,
  ) {
    const { engine, clusterDomain } = options;
    this.rules = byPrecedence(rules).filter((rule) =>
      options.isUnderIstio ? hasNoSelector(rule) : judgeRule(rule, report, engine),
    );
    for (const rule of this.rules) {
      const { host } = rule.spec;
      const { namespace } = rule.metadata;
      // A short name cannot be told from a host that is called so: both are looked up.
      for (const candidate of hostNameCandidates(host, namespace, clusterDomain)) {
        const list = this.byHost.get(candidate) ?? [];
        list.push(rule);
        this.byHost.set(candidate, list);
      }
    }
  }

  /** The rules for exactly this host, else those for the wildcard that has most in common with it. */
  of(service: Service): ServiceRule {
    const host = canonicalHostName(service.host);
    const { namespace } = service.entry.metadata;
    const key = `${namespace}/${host}`;
    let rule = this.merged.get(key);
    if (rule === undefined) {
      rule = merge(this.candidates(host, namespace));
      this.merged.set(key, rule);
    }
    return rule;
  }

  /** To be called when all services have been looked up. Istio has services that are not managed. */
  reportUnused(): void {
    if (this.options.isUnderIstio) return;
    for (const rule of this.rules)
      if (!this.used.has(rule))
        this.report.warning(
          rule,
          "spec.host",
          `no managed service has the host \`${rule.spec.host}\`: the rule has no effect`,
        );
  }

  private candidates(host: string, namespace: string): readonly DestinationRule[] {
    for (const pattern of [host, ...wildcards(host)]) {
      const visible = (this.byHost.get(pattern) ?? []).filter((rule) =>
        isExportedTo(rule.spec.exportTo, rule.metadata.namespace, namespace),
      );
      visible.forEach((rule) => this.used.add(rule));
      const owners = [namespace, this.options.rootNamespace, visible[0]?.metadata.namespace];
      for (const owner of owners) {
        const own = visible.filter((rule) => rule.metadata.namespace === owner);
        if (own.length > 0) return own;
      }
    }
    return [];
  }
}

/** Of a rule for some clients only Istio knows which they are: it holds for clusters, not for modules. */
function hasNoSelector({ spec }: DestinationRule): boolean {
  return spec.workloadSelector === undefined;
}

/** @returns whether the rule takes effect. */
function judgeRule(
  rule: DestinationRule,
  report: Report,
  engine: ReadonlySet<EngineFeature>,
): boolean {
  if (rule.spec.workloadSelector !== undefined) {
    report.warning(
      rule,
      "spec.workloadSelector",
      "the rule has no effect: a proxy without Kubernetes has no labels to select it by",
    );
    return false;
  }
  let isGood = true;
  for (const [path, policy] of policiesOf(rule)) {
    const fault = tlsFault(policy);
    if (fault !== undefined) {
      report.refuse(rule, `${path}.tls.${fault.field}`, fault.message);
      isGood = false;
    }
    warnOfPolicy(rule, { path, policy, engine }, report);
  }
  return isGood;
}

function tlsFault({ tls }: PortTrafficPolicy): { field: string; message: string } | undefined {
  if (tls?.mode === "ISTIO_MUTUAL")
    return {
      field: "mode",
      message:
        "ISTIO_MUTUAL needs the certificates of Istio: without it, name files with mode MUTUAL",
    };
  if (tls?.credentialName !== undefined && tls.mode !== "DISABLE")
    return {
      field: "credentialName",
      message: "needs a secret of Kubernetes: without it, name files",
    };
  return undefined;
}

interface PlacedPolicy {
  readonly path: string;
  readonly policy: PortTrafficPolicy;
  readonly engine: ReadonlySet<EngineFeature>;
}

function warnOfPolicy(
  rule: DestinationRule,
  { path, policy, engine }: PlacedPolicy,
  report: Report,
): void {
  const { loadBalancer, tls } = policy;
  const hash = hashFinding(policy, engine);
  if (hash !== undefined) report.warning(rule, `${path}.loadBalancer.consistentHash`, hash);
  if (loadBalancer?.simple === "PASSTHROUGH")
    report.warning(
      rule,
      `${path}.loadBalancer.simple`,
      "PASSTHROUGH is not applied: requests are balanced over the endpoints",
    );
  const isTls = tls?.mode === "SIMPLE" || tls?.mode === "MUTUAL";
  const isVerified = (tls?.caCertificates ?? tls?.credentialName) !== undefined;
  if (isTls && !isVerified && !tls.insecureSkipVerify)
    report.warning(
      rule,
      `${path}.tls.caCertificates`,
      "is not given: the certificate of the server is not verified",
    );
}

function hashFinding(
  { loadBalancer }: PortTrafficPolicy,
  engine: ReadonlySet<EngineFeature>,
): string | undefined {
  const key = loadBalancer?.consistentHash?.key.kind;
  if (key === undefined) return undefined;
  if (!engine.has(key === "cookie" ? "stickySession" : "hashPolicy")) return NOT_APPLIED;
  return key === "http"
    ? "is not applied: only HTTP has query parameters; name an attribute by httpHeaderName"
    : undefined;
}

/** All policies within a rule with their paths. */
function policiesOf(rule: DestinationRule): readonly (readonly [string, PortTrafficPolicy])[] {
  const own = [["spec", rule.spec.trafficPolicy] as const];
  const subsets = rule.spec.subsets.map(
    (subset, index) => [`spec.subsets[${index}]`, subset.trafficPolicy] as const,
  );
  return [...own, ...subsets].flatMap(([parent, policy]) =>
    policy === undefined
      ? []
      : [
          [`${parent}.trafficPolicy`, policy] as const,
          ...policy.portLevelSettings.map(
            (settings, index) =>
              [`${parent}.trafficPolicy.portLevelSettings[${index}]`, settings] as const,
          ),
        ],
  );
}

/** Istio: the first rule's policy, or the first there is; all subsets, the first of each name. */
function merge(rules: readonly DestinationRule[]): ServiceRule {
  const subsets = new Map<string, Subset>();
  for (const rule of rules)
    for (const subset of rule.spec.subsets)
      if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  return {
    trafficPolicy: rules.find((rule) => rule.spec.trafficPolicy !== undefined)?.spec.trafficPolicy,
    subsets: Array.from(subsets.values()),
  };
}

/** `*.b.c`, then `*.c`, for `a.b.c`. */
function wildcards(host: string): readonly string[] {
  const labels = host.split(".");
  return labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`);
}

/**
 * The policy for one port and, with `subset`, for its endpoints: what a subset says comes before what the rule says,
 * and what either says of a port replaces as a whole what it says of all ports, as in Istio.
 */
export function policyOf(
  rule: ServiceRule,
  subset: Subset | undefined,
  port: number,
): PortTrafficPolicy {
  const base = layer(NO_POLICY, rule.trafficPolicy, port);
  return layer(base, subset?.trafficPolicy, port);
}

function layer(
  base: PortTrafficPolicy,
  policy: TrafficPolicy | undefined,
  port: number,
): PortTrafficPolicy {
  if (policy === undefined) return base;
  const portLevel = policy.portLevelSettings.find((settings) => settings.port === port);
  if (portLevel !== undefined) return portLevel;
  return {
    loadBalancer: policy.loadBalancer ?? base.loadBalancer,
    connectionPool: policy.connectionPool ?? base.connectionPool,
    outlierDetection: policy.outlierDetection ?? base.outlierDetection,
    tls: policy.tls ?? base.tls,
  };
}
