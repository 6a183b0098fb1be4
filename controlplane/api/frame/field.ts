// One field of a header.
import { list, object, optional, type Read, withDefault } from "../schema/composites.js";
import { boolean, integer, nonEmptyText, oneOf, text } from "../schema/scalars.js";
import { constant } from "./condition.js";
import { byteOrder, countType, lengthType } from "./numbers.js";

const MAX_PLUS = 65_536;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;

export const fieldType = oneOf(
  ...(["u8", "u16", "u24", "u32", "u64", "i8", "i16", "i32", "i64", "varint"] as const),
  ...(["text", "bytes", "protobuf", "pairs", "tlv", "json"] as const),
);

const plus = withDefault(
  integer(-MAX_PLUS, MAX_PLUS),
  0,
  "added to the number to have the bytes that it counts",
  "0",
);

const attribute = optional(
  text,
  "name of the attribute; the empty text: it is none",
  "its `name`, unless it is constant, a length or `bytes`",
);

const protobufField = object(
  {
    name: optional(nonEmptyText, "by which rules refer to it, and its attribute"),
    path: optional(
      nonEmptyText,
      "field numbers from the outermost on, such as `4` or `1.2`",
      "required",
    ),
    type: withDefault(
      oneOf(
        ...(["string", "bytes", "bool", "enum", "uint32", "uint64", "int32", "int64"] as const),
        ...(["sint32", "sint64", "fixed32", "fixed64"] as const),
      ),
      "string",
      "as in the `.proto` file",
      "`string`",
    ),
    attribute: optional(text, "as of a field"),
  },
  { title: "Fields of protobuf" },
);

const pairEntry = object(
  {
    name: optional(nonEmptyText, "by which rules refer to it, and its attribute"),
    key: optional(nonEmptyText, "of the pair", "required"),
    attribute: optional(text, "as of a field"),
  },
  { title: "Pairs by key" },
);

const tlvEntry = object(
  {
    name: optional(nonEmptyText, "by which rules refer to it, and its attribute"),
    tag: optional(integer(0, 2 ** 32 - 1), "its type on the wire", "required"),
    type: withDefault(oneOf("text", "unsigned", "signed"), "text", "what its value is", "`text`"),
    attribute: optional(text, "as of a field"),
  },
  { title: "Entries by type" },
);

const jsonMember = object(
  {
    name: optional(nonEmptyText, "by which rules refer to it, and its attribute"),
    path: optional(nonEmptyText, "names from the outermost on, such as `head.method`", "required"),
    attribute: optional(text, "as of a field"),
  },
  { title: "Members of JSON" },
);

export const field = object(
  {
    name: optional(nonEmptyText, "by which everything else refers to it"),
    type: optional(
      fieldType,
      "`u8`, `u16`, `u24`, `u32`, `u64`, `i8` to `i64`, `varint`; `text`, `bytes`; `protobuf`, `pairs`, `tlv`, `json`: [types](#types-of-fields)",
      "required",
    ),
    byteOrder: optional(byteOrder, "of this number", "the description's"),
    constant: optional(
      constant,
      "what it always is, or a list of what it may be: a number, or text where the field has a `size`",
    ),
    counts: optional(
      list(nonEmptyText, 8),
      "it is a length: `[frame]` of the whole frame, `[rest]` of what follows it, or of the fields named here",
    ),
    plus,
    size: optional(integer(1, 256), "bytes of a `text` or of `bytes` that is always as long"),
    prefix: optional(lengthType, "the number of its bytes stands in front of it"),
    padding: optional(
      text,
      "characters at the end of a `text` with a `size` that are no part of it",
      "NUL and blank",
    ),
    attribute,
    fields: optional(
      list(protobufField, 64),
      "of `protobuf`: the [fields](#fields-of-protobuf) that matter",
    ),
    map: optional(
      integer(1, MAX_FIELD_NUMBER),
      "of `protobuf`: the number of a field of type map<string, string> (or bytes), whose entries are attributes",
    ),
    keyLength: optional(lengthType, "of `pairs`: the length in front of a key", "`u32`"),
    valueLength: optional(
      lengthType,
      "of `pairs` and `tlv`: the length in front of a value",
      "`u32`",
    ),
    valuePlus: withDefault(
      integer(-MAX_PLUS, MAX_PLUS),
      0,
      "of `pairs` and `tlv`: added to the length of a value",
      "0",
    ),
    tagType: optional(lengthType, "of `tlv`: the type in front of the length", "`u8`"),
    count: optional(countType, "of `pairs` and `tlv`: in front of them stands how many there are"),
    pairs: optional(
      list(pairEntry, 64),
      "of `pairs`: those with a name of their own, [by key](#pairs-by-key)",
    ),
    entries: optional(
      list(tlvEntry, 64),
      "of `tlv`: those that matter, [by type](#entries-by-type)",
    ),
    members: optional(
      list(jsonMember, 64),
      "of `json`: those that matter, [by path](#members-of-json)",
    ),
    byKey: withDefault(
      boolean,
      true,
      "of `pairs`, and of `protobuf` with a `map`: every entry is an attribute, by its key",
      "`true`",
    ),
  },
  { title: "Fields" },
);

export type FieldDescription = Read<typeof field>;
export type ProtobufField = Read<typeof protobufField>;
export type PairEntry = Read<typeof pairEntry>;
export type TlvEntry = Read<typeof tlvEntry>;
export type JsonMember = Read<typeof jsonMember>;
