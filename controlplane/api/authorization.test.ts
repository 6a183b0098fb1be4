import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { validateResource } from "./kinds.js";

const API_VERSIONS = {
  MetaAuthorizationPolicy: "metaprotocol.aeraki.io/v1alpha1",
  DubboAuthorizationPolicy: "dubbo.aeraki.io/v1alpha1",
} as const;

type Kind = keyof typeof API_VERSIONS;

function validate(kind: Kind, spec: string) {
  return validateResource({
    apiVersion: API_VERSIONS[kind],
    kind,
    metadata: { name: "policy", namespace: "shop" },
    spec: parse(spec) as unknown,
  });
}

function faultsOf(kind: Kind, spec: string): string[] {
  const validation = validate(kind, spec);
  if (validation.outcome !== "invalid") return [];
  return validation.faults.map(({ path, message }) => `${path}: ${message}`);
}

function specOf(kind: Kind, spec: string): unknown {
  const validation = validate(kind, spec);
  if (validation.outcome !== "valid") throw new Error(faultsOf(kind, spec).join("\n"));
  return validation.resource.spec;
}

const source = (fields: string): string => `rules: [{ from: [{ source: { ${fields} } }] }]`;
const operation = (fields: string): string => `rules: [{ to: [{ operation: { ${fields} } }] }]`;

const BOTH: readonly Kind[] = ["MetaAuthorizationPolicy", "DubboAuthorizationPolicy"];
const PLACE = "spec.rules[0].from[0].source";

describe.each(BOTH)("a %s", (kind) => {
  it("allows, and matches nothing, if it says nothing", () => {
    expect(specOf(kind, "{}")).toEqual({ action: "ALLOW", rules: [], dryRun: false });
  });

  it.each([
    ["action: DENY", "action: deny", 'spec.action: must be one of ALLOW, DENY, not "deny"'],
    [
      source('principals: [a, "b*", "*c", "*"]'),
      source('principals: ["*b*"]'),
      `${PLACE}.principals[0]: \`*b*\`: a \`*\` is possible at the beginning or at the end, not at both or within`,
    ],
    [
      source("notPrincipals: [cluster.local/ns/a/sa/b]"),
      source("notPrincipals: [spiffe://cluster.local/ns/a/sa/b]"),
      `${PLACE}.notPrincipals[0]: must be written without \`spiffe://\``,
    ],
    [source("namespaces: [a]"), source("namespaces: []"), `${PLACE}.namespaces: must not be empty`],
    [
      source("notNamespaces: [a*]"),
      source("notNamespaces: ['a*b']"),
      `${PLACE}.notNamespaces[0]: \`a*b\`: a \`*\` is possible at the beginning or at the end, not at both or within`,
    ],
    ["rules: [{}]", "rules: [{ from: [] }]", "spec.rules[0].from: must not be empty"],
    [
      source("namespaces: [a]"),
      "rules: [{ from: [{}] }]",
      "spec.rules[0].from[0].source: is required",
    ],
  ])("accepts %s, and not %s", (accepted, rejected, fault) => {
    expect(faultsOf(kind, accepted)).toEqual([]);
    expect(faultsOf(kind, rejected)).toContain(fault);
  });

  it("has no source without a condition, which would be everybody", () => {
    const [fault] = faultsOf(kind, source(""));
    expect(fault).toContain(`${PLACE}: one of principals, notPrincipals, namespaces`);
  });
});

describe("a MetaAuthorizationPolicy", () => {
  const kind = "MetaAuthorizationPolicy";

  it.each([
    [
      source("ipBlocks: [10.0.0.0/8, 'fd00::1']"),
      source("ipBlocks: [10.0.0]"),
      `${PLACE}.ipBlocks[0]: \`10.0.0\` is neither an IP address nor a CIDR range`,
    ],
    ["hosts: [cart.shop]", "hosts: []", "spec.hosts: at least one host is required"],
    [
      operation("attributes: { method: { prefix: add } }"),
      operation("attributes: { method: { regex: '(' } }"),
      "spec.rules[0].to[0].operation.attributes.method.regex: error parsing regexp: missing closing ): `(`",
    ],
    [
      operation("notAttributes: { admin: {} }"),
      operation(""),
      "spec.rules[0].to[0].operation: one of attributes, notAttributes is required",
    ],
    [
      operation("attributes: { a: {} }"),
      operation("methods: [a]"),
      "spec.rules[0].to[0].operation.methods: unknown field",
    ],
  ])("accepts %s, and not %s", (accepted, rejected, fault) => {
    expect(faultsOf(kind, accepted)).toEqual([]);
    expect(faultsOf(kind, rejected)).toContain(fault);
  });
});

describe("a DubboAuthorizationPolicy", () => {
  const kind = "DubboAuthorizationPolicy";

  it.each([
    [
      operation("interfaces: [a.b*], notMethods: [c]"),
      operation("interfaces: [a.*.b]"),
      "spec.rules[0].to[0].operation.interfaces[0]: `a.*.b`: a `*` is possible at the beginning or at the end, not at both or within",
    ],
    [
      operation("methods: [a]"),
      operation("method: [a]"),
      "spec.rules[0].to[0].operation.method: unknown field; did you mean `methods`?",
    ],
    ["action: ALLOW", "dryRun: true", "spec.dryRun: unknown field"],
  ])("accepts %s, and not %s", (accepted, rejected, fault) => {
    expect(faultsOf(kind, accepted)).toEqual([]);
    expect(faultsOf(kind, rejected)).toContain(fault);
  });
});
