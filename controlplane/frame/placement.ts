// Where the fields of a layout are: fixed parts and parts of variable size in turn.
import type { FieldDescription } from "../api/frame/field.js";
import type { ByteOrder, NumberType } from "../api/frame/numbers.js";
import type { Site } from "../api/schema/site.js";
import { encodingOf, widthOf } from "./encoding.js";

export interface Placed {
  readonly field: FieldDescription;
  readonly site: Site;
  readonly section: number;
  /** Bytes from the start of the section; of a variable field the section's fixed bytes. */
  readonly offset: number;
  /** Undefined: it is the section's variable part. */
  readonly size: number | undefined;
  /** Of a number. */
  readonly encoding: number | undefined;
}

export interface Placement {
  readonly fields: readonly Placed[];
  /** Fixed bytes of each section. */
  readonly fixedBytes: readonly number[];
}

const NUMBERS: readonly string[] = [
  ...["u8", "u16", "u24", "u32", "u64", "i8", "i16", "i32", "i64", "varint"],
];
const CONTAINERS: readonly string[] = ["protobuf", "pairs", "tlv", "json"];
/** Of a table. */
const MAX_SECTIONS = 8;
const MAX_FIXED_BYTES = 4096;

export function isNumber(field: FieldDescription): boolean {
  return field.type !== undefined && NUMBERS.includes(field.type);
}

export function isContainer(field: FieldDescription): boolean {
  return field.type !== undefined && CONTAINERS.includes(field.type);
}

/** @param site of the list of fields. */
export function place(
  fields: readonly FieldDescription[],
  order: ByteOrder,
  site: Site,
): Placement {
  const placed: Placed[] = [];
  const fixedBytes: number[] = [];
  let offset = 0;
  for (const [index, field] of fields.entries()) {
    const at = site.item(index);
    const section = fixedBytes.length;
    const encoding = isNumber(field)
      ? encodingOf(field.type as NumberType, field.byteOrder ?? order)
      : undefined;
    const size = sizeOf(field, encoding, at);
    placed.push({ field, site: at, section, offset, size, encoding });
    if (size === undefined) {
      fixedBytes.push(offset);
      offset = 0;
    } else offset += size;
  }
  if (offset > 0 || fixedBytes.length === 0) fixedBytes.push(offset);
  if (fixedBytes.length > MAX_SECTIONS)
    site.fault(
      `must not have more than ${MAX_SECTIONS - 1} fields of variable size, nor fixed ones between more`,
    );
  if (Math.max(...fixedBytes) > MAX_FIXED_BYTES)
    site.fault(`must not have more than ${MAX_FIXED_BYTES} bytes in a row of fixed size`);
  return { fields: placed, fixedBytes };
}

/** Bytes of a field that always has as many. */
function sizeOf(
  field: FieldDescription,
  encoding: number | undefined,
  site: Site,
): number | undefined {
  if (field.type === undefined) site.field("type").fault("is required");
  const isText = field.type === "text" || field.type === "bytes";
  if (field.size !== undefined && !isText)
    site.field("size").fault("is only for `text` and `bytes`; numbers have the size of their type");
  if (field.prefix !== undefined && (encoding !== undefined || field.size !== undefined))
    site.field("prefix").fault("is only for fields of variable size");
  if (field.counts !== undefined && encoding === undefined)
    site.field("counts").fault("is only for numbers");
  if (encoding !== undefined) return field.type === "varint" ? undefined : widthOf(encoding);
  return isText ? field.size : undefined;
}
