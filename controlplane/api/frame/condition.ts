// What a description asks of a message's values.
import { isObject, map } from "../schema/composites.js";
import type { Schema } from "../schema/schema.js";
import { found, type Site } from "../schema/site.js";

/** A value that is compared: a number as in JSON or, above 2^53, in decimal or hexadecimal digits; or text. */
export type Operand = number | string;

/** Exactly one of the members but `bits`, which goes with `is` and `not`. */
export interface Condition {
  /** Only these bits of the number count. */
  readonly bits: number | undefined;
  readonly is: readonly Operand[] | undefined;
  readonly not: readonly Operand[] | undefined;
  readonly present: boolean | undefined;
}

export type Conditions = Readonly<Record<string, Condition>>;

const NOTHING: Condition = { bits: undefined, is: undefined, not: undefined, present: undefined };
const MEMBERS: readonly string[] = ["bits", "is", "not", "present"];

function isOperand(value: unknown): value is Operand {
  return typeof value === "string" || Number.isSafeInteger(value);
}

function operands(value: unknown, site: Site): readonly Operand[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) site.fault("must not be empty");
  return list.filter((item, index): item is Operand => {
    if (isOperand(item)) return true;
    const place = Array.isArray(value) ? site.item(index) : site;
    place.fault(`must be a whole number or a text${found(item)}`);
    return false;
  });
}

function readObject(value: Readonly<Record<string, unknown>>, site: Site): Condition {
  for (const name of Object.keys(value))
    if (!MEMBERS.includes(name))
      site.field(name).fault(`unknown field; there are ${MEMBERS.join(", ")}`);
  const { bits, is, not, present } = value;
  if (bits !== undefined && !(Number.isSafeInteger(bits) && (bits as number) > 0))
    site.field("bits").fault(`must be a whole number above 0${found(bits)}`);
  if (present !== undefined && typeof present !== "boolean")
    site.field("present").fault(`must be true or false${found(present)}`);
  const given = [is, not, present].filter((member) => member !== undefined).length;
  if (given > 1 || (given === 0 && bits === undefined))
    site.fault("must have one of `is`, `not` and `present`, or `bits` alone: one of them is set");
  return {
    bits: typeof bits === "number" ? bits : undefined,
    is: is === undefined ? undefined : operands(is, site.field("is")),
    not: not === undefined ? undefined : operands(not, site.field("not")),
    present: typeof present === "boolean" ? present : undefined,
  };
}

/** `1`, `[1, 2]`, `text`, `{ bits: 0x80 }`, `{ bits: 0x0f, is: 2 }`, `{ not: 0 }`, `{ present: true }`. */
const condition: Schema<Condition> = {
  shape: { kind: "any" },
  fallback: NOTHING,
  read(value, site) {
    if (isObject(value)) return readObject(value, site);
    return { ...NOTHING, is: operands(value, site) };
  },
};

/** By the names of values; all must hold. */
export const conditions: Schema<Conditions> = map(condition);

/** What a constant is. */
export const constant: Schema<readonly Operand[]> = {
  shape: { kind: "any" },
  fallback: [],
  read: operands,
};
