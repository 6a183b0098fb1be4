// What the kinds of authorization policies have in common: names and meaning of Istio's AuthorizationPolicy.
import { isCidr, isIpAddress } from "./host-name.js";
import { list, object, optional, type Read, required, withDefault } from "./schema/composites.js";
import { checked, constrained, mapped, type Field, type Schema } from "./schema/schema.js";
import { boolean, nonEmptyText, oneOf } from "./schema/scalars.js";

/** `abc`, `abc*`, `*abc`, or `*`, which is anything but nothing. */
const pattern = checked(nonEmptyText, (value, site) => {
  if (/^\*?[^*]*$|^[^*]+\*$/.test(value)) return;
  site.fault(
    `\`${value}\`: a \`*\` is possible at the beginning or at the end, not at both or within`,
  );
});

const principal = checked(pattern, (value, site) => {
  if (value.startsWith("spiffe://")) site.fault("must be written without `spiffe://`");
});

const ipBlock = checked(nonEmptyText, (value, site) => {
  if (value !== "" && !isIpAddress(value) && !isCidr(value))
    site.fault(`\`${value}\` is neither an IP address nor a CIDR range`);
});

/** A list of which one entry is enough, or none must hold; when it is there it is not empty. */
export function alternatives<T>(items: Schema<T>, doc: string): Field<readonly T[]> {
  const some = checked(list(items), (values, site) => {
    if (values.length === 0) site.fault("must not be empty");
  });
  return withDefault(some, [], doc);
}

export function patterns(doc: string): Field<readonly string[]> {
  return alternatives(pattern, doc);
}

/** With at least one field. */
export function someOf<T extends object>(schema: Schema<T>): Schema<T> {
  const isEmpty = (value: unknown): boolean =>
    value === undefined || (Array.isArray(value) && value.length === 0) || isEmptyMap(value);
  return checked(constrained(schema, { minProperties: 1 }), (value, site) => {
    if (Object.values(value).every(isEmpty))
      site.fault(`one of ${Object.keys(value).join(", ")} is required`);
  });
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** Of the client's certificate, which must have a SPIFFE identity. */
export const identityFields = {
  principals: alternatives(
    principal,
    "identities without `spiffe://`, such as `cluster.local/ns/shop/sa/cart`; needs mutual TLS",
  ),
  notPrincipals: alternatives(principal, "none of these"),
  namespaces: patterns("namespaces of identities; needs mutual TLS"),
  notNamespaces: patterns("none of these"),
};

export const addressFields = {
  ipBlocks: alternatives(ipBlock, "addresses or CIDR ranges of the client"),
  notIpBlocks: alternatives(ipBlock, "none of these"),
};

/** Patterns: `abc`, `abc*`, `*abc`, or `*`. */
export type Source = Read<typeof anySource>;

export const anySource = object({ ...identityFields, ...addressFields });

export interface Rule<Operation> {
  /** One of them; none: everybody. */
  readonly from: readonly Source[];
  /** One of them; none: everything. */
  readonly to: readonly Operation[];
}

export interface AuthorizationSpec<Operation> {
  readonly action: "ALLOW" | "DENY";
  /** What it would do is counted and logged, not done. */
  readonly dryRun: boolean;
  /** Hosts of the services that it is for; undefined: all that it may be for. */
  readonly hosts: readonly string[] | undefined;
  /** None: it never matches. */
  readonly rules: readonly Rule<Operation>[];
}

function ruleOf<Operation>(
  source: Schema<Source>,
  operation: Schema<Operation>,
): Schema<Rule<Operation>> {
  const from = mapped(object({ source: required(source, "") }), (item) => item.source);
  const to = mapped(object({ operation: required(operation, "") }), (item) => item.operation);
  return object({
    from: alternatives(
      from,
      "one of these sources, of which all fields must hold; none: everybody",
    ),
    to: alternatives(
      to,
      "one of these operations, of which all fields must hold; none: everything",
    ),
  });
}

/** Fields of `spec` that the kinds have in common. */
export function policyFields<Operation>(source: Schema<Source>, operation: Schema<Operation>) {
  return {
    action: withDefault(
      oneOf("ALLOW", "DENY"),
      "ALLOW",
      "`DENY`: what matches is refused. `ALLOW`: of what no `DENY` refuses, only what one of the `ALLOW` policies matches is let through",
      "`ALLOW`",
    ),
    rules: withDefault(
      list(ruleOf(source, operation)),
      [],
      "the policy matches if one of them does; all that a rule has must hold",
      "it matches nothing: `ALLOW` refuses everything",
    ),
  };
}

export const dryRun = optional(
  boolean,
  "count and log what it would do, and do nothing",
  "`false`",
);
