// The schema of a resource as Kubernetes has it: structural, OpenAPI v3. It accepts everything that the control plane
// accepts; what only code can tell is found by the control plane.
import type { FieldShape, ObjectShape, Rule, Shape } from "../schema/schema.js";

// Kubernetes refuses rules that could take too long, and reckons with the longest lists that there may be. An object of
// its is smaller than 1.5 MiB in any case.
const MAX_CLUSTER_ITEMS = 4096;
/** Of a list that has a rule itself. */
const MAX_RULED_ITEMS = 128;

export type OpenApi = Readonly<Record<string, unknown>>;

export function openApiOf(shape: Shape): OpenApi {
  switch (shape.kind) {
    case "string":
      return textOf(shape);
    case "boolean":
      return { type: "boolean" };
    case "integer":
      return { type: "integer", format: "int64", minimum: shape.min, maximum: shape.max };
    case "number":
      return {
        type: "number",
        minimum: shape.min,
        ...(shape.above && { exclusiveMinimum: true }),
        maximum: shape.max,
      };
    case "list":
      return listOf(shape);
    case "map":
      return { type: "object", additionalProperties: openApiOf(shape.values) };
    case "object":
      return objectOf(shape);
    case "any":
      return { "x-kubernetes-preserve-unknown-fields": true };
  }
}

function listOf(shape: Extract<Shape, { kind: "list" }>): OpenApi {
  const { items, minItems, maxItems, rules } = shape;
  const most = Math.min(maxItems, rules === undefined ? MAX_CLUSTER_ITEMS : MAX_RULED_ITEMS);
  return {
    type: "array",
    items: openApiOf(items),
    ...(minItems > 0 && { minItems }),
    ...(Number.isFinite(maxItems) && { maxItems: most }),
    ...rulesOf(rules),
  };
}

function objectOf({ fields, minProperties, maxProperties, rules }: ObjectShape): OpenApi {
  const entries = Object.entries(fields);
  const required = entries.filter(([, { isRequired }]) => isRequired).map(([name]) => name);
  return {
    type: "object",
    ...(required.length > 0 && { required }),
    ...(minProperties !== undefined && { minProperties }),
    ...(maxProperties !== undefined && { maxProperties }),
    properties: Object.fromEntries(entries.map(([name, field]) => [name, fieldOf(field)])),
    ...rulesOf(rules),
  };
}

function rulesOf(rules: readonly Rule[] = []): OpenApi {
  if (rules.length === 0) return {};
  const validations = rules.map(({ expression, message }) => ({ rule: expression, message }));
  return { "x-kubernetes-validations": validations };
}

function textOf(shape: Extract<Shape, { kind: "string" }>): OpenApi {
  const { allowed, pattern, minLength, maxLength } = shape;
  return {
    type: "string",
    ...(allowed && { enum: allowed }),
    ...(pattern !== undefined && { pattern }),
    ...(minLength !== undefined && { minLength }),
    ...(maxLength !== undefined && { maxLength }),
  };
}

function fieldOf({ shape, doc, byDefault }: FieldShape): OpenApi {
  const isOptional = byDefault !== "" && byDefault !== "required";
  const text = [doc, isOptional ? `Default: ${byDefault}` : ""].filter((part) => part !== "");
  const description = plain(text.join(". "));
  return { ...(description !== "" && { description }), ...openApiOf(shape) };
}

/** Without what only Markdown has. */
function plain(markdown: string): string {
  const text = markdown.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return sentence === "" || sentence.endsWith(".") ? sentence : `${sentence}.`;
}
