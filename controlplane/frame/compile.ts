// From the description of a protocol to the table that the module `frame` executes.
import { create, toBinary } from "@bufbuild/protobuf";
import {
  type FrameLayout,
  FrameLayoutSchema,
  type FrameSection,
  FrameSectionSchema,
  FrameTableSchema,
} from "../gen/metaproto/v1/frame_pb.js";
import type { FrameDescription, LayoutDescription } from "../api/frame/description.js";
import type { ByteOrder } from "../api/frame/numbers.js";
import type { FieldFault } from "../api/fault.js";
import { Findings, Site } from "../api/schema/site.js";
import { encodingOf, isVarint, widthOf, withoutSign } from "./encoding.js";
import { type Lengths, lengthsOf, type SectionSize } from "./lengths.js";
import { matchesOf } from "./matches.js";
import { type Placed, type Placement, place } from "./placement.js";
import { kindRules, originsOf, resultRules } from "./rules.js";
import { errorReplyOf, templateOf } from "./template.js";
import { AttributeNames, type NamedValue, Values } from "./values.js";

/** What a message's parts are called, for those who read it. */
export interface CompiledLayout {
  readonly name: string;
  /** In the order of the wire. */
  readonly fields: readonly Placed[];
  /** In the order of the table. */
  readonly values: readonly NamedValue[];
  /** As in the table. */
  readonly origins: number;
  readonly matches: readonly { readonly mask: Uint8Array; readonly value: Uint8Array }[];
  readonly hasId: boolean;
}

export interface CompiledFrame {
  /** metaproto.v1.FrameTable. */
  readonly table: Uint8Array;
  readonly layouts: readonly CompiledLayout[];
  /** Requests and responses have a place for what mutations set. */
  readonly isMutable: boolean;
}

export type Compilation =
  | { readonly outcome: "compiled"; readonly frame: CompiledFrame }
  /** Their paths begin behind that of the description. */
  | { readonly outcome: "refused"; readonly faults: readonly FieldFault[] };

const SIZES = { none: 0, field: 1, prefix: 2, rest: 3, varint: 4 } as const;
const CONTENTS: Readonly<Record<string, number>> = { protobuf: 1, pairs: 2, tlv: 3, json: 4 };
const UNITS = { us: 1, ms: 1_000, s: 1_000_000 } as const;
const EXCLUSIVE = 2;
const SHARED = 0;
/** The engine's own ids take as many. */
const LEAST_ID_BITS = 31;
const MAX_ATTRIBUTES = 128;
/** Bits of ids in fields of protobuf; those of negative numbers are left out. */
const FIELD_BITS: Readonly<Record<string, number>> = {
  uint32: 32,
  uint64: 64,
  int32: 31,
  int64: 63,
  enum: 31,
};

interface LayoutResult {
  readonly table: FrameLayout;
  readonly compiled: CompiledLayout;
  readonly idBits: number;
}

/** @param protocol what stats and logs call it; empty: as the module. */
export function compileFrame(description: FrameDescription, protocol = ""): Compilation {
  const findings = new Findings("fault", "");
  const root = Site.root(findings);
  const attributes = new AttributeNames();
  const results = description.layouts.map((layout, index) =>
    compileLayout(layout, {
      index,
      order: description.byteOrder,
      attributes,
      site: root.field("layouts").item(index),
    }),
  );
  const withId = results.filter(({ idBits }) => idBits > 0).length;
  if (withId > 0 && withId < results.length)
    root
      .field("layouts")
      .item(results.findIndex(({ idBits }) => idBits === 0))
      .field("requestId")
      .fault("is required, because other layouts have one");
  if (attributes.names.length > MAX_ATTRIBUTES)
    root.fault(`names more than ${MAX_ATTRIBUTES} attributes`);
  if (findings.faults.length > 0) return { outcome: "refused", faults: findings.faults };
  const idBits = withId === 0 ? 0 : Math.min(...results.map((result) => result.idBits));
  const table = create(FrameTableSchema, {
    attributes: attributes.names,
    layouts: results.map((result) => result.table),
    idBits,
    connectionMode: idBits < LEAST_ID_BITS ? EXCLUSIVE : SHARED,
    protocol,
  });
  return {
    outcome: "compiled",
    frame: {
      table: toBinary(FrameTableSchema, table),
      layouts: results.map(({ compiled }) => compiled),
      isMutable: description.layouts.some(({ mutations }) => mutations !== undefined),
    },
  };
}

interface LayoutContext {
  readonly index: number;
  readonly order: ByteOrder;
  readonly attributes: AttributeNames;
  readonly site: Site;
}

function compileLayout(layout: LayoutDescription, context: LayoutContext): LayoutResult {
  const { index, order, attributes, site } = context;
  const fieldsSite = site.field("fields");
  const placement = place(layout.fields, order, fieldsSite);
  const lengths = lengthsOf(placement, fieldsSite);
  const values = new Values(placement, attributes, order, fieldsSite);
  const indexOfField = ({ field }: Placed): number | undefined => {
    const found = values.list.findIndex(({ name }) => name === field.name);
    return found < 0 ? undefined : found;
  };
  const { matches, checks } = matchesOf(layout, placement, indexOfField, site);
  const id = idOf(layout, values, site);
  const template = { values, order };
  const table = create(FrameLayoutSchema, {
    origins: originsOf(layout.from),
    matches: [...matches],
    sections: sectionsOf(placement, lengths, order),
    total: lengths.total,
    lengths: [...lengths.repairs],
    values: values.list.map(({ value }) => value),
    id: id === undefined ? 0 : id.index + 1,
    checks: [...checks],
    kinds: kindRules(layout, values, site),
    results: resultRules(layout, values, site),
    ...timeoutOf(layout, values, site),
    mutableSection: mutableSectionOf(layout, placement, site),
    checksum: checksumOf(layout, values, site),
    errorReplies: layout.errorReplies.map((reply, position) =>
      errorReplyOf(reply, template, site.field("errorReplies").item(position)),
    ),
    heartbeatReplies: layout.heartbeatReply
      ? [templateOf(layout.heartbeatReply, template, site.field("heartbeatReply"))]
      : [],
    heartbeats: layout.heartbeat
      ? [templateOf(layout.heartbeat, template, site.field("heartbeat"))]
      : [],
  });
  const name = layout.name ?? `layout ${index + 1}`;
  return {
    table,
    compiled: {
      name,
      fields: placement.fields,
      values: values.list,
      origins: table.origins,
      matches,
      hasId: id !== undefined,
    },
    idBits: id?.bits ?? 0,
  };
}

function idOf(
  { requestId }: LayoutDescription,
  values: Values,
  site: Site,
): { readonly index: number; readonly bits: number } | undefined {
  if (requestId === undefined) return undefined;
  const place = site.field("requestId");
  const index = values.indexOf(requestId, place);
  if (index === undefined) return { index: 0, bits: 64 };
  const { value, at, isNumber, protobufType } = values.at(index);
  if (protobufType !== undefined) {
    const bits = FIELD_BITS[protobufType];
    if (bits === undefined || value.path.length !== 1)
      place.fault(
        "must be a number of fixed width, a varint, or an integer that is a field of the message itself",
      );
    return { index, bits: bits ?? 64 };
  }
  if (!isNumber || at.encoding === undefined) {
    place.fault("must be a number");
    return { index, bits: 64 };
  }
  value.encoding = withoutSign(value.encoding);
  return { index, bits: isVarint(value.encoding) ? 64 : 8 * widthOf(value.encoding) };
}

function sectionsOf(
  { fields, fixedBytes }: Placement,
  { sizes }: Lengths,
  order: ByteOrder,
): FrameSection[] {
  return fixedBytes.map((bytes, index) => {
    const section = create(FrameSectionSchema, { fixedBytes: bytes });
    const own = fields.find((at) => at.section === index && at.size === undefined);
    const size = sizes[index] ?? { kind: "none" };
    section.size = SIZES[size.kind];
    if (own !== undefined) fill(section, own, size, order);
    return section;
  });
}

function fill(section: FrameSection, own: Placed, size: SectionSize, order: ByteOrder): void {
  const { field } = own;
  const ordered = field.byteOrder ?? order;
  if (size.kind === "field") {
    section.sizeSection = size.by.section;
    section.sizeOffset = size.by.offset;
    section.sizeEncoding = size.by.encoding ?? 0;
    section.sizeAdjust = size.plus;
  } else if (size.kind === "prefix") {
    section.sizeEncoding = encodingOf(field.prefix ?? "u8", ordered);
    section.sizeAdjust = size.plus;
  }
  section.content = CONTENTS[field.type ?? ""] ?? 0;
  if (field.map !== undefined) section.mapField = field.map;
  section.isDynamic = field.byKey && (field.type === "pairs" || field.map !== undefined);
  fillEntries(section, own, ordered);
}

/** Of pairs, and of what stands behind its type. */
function fillEntries(section: FrameSection, { field }: Placed, ordered: ByteOrder): void {
  const isPairs = field.type === "pairs";
  if (isPairs || field.type === "tlv") {
    section.keyEncoding = encodingOf(
      isPairs ? (field.keyLength ?? "u32") : (field.tagType ?? "u8"),
      ordered,
    );
    section.valueEncoding = encodingOf(field.valueLength ?? "u32", ordered);
    section.valueAdjust = field.valuePlus;
    if (field.count !== undefined) section.countEncoding = encodingOf(field.count, ordered);
  }
}

function timeoutOf(
  { timeout }: LayoutDescription,
  values: Values,
  site: Site,
): { readonly timeout: number; readonly timeoutUnit: number } {
  if (timeout === undefined) return { timeout: 0, timeoutUnit: 0 };
  const place = site.field("timeout").field("field");
  const index = values.indexOf(timeout.field, place);
  if (index !== undefined && !values.at(index).isNumber) place.fault("must be a number");
  return { timeout: (index ?? 0) + 1, timeoutUnit: UNITS[timeout.unit] };
}

/** The position plus one; 0: mutations have no place. */
function mutableSectionOf(
  { mutations }: LayoutDescription,
  { fields }: Placement,
  site: Site,
): number {
  if (mutations === undefined) return 0;
  const place = site.field("mutations");
  const at = fields.find(({ field }) => field.name === mutations);
  const isMap = at?.field.type === "protobuf" && at.field.map !== undefined;
  if (at === undefined) place.fault(`there is no field \`${mutations}\``);
  else if (at.field.type !== "pairs" && !isMap)
    place.fault("must be `pairs`, or `protobuf` with a `map`");
  return at === undefined ? 0 : at.section + 1;
}

function checksumOf({ checksum }: LayoutDescription, values: Values, site: Site): number {
  if (checksum === undefined) return 0;
  const place = site.field("checksum");
  const index = values.indexOf(checksum, place);
  if (index === undefined) return 0;
  const { at, protobufType } = values.at(index);
  if (protobufType !== undefined || at.field.type !== "u32") place.fault("must be a `u32`");
  return index + 1;
}
