// What Kubernetes would find wrong with a value, as far as our schemas use OpenAPI.

interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
}

/** One line each. Fields that the schema does not know are dropped by Kubernetes, and so no fault. */
export function schemaFaults(schema: object, value: unknown, path = ""): string[] {
  const { type, items, required = [], properties, additionalProperties, ...rest }: Schema = schema;
  if (type !== undefined && typeOf(value, type) !== type) return [`${path}: no ${type}`];
  if (Array.isArray(value))
    return [
      ...(value.length < (rest.minItems ?? 0) ? [`${path}: too short`] : []),
      ...(value.length > (rest.maxItems ?? Infinity) ? [`${path}: too long`] : []),
      ...value.flatMap((item, index) => schemaFaults(items ?? {}, item, `${path}[${index}]`)),
    ];
  if (typeof value === "object" && value !== null)
    return [
      ...countFaults(rest, Object.keys(value).length).map((fault) => `${path}: ${fault}`),
      ...required.filter((name) => !(name in value)).map((name) => `${path}.${name}: missing`),
      ...Object.entries(value).flatMap(([name, part]) =>
        schemaFaults(properties?.[name] ?? additionalProperties ?? {}, part, `${path}.${name}`),
      ),
    ];
  return scalarFaults(rest, value).map((fault) => `${path}: ${fault}`);
}

function countFaults({ minProperties = 0, maxProperties = Infinity }: Schema, count: number) {
  return [
    ...(count < minProperties ? ["too few"] : []),
    ...(count > maxProperties ? ["too many"] : []),
  ];
}

function scalarFaults(schema: Schema, value: unknown): string[] {
  if (typeof value === "string") return textFaults(schema, value);
  if (typeof value !== "number") return [];
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = false } = schema;
  const isTooSmall = value < minimum || (exclusiveMinimum && value === minimum);
  return [...(isTooSmall ? ["too small"] : []), ...(value > maximum ? ["too large"] : [])];
}

function textFaults(schema: Schema, value: string): string[] {
  const { pattern = "", minLength = 0, maxLength = Infinity } = schema;
  const isInList = schema.enum?.includes(value) ?? true;
  return [
    ...(isInList ? [] : ["not in the list"]),
    ...(new RegExp(pattern, "u").test(value) ? [] : ["does not match"]),
    ...(value.length < minLength ? ["too short"] : []),
    ...(value.length > maxLength ? ["too long"] : []),
  ];
}

function typeOf(value: unknown, expected: string): string {
  if (Array.isArray(value)) return "array";
  if (value === null) return "null";
  if (typeof value !== "number") return typeof value;
  return expected === "integer" && Number.isInteger(value) ? "integer" : "number";
}
