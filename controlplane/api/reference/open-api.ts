// The schema of a resource as Kubernetes has it: structural, OpenAPI v3. It accepts everything that the control plane
// accepts; what only code can tell is found by the control plane.
import type { FieldShape, Shape } from "../schema/schema.js";

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
      return {
        type: "array",
        items: openApiOf(shape.items),
        ...(shape.minItems > 0 && { minItems: shape.minItems }),
        ...(Number.isFinite(shape.maxItems) && { maxItems: shape.maxItems }),
      };
    case "map":
      return { type: "object", additionalProperties: openApiOf(shape.values) };
    case "object": {
      const fields = Object.entries(shape.fields);
      const required = fields.filter(([, { isRequired }]) => isRequired).map(([name]) => name);
      return {
        type: "object",
        ...(required.length > 0 && { required }),
        properties: Object.fromEntries(fields.map(([name, field]) => [name, fieldOf(field)])),
      };
    }
    case "any":
      return { "x-kubernetes-preserve-unknown-fields": true };
  }
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
