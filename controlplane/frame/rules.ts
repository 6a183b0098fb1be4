// Rules on values: kinds of messages and results.
import { create } from "@bufbuild/protobuf";
import {
  type FrameCondition,
  FrameConditionSchema,
  type FrameRule,
  FrameRuleSchema,
} from "../gen/metaproto/v1/frame_pb.js";
import type { Condition, Conditions, Operand } from "../api/frame/condition.js";
import type { LayoutDescription } from "../api/frame/description.js";
import type { Site } from "../api/schema/site.js";
import { numberOf, textOf } from "./operand.js";
import type { Values } from "./values.js";

const MAX_CONDITIONS = 16;
const ALL_BITS = 0n;

const KINDS = {
  REQUEST: 0,
  RESPONSE: 1,
  ONEWAY: 2,
  HEARTBEAT: 3,
  HEARTBEAT_RESPONSE: 4,
  EVENT: 4,
  GO_AWAY: 5,
  PUSH: 6,
} as const;

const RESULTS = { BUSINESS_ERROR: 1, ERROR: 2 } as const;

const ORIGINS = { CLIENT: 1, SERVER: 2 } as const;

/** Bits of those who send something. */
export function originsOf(from: "CLIENT" | "SERVER" | undefined): number {
  return from === undefined ? ORIGINS.CLIENT | ORIGINS.SERVER : ORIGINS[from];
}

export function kindRules({ kinds }: LayoutDescription, values: Values, site: Site): FrameRule[] {
  return kinds.map(({ kind, from, when }, index) =>
    create(FrameRuleSchema, {
      outcome: KINDS[kind],
      origins: originsOf(from),
      conditions: conditionsOf(when, values, site.field("kinds").item(index).field("when")),
    }),
  );
}

export function resultRules(
  { results }: LayoutDescription,
  values: Values,
  site: Site,
): FrameRule[] {
  return results.map(({ result, when }, index) =>
    create(FrameRuleSchema, {
      outcome: RESULTS[result],
      conditions: conditionsOf(when, values, site.field("results").item(index).field("when")),
    }),
  );
}

function conditionsOf(when: Conditions, values: Values, site: Site): FrameCondition[] {
  const entries = Object.entries(when);
  if (entries.length > MAX_CONDITIONS)
    site.fault(`must not have more than ${MAX_CONDITIONS} conditions`);
  return entries.flatMap(([name, condition]) => {
    const place = site.field(name);
    const index = values.indexOf(name, place);
    return index === undefined
      ? []
      : conditionOf(condition, index, values.at(index).isNumber, place);
  });
}

function conditionOf(
  { bits, is, not, present }: Condition,
  value: number,
  isNumber: boolean,
  site: Site,
): FrameCondition[] {
  if (present !== undefined)
    return [create(FrameConditionSchema, { value, presence: present ? 1 : 2 })];
  const operands = is ?? not ?? (bits === undefined ? [] : [bits]);
  const negate = not !== undefined;
  if (isNumber) {
    const any = operands.flatMap((operand) => {
      const number = numberOf(operand, site);
      return number === undefined ? [] : BigInt.asUintN(64, number);
    });
    const mask = bits === undefined ? ALL_BITS : BigInt(bits);
    return [create(FrameConditionSchema, { value, mask, any, negate })];
  }
  if (bits !== undefined) site.field("bits").fault("is only for numbers");
  return [textCondition(operands, value, negate, site)].flatMap((condition) => condition ?? []);
}

function textCondition(
  operands: readonly Operand[],
  value: number,
  negate: boolean,
  site: Site,
): FrameCondition | undefined {
  const [operand, ...others] = operands;
  if (others.length > 0) site.fault("a text is compared with one other: write a rule for each");
  const text = operand === undefined ? undefined : textOf(operand, site);
  return text && create(FrameConditionSchema, { value, text, isText: true, negate });
}
