// By which of its first bytes a layout is known.
import { create } from "@bufbuild/protobuf";
import {
  type FrameCondition,
  FrameConditionSchema,
  type FrameMatch,
  FrameMatchSchema,
} from "../gen/metaproto/v1/frame_pb.js";
import type { Condition, Operand } from "../api/frame/condition.js";
import type { LayoutDescription } from "../api/frame/description.js";
import type { Site } from "../api/schema/site.js";
import { numberBytes, widthOf, withoutSign } from "./encoding.js";
import { numberOf, textOf } from "./operand.js";
import type { Placed, Placement } from "./placement.js";

/** Of a table: bytes that are looked at, and alternatives. */
const MATCH_BYTES = 16;
const MAX_MATCHES = 16;

interface Bytes {
  readonly mask: Uint8Array;
  readonly value: Uint8Array;
}

export interface Matches {
  readonly matches: readonly FrameMatch[];
  /** Constants further behind. */
  readonly checks: readonly FrameCondition[];
}

/** @param indexOf the position of a field among the layout's values; undefined: it has no name. */
export function matchesOf(
  { when }: LayoutDescription,
  placement: Placement,
  indexOf: (at: Placed) => number | undefined,
  site: Site,
): Matches {
  let alternatives: readonly Bytes[] = [EVERYTHING];
  const checks: FrameCondition[] = [];
  for (const at of placement.fields) {
    const { constant } = at.field;
    if (constant === undefined) continue;
    const place = at.site.field("constant");
    const options = constant.flatMap((operand) => bytesOf(at, operand, place) ?? []);
    if (isInReach(at)) alternatives = restrict(alternatives, at.offset, options);
    else checks.push(...checkOf(at, constant, indexOf(at), place));
  }
  for (const [name, condition] of Object.entries(when)) {
    const place = site.field("when").field(name);
    const at = placement.fields.find(({ field }) => field.name === name);
    if (at === undefined) place.fault(`there is no field \`${name}\``);
    else if (!isInReach(at))
      place.fault(
        `must be among the first ${MATCH_BYTES} bytes, before any field of variable size`,
      );
    else alternatives = restrict(alternatives, at.offset, optionsOf(at, condition, place));
  }
  if (alternatives.length === 0) site.fault("its constants and `when` contradict each other");
  if (alternatives.length > MAX_MATCHES)
    site.fault(
      `begins in ${alternatives.length} ways: constants and \`when\` must not have more than ${MAX_MATCHES}`,
    );
  const isAnything = alternatives.every(({ mask }) => mask.every((byte) => byte === 0));
  return { matches: isAnything ? [] : alternatives.map(matchOf), checks };
}

const EVERYTHING: Bytes = {
  mask: new Uint8Array(MATCH_BYTES),
  value: new Uint8Array(MATCH_BYTES),
};

function isInReach({ section, offset, size }: Placed): boolean {
  return section === 0 && size !== undefined && offset + size <= MATCH_BYTES;
}

function bytesOf(at: Placed, operand: Operand, site: Site): Bytes | undefined {
  const { encoding, size, field } = at;
  if (encoding !== undefined) {
    if (size === undefined) {
      site.fault("a varint cannot be constant");
      return undefined;
    }
    const value = numberOf(operand, site);
    const bytes = value === undefined ? undefined : numberBytes(value, encoding);
    if (value !== undefined && bytes === undefined)
      site.fault(`${operand} does not fit into ${field.type ?? ""}`);
    return bytes && { mask: new Uint8Array(bytes.length).fill(0xff), value: bytes };
  }
  const text = textOf(operand, site);
  if (text === undefined || size === undefined) {
    if (text !== undefined) site.fault("needs a `size`");
    return undefined;
  }
  if (text.length > size) {
    site.fault(`has ${text.length} bytes, more than the field`);
    return undefined;
  }
  const value = new Uint8Array(size);
  value.set(text);
  return { mask: new Uint8Array(size).fill(0xff), value };
}

function optionsOf(at: Placed, condition: Condition, site: Site): readonly Bytes[] {
  const { bits, is, not, present } = condition;
  if (not !== undefined || present !== undefined) {
    site.fault("must say what the field is: forms of messages are told apart by their first bytes");
    return [];
  }
  if (bits === undefined) return (is ?? []).flatMap((operand) => bytesOf(at, operand, site) ?? []);
  const mask =
    at.encoding === undefined ? undefined : numberBytes(BigInt(bits), withoutSign(at.encoding));
  if (mask === undefined) {
    site.fault("`bits` are of a number, and within it");
    return [];
  }
  const options = (is ?? [bits]).flatMap((operand) => bytesOf(at, operand, site) ?? []);
  return options.map(({ value }) => ({
    mask,
    value: value.map((byte, index) => byte & (mask[index] ?? 0)),
  }));
}

/** Every combination that is possible. */
function restrict(
  alternatives: readonly Bytes[],
  offset: number,
  options: readonly Bytes[],
): readonly Bytes[] {
  return alternatives.flatMap((known) =>
    options.flatMap((option) => {
      const mask = known.mask.slice();
      const value = known.value.slice();
      for (const [index, bits] of option.mask.entries()) {
        const at = offset + index;
        const common = (mask[at] ?? 0) & bits;
        if ((((value[at] ?? 0) ^ (option.value[index] ?? 0)) & common) !== 0) return [];
        mask[at] = (mask[at] ?? 0) | bits;
        value[at] = (value[at] ?? 0) | (option.value[index] ?? 0);
      }
      return { mask, value };
    }),
  );
}

function matchOf({ mask, value }: Bytes): FrameMatch {
  const length = mask.findLastIndex((byte) => byte !== 0) + 1;
  return create(FrameMatchSchema, {
    mask: mask.slice(0, length),
    value: value.slice(0, length),
  });
}

function checkOf(
  at: Placed,
  constant: readonly Operand[],
  index: number | undefined,
  site: Site,
): FrameCondition[] {
  if (index === undefined) {
    site.fault(`beyond the first ${MATCH_BYTES} bytes a constant needs a \`name\``);
    return [];
  }
  if (at.encoding !== undefined) {
    const { encoding } = at;
    const any = constant.flatMap((operand) => {
      if (bytesOf(at, operand, site) === undefined) return [];
      const number = numberOf(operand, site) ?? 0n;
      const bits = BigInt(8 * widthOf(encoding));
      // What the module reads: with the sign in all of 64 bits, or without any.
      const isUnsigned = withoutSign(encoding) === encoding;
      return BigInt.asUintN(64, isUnsigned ? BigInt.asUintN(Number(bits), number) : number);
    });
    return [create(FrameConditionSchema, { value: index, any })];
  }
  if (constant.length > 1) site.fault("a text beyond the first 16 bytes must be one constant");
  const text = textOf(constant[0] ?? "", site);
  return text === undefined
    ? []
    : [create(FrameConditionSchema, { value: index, text, isText: true })];
}
