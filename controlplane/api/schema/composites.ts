// Objects, lists and maps of values.
import { nearestName } from "../nearest-name.js";
import type { Field, FieldShape, Schema } from "./schema.js";
import { found, type Site } from "./site.js";

/** A field whose value is nothing that anybody uses; it is no part of what is read. */
export interface IgnoredField extends FieldShape {
  readonly isIgnored: true;
}

type Fields = Readonly<Record<string, Field<unknown> | IgnoredField>>;

export type ValueOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends IgnoredField ? never : K]: F[K] extends Field<infer T>
    ? T
    : never;
};

/** The type of what a schema reads. */
export type Read<S> = S extends Schema<infer T> ? T : never;

/** @param byDefault in the documentation, where the object that it is part of may be absent. */
export function required<T>(schema: Schema<T>, doc: string, byDefault = "required"): Field<T> {
  return {
    shape: schema.shape,
    isRequired: true,
    byDefault,
    doc,
    get fallback() {
      return schema.fallback;
    },
    read(value, site) {
      if (value !== undefined) return schema.read(value, site);
      site.fault(schema.missing ?? "is required");
      return schema.fallback;
    },
  };
}

export function optional<T>(schema: Schema<T>, doc: string, byDefault = ""): Field<T | undefined> {
  return {
    shape: schema.shape,
    isRequired: false,
    byDefault,
    doc,
    fallback: undefined,
    read: (value, site) => (value === undefined ? undefined : schema.read(value, site)),
  };
}

/** @param byDefault how the documentation has `absent`. */
export function withDefault<T>(
  schema: Schema<T>,
  absent: T,
  doc: string,
  byDefault = "",
): Field<T> {
  return {
    shape: schema.shape,
    isRequired: false,
    byDefault,
    doc,
    fallback: absent,
    read: (value, site) => (value === undefined ? absent : schema.read(value, site)),
  };
}

/** Of a field that nothing is made of. */
export const IGNORED = "not applied, silently";

export function ignored(doc = IGNORED): IgnoredField {
  return { shape: { kind: "any" }, isRequired: false, byDefault: "", doc, isIgnored: true };
}

export interface ObjectOptions {
  /** See `ObjectShape`. */
  readonly title?: string;
  /** Other parties add fields: there are no unknown ones. */
  readonly isOpen?: boolean;
}

export function object<const F extends Fields>(
  fields: F,
  { title, isOpen = false }: ObjectOptions = {},
): Schema<ValueOf<F>> {
  const known = new Map(Object.entries(fields));
  const read = [...known].flatMap(([name, field]) =>
    "isIgnored" in field ? [] : [[name, field] as const],
  );
  const required = read.filter(([, field]) => field.isRequired);
  const fallback = (): ValueOf<F> =>
    Object.fromEntries(read.map(([name, field]) => [name, field.fallback])) as ValueOf<F>;
  /** Made when it is needed: a description may refer to what its file declares further down. */
  let absent: ValueOf<F> | undefined;
  return {
    shape: { kind: "object", fields, title },
    get fallback() {
      return fallback();
    },
    read(value, site) {
      if (!isObject(value)) {
        site.fault(`must be an object${found(value)}`);
        return fallback();
      }
      absent ??= fallback();
      // Of many fields few are present: the others are copied.
      const result: Record<string, unknown> = { ...absent };
      let hasUnknown = false;
      for (const name of Object.keys(value)) {
        const field = known.get(name);
        const present = value[name] ?? undefined;
        if (field === undefined) hasUnknown = true;
        else if (present !== undefined && !("isIgnored" in field))
          result[name] = field.read(present, site.field(name));
      }
      for (const [name, field] of required)
        if (!Object.hasOwn(value, name) || (value[name] ?? undefined) === undefined)
          result[name] = field.read(undefined, site.field(name));
      if (hasUnknown && !isOpen) reportUnknownFields(value, known, site);
      return result as ValueOf<F>;
    },
  };
}

function reportUnknownFields(value: object, known: ReadonlyMap<string, unknown>, site: Site): void {
  const { unknownFields } = site.findings;
  for (const field of Object.keys(value)) {
    if (known.has(field)) continue;
    const near = nearestName(field, known.keys());
    site
      .field(field)
      [unknownFields](
        near === undefined ? "unknown field" : `unknown field; did you mean \`${near}\`?`,
      );
  }
}

export function list<T>(items: Schema<T>, maxItems = Infinity): Schema<readonly T[]> {
  return {
    shape: { kind: "list", items: items.shape, minItems: 0, maxItems },
    fallback: [],
    read(value, site) {
      if (!Array.isArray(value)) {
        site.fault(`must be a list${found(value)}`);
        return [];
      }
      if (value.length > maxItems)
        site.fault(`must have at most ${maxItems} items, not ${value.length}`);
      return value.map((item: unknown, index) => items.read(item, site.item(index)));
    },
  };
}

export interface NonEmptyListOptions<T> {
  readonly check?: (items: readonly T[], site: Site) => void;
  readonly maxItems?: number;
}

/** At least one item, `missing` being what is said if there is none. */
export function nonEmptyList<T>(
  items: Schema<T>,
  missing: string,
  { check = () => undefined, maxItems = Infinity }: NonEmptyListOptions<T> = {},
): Schema<readonly T[]> {
  const schema = list(items, maxItems);
  return {
    shape: { kind: "list", items: items.shape, minItems: 1, maxItems },
    fallback: [],
    missing,
    read(value, site) {
      const result = schema.read(value, site);
      if (result.length === 0 && Array.isArray(value)) site.fault(missing);
      check(result, site);
      return result;
    },
  };
}

/** The entries of an object used as a map. */
export function map<T>(values: Schema<T>): Schema<Readonly<Record<string, T>>> {
  return {
    shape: { kind: "map", values: values.shape },
    fallback: {},
    read(value, site) {
      if (!isObject(value)) {
        site.fault(`must be an object${found(value)}`);
        return {};
      }
      return Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, values.read(entry, site.field(key))]),
      );
    },
  };
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
