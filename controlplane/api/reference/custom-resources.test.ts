// testdata/crds.yaml is written anew with UPDATE_GOLDEN=1, to be reviewed.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { validateResource } from "../kinds.js";
import { customResourceDefinitions } from "./custom-resources.js";
import { schemaFaults } from "./testing/schema-faults.js";
import { ALTERNATIVES, DOCUMENTS } from "./testing/whole-documents.js";

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: object } }[];
  };
}

const DEFINITIONS = customResourceDefinitions().map(({ document }) => document as Definition);

function schemaOf(kind: string): object {
  const found = DEFINITIONS.find(({ spec }) => spec.names.kind === kind);
  const schema = found?.spec.versions[0]?.schema.openAPIV3Schema;
  if (schema === undefined) throw new Error(kind);
  return schema;
}

describe("the definitions of our kinds", () => {
  it("are as reviewed", () => {
    const file = join(import.meta.dirname, "testdata", "crds.yaml");
    const actual = customResourceDefinitions()
      .map(({ document }) => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }))
      .join("---\n");
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, actual);
    expect(actual).toBe(readFileSync(file, "utf8"));
  });

  it("are called as Kubernetes wants it", () => {
    expect(customResourceDefinitions().map(({ name }) => name)).toEqual([
      "applicationprotocols.metaprotocol.aeraki.io",
      "metarouters.metaprotocol.aeraki.io",
      "metaauthorizationpolicies.metaprotocol.aeraki.io",
      "dubboauthorizationpolicies.dubbo.aeraki.io",
      "redisservices.redis.aeraki.io",
      "redisdestinations.redis.aeraki.io",
    ]);
  });
});

describe.each(DOCUMENTS)("$kind: the schema of a cluster", (document) => {
  const schema = schemaOf(document.kind);

  it("accepts a resource with everything in it", () => {
    expect(validateResource(document)).toMatchObject({ outcome: "valid" });
    expect(schemaFaults(schema, document)).toEqual([]);
  });

  it("is tried with every field", () => {
    const unused = unusedFields(schema, document);
    expect(unused.filter((path) => !ALTERNATIVES.includes(path))).toEqual([]);
  });

  it("accepts what the control plane accepts, and refuses values of a wrong type", () => {
    let refused = 0;
    for (const spec of variantsOf(document.spec)) {
      const variant = { ...document, spec };
      const isValid = validateResource(variant).outcome === "valid";
      const faults = schemaFaults(schema, variant);
      if (isValid) expect(faults, JSON.stringify(spec)).toEqual([]);
      else if (faults.length > 0) refused++;
    }
    expect(refused).toBeGreaterThan(30);
  });
});

/** Copies of a value with one part of it replaced by something odd. */
function* variantsOf(value: unknown): Generator {
  yield* [[], {}, 0, -1, 0.5, 1e300, "", "x", true];
  if (typeof value !== "object" || value === null) return;
  for (const [key, part] of Object.entries(value))
    for (const variant of variantsOf(part))
      yield Array.isArray(value)
        ? value.map((item: unknown, index) => (String(index) === key ? variant : item))
        : { ...value, [key]: variant };
}

/** Paths that the schema has and no part of `value` uses. */
function unusedFields(schema: object, value: unknown, path = ""): string[] {
  const { properties, items } = schema as {
    properties?: Record<string, object>;
    items?: object;
  };
  const values = Array.isArray(value) ? value : [value];
  if (items !== undefined) return unusedFields(items, values, `${path}[]`);
  return Object.entries(properties ?? {}).flatMap(([name, property]) => {
    if (path === "" && ["apiVersion", "kind", "metadata", "status"].includes(name)) return [];
    const present = values.flatMap((item: unknown) => {
      const part = (item as Record<string, unknown>)[name];
      return part === undefined ? [] : Array.isArray(part) ? (part as unknown[]) : [part];
    });
    return present.length === 0
      ? [`${path}.${name}`]
      : unusedFields(
          (property as { items?: object }).items ?? property,
          present,
          `${path}.${name}`,
        );
  });
}
