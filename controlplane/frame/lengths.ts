// How long a frame is, and its parts: what its lengths count.
import { create } from "@bufbuild/protobuf";
import {
  type FrameLength,
  FrameLengthSchema,
  type FrameTotal,
  FrameTotalSchema,
} from "../gen/metaproto/v1/frame_pb.js";
import type { Site } from "../api/schema/site.js";
import { isSigned, isVarint, VARINT } from "./encoding.js";
import type { Placed, Placement } from "./placement.js";

const FRAME = "frame";
const REST = "rest";
const RESERVED: readonly string[] = [FRAME, REST];

/** A number that counts bytes. */
interface Counter {
  readonly at: Placed;
  readonly encoding: number;
  /** What it counts; empty: the frame, or the rest. */
  readonly counted: readonly Placed[];
  readonly scope: "frame" | "rest" | "fields";
}

/** How the size of a section's variable part is known. */
export type SectionSize =
  | { readonly kind: "none" | "rest" | "varint" }
  | { readonly kind: "prefix"; readonly plus: number }
  | { readonly kind: "field"; readonly by: Placed; readonly plus: number };

export interface Lengths {
  readonly total: FrameTotal;
  /** For each section. */
  readonly sizes: readonly SectionSize[];
  readonly repairs: readonly FrameLength[];
}

/** @param site of the list of fields. */
export function lengthsOf(placement: Placement, site: Site): Lengths {
  const { fields, fixedBytes } = placement;
  const counters = fields.flatMap((at) => counterOf(at, fields));
  const sizes = fixedBytes.map((_, section) => sizeOf(section, placement, counters));
  checkSizes(sizes, placement, site);
  return {
    total: totalOf(placement, counters, site),
    sizes,
    repairs: counters.map((counter) => repairOf(counter, fixedBytes.length)),
  };
}

function counterOf(at: Placed, fields: readonly Placed[]): Counter[] {
  const { counts } = at.field;
  const { encoding } = at;
  if (counts === undefined || encoding === undefined) return [];
  const site = at.site.field("counts");
  if (isSigned(encoding)) site.fault("must be of an unsigned type");
  if (counts.length === 0) site.fault("must not be empty");
  const reserved = counts.find((name) => RESERVED.includes(name));
  if (reserved !== undefined) {
    if (counts.length > 1) site.fault(`must have nothing besides \`${reserved}\``);
    if (isVarint(encoding) && reserved === FRAME)
      site.fault("a varint can count the rest, but not the frame it is part of");
    return [{ at, encoding, counted: [], scope: reserved === FRAME ? "frame" : "rest" }];
  }
  if (isVarint(encoding)) site.fault("a varint must count `rest`, or be the `prefix` of a field");
  const counted = counts.flatMap((name, index) => {
    const found = fields.find(({ field }) => field.name === name);
    if (found === undefined) site.item(index).fault(`there is no field \`${name}\``);
    return found ?? [];
  });
  return [{ at, encoding, counted, scope: "fields" }];
}

const isVariable = ({ size }: Placed): boolean => size === undefined;

function sizeOf(section: number, { fields }: Placement, counters: readonly Counter[]): SectionSize {
  const own = fields.find((at) => at.section === section && isVariable(at));
  if (own === undefined) return { kind: "none" };
  const { field } = own;
  if (field.type === "varint") return { kind: "varint" };
  if (field.prefix !== undefined) return { kind: "prefix", plus: field.plus };
  const by = counters.find(({ scope, counted }) => {
    const variable = counted.filter(isVariable);
    return scope === "fields" && variable.length === 1 && variable[0] === own;
  });
  if (by === undefined || by.at.section > section) return { kind: "rest" };
  // What else it counts is of fixed size.
  const fixed = by.counted.reduce((sum, { size }) => sum + (size ?? 0), 0);
  return { kind: "field", by: by.at, plus: by.at.field.plus - fixed };
}

function checkSizes(sizes: readonly SectionSize[], { fields }: Placement, site: Site): void {
  const rest = sizes.findIndex(({ kind }) => kind === "rest");
  if (rest < 0) return;
  const behind = fields.find((at) => at.section > rest && isVariable(at));
  if (behind === undefined) return;
  const first = fields.find((at) => at.section === rest && isVariable(at));
  (first?.site ?? site).fault(
    `its size is not known: a number must count it alone, or it must have a \`prefix\`, because \`${behind.field.name ?? behind.field.type ?? ""}\` comes after it`,
  );
}

function totalOf(placement: Placement, counters: readonly Counter[], site: Site): FrameTotal {
  const { fields, fixedBytes } = placement;
  const whole = counters.find(({ scope }) => scope === "frame");
  if (whole !== undefined) return total([whole], whole.at.field.plus);
  const rest = counters.find(({ at, scope }) => scope === "rest" && at.section === 0);
  if (rest !== undefined) {
    const behind = rest.at.offset + (rest.at.size ?? 0);
    return total([rest], behind + rest.at.field.plus);
  }
  // Those that no other one includes.
  const outer = counters.filter(
    (counter) =>
      counter.scope === "fields" &&
      !counters.some((other) => other !== counter && includes(other, counter)),
  );
  const covered = outer.flatMap(({ counted }) => counted);
  const missing = fields.find((at) => isVariable(at) && !covered.includes(at));
  if (missing !== undefined)
    missing.site.fault(
      "nothing tells how long the frame is: a number before any field of variable size must count the `frame`, the `rest`, or this field and others",
    );
  const twice = covered.find((at, index) => covered.indexOf(at) !== index);
  if (twice !== undefined)
    twice.site.fault("two lengths count it, and neither counts all of the other one's");
  const fixed = fixedBytes.reduce((sum, bytes) => sum + bytes, 0);
  const counted = covered.reduce((sum, { size }) => sum + (size ?? 0), 0);
  const plus = outer.reduce((sum, { at }) => sum + at.field.plus, 0);
  if (outer.length === 0 && fixed === 0) site.fault("a frame must have at least one byte");
  return total(outer, fixed - counted + plus);
}

function includes(outer: Counter, inner: Counter): boolean {
  if (outer.scope !== "fields" || outer.counted.length < inner.counted.length) return false;
  const isWider = outer.counted.length > inner.counted.length || outer.at.offset < inner.at.offset;
  return isWider && inner.counted.every((at) => outer.counted.includes(at));
}

function total(counters: readonly Counter[], base: number): FrameTotal {
  for (const { at } of counters)
    if (at.section > 0)
      at.site.fault("the length of the frame must come before any field of variable size");
  return create(FrameTotalSchema, {
    base: BigInt(base),
    terms: counters.map(({ at, encoding }) => ({ offset: at.offset, encoding })),
  });
}

function repairOf({ at, encoding, scope, counted }: Counter, sections: number): FrameLength {
  const isFollowing = (section: number): boolean =>
    encoding === VARINT ? section > at.section : section >= at.section;
  const indexes = Array.from({ length: sections }, (_, section) => section).filter((section) => {
    if (scope === "frame") return true;
    if (scope === "rest") return isFollowing(section);
    return counted.some((part) => isVariable(part) && part.section === section);
  });
  return create(FrameLengthSchema, {
    section: at.section,
    offset: at.offset,
    encoding,
    counted: indexes.reduce((bits, section) => bits | (1 << section), 0),
  });
}
