// The one description of a resource's fields: what reads and checks them, the schema of its CustomResourceDefinition
// and the table in the documentation are all made from it.
import type { Site } from "./site.js";

export interface Schema<T> {
  readonly shape: Shape;
  /** Stands for a value that is wrong, so that everything else is checked too. */
  readonly fallback: T;
  /** What is said where a field that must have such a value has none; default: that it is required. */
  readonly missing?: string;
  /** Reports what is wrong; the result must not be used if there are faults. */
  readonly read: (value: unknown, site: Site) => T;
}

/** What a schema accepts, as far as it can be said without code. */
export type Shape =
  | {
      readonly kind: "string";
      readonly allowed?: readonly string[];
      /** Of the whole value, in the syntax that RE2 and ECMAScript have in common. */
      readonly pattern?: string;
      readonly minLength?: number;
      /** In characters, of which each has at least one byte. */
      readonly maxLength?: number;
    }
  | { readonly kind: "boolean" }
  | { readonly kind: "integer"; readonly min: number; readonly max: number }
  | { readonly kind: "number"; readonly min: number; readonly max: number; readonly above: boolean }
  | {
      readonly kind: "list";
      readonly items: Shape;
      readonly minItems: number;
      readonly maxItems: number;
      readonly rules?: readonly Rule[];
    }
  | { readonly kind: "map"; readonly values: Shape }
  | ObjectShape
  /** Anything. */
  | { readonly kind: "any" };

export interface ObjectShape {
  readonly kind: "object";
  readonly fields: Readonly<Record<string, FieldShape>>;
  /**
   * It has a table of its own in the documentation, under this heading; empty: that of something else tells of it.
   * Undefined: its fields are part of the table that it occurs in.
   */
  readonly title: string | undefined;
  /** How many of its fields are present. */
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly rules?: readonly Rule[];
}

/** What the fields of a value must be together, also for Kubernetes, which refuses what does not keep to it. */
export interface Rule {
  /** CEL of Kubernetes, `self` being the value; true: all is well. */
  readonly expression: string;
  readonly message: string;
}

export type Constraints = Pick<ObjectShape, "minProperties" | "maxProperties" | "rules">;

export interface FieldShape {
  readonly shape: Shape;
  readonly isRequired: boolean;
  /** What holds when it is absent, in Markdown; empty: nothing, or what its fields say. */
  readonly byDefault: string;
  /** In Markdown; empty: its fields tell everything. */
  readonly doc: string;
}

/** A field of an object: how it is read, present or not. `null` is absent. */
export interface Field<T> extends FieldShape {
  /** What is read where it is absent; of a field that is required, what stands for it. */
  readonly fallback: T;
  readonly read: (value: unknown, site: Site) => T;
}

/** Accepts also what `check` finds to be wrong, and reports it. */
export function checked<T>(schema: Schema<T>, check: (value: T, site: Site) => void): Schema<T> {
  return {
    ...schema,
    read(value, site) {
      const result = schema.read(value, site);
      check(result, site);
      return result;
    },
  };
}

/**
 * As `schema`, whose `read` knows of these constraints, so that Kubernetes knows of them too.
 * @throws Error for a schema of neither objects nor lists.
 */
export function constrained<T>(schema: Schema<T>, constraints: Constraints): Schema<T> {
  const { shape } = schema;
  if (shape.kind !== "object" && shape.kind !== "list") throw new Error(shape.kind);
  const { missing } = schema;
  return {
    shape: { ...shape, ...constraints },
    get fallback() {
      return schema.fallback;
    },
    ...(missing !== undefined && { missing }),
    read: (value, site) => schema.read(value, site),
  };
}

/** As `schema`, its values turned into others. */
export function mapped<T, R>(schema: Schema<T>, map: (value: T) => R): Schema<R> {
  return {
    shape: schema.shape,
    get fallback() {
      return map(schema.fallback);
    },
    read: (value, site) => map(schema.read(value, site)),
  };
}
