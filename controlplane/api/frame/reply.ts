// Templates of messages that the proxy writes itself.
import { list, map, nonEmptyList, object, optional, withDefault } from "../schema/composites.js";
import { integer, longText, nonEmptyText, oneOf } from "../schema/scalars.js";
import type { Schema } from "../schema/schema.js";
import { byteOrder, type ByteOrder, lengthType, numberType, type NumberType } from "./numbers.js";

/** In the order of the codec contract. */
export const ERROR_KINDS = [
  "noRoute",
  "unknownCluster",
  "noHealthyUpstream",
  "connectFailure",
  "upstreamReset",
  "overload",
  "timeout",
  "malformedRequest",
  "badResponse",
  "requestTimeout",
  "rateLimited",
  "permissionDenied",
  "internal",
] as const;

export type ErrorKind = (typeof ERROR_KINDS)[number];

const MAX_INT = Number.MAX_SAFE_INTEGER;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;
/** Groups within groups. */
const DEPTH = 4;

/** Exactly one of the members that say what it is. */
export interface ProtobufPart {
  readonly field: number | undefined;
  readonly is: "REQUEST_ID" | "CODE" | "TEXT" | undefined;
  readonly number: number | undefined;
  readonly ascii: string | undefined;
  readonly fields: readonly ProtobufPart[] | undefined;
}

export interface Part {
  readonly name: string | undefined;
  readonly hex: string | undefined;
  readonly ascii: string | undefined;
  readonly is: "REQUEST_ID" | "CODE" | "TEXT" | undefined;
  readonly copy: string | undefined;
  readonly lengthOf: readonly string[] | undefined;
  readonly plus: number;
  readonly type: NumberType | undefined;
  readonly byteOrder: ByteOrder | undefined;
  readonly prefix: "u8" | "u16" | "u24" | "u32" | "varint" | undefined;
  readonly parts: readonly Part[] | undefined;
  readonly protobuf: readonly ProtobufPart[] | undefined;
  readonly checksum: "CRC32" | undefined;
}

const what = oneOf("REQUEST_ID", "CODE", "TEXT");

/** What is nested is read as what it is nested in, and described there; a cluster does not check it. */
function nested<T>(items: () => Schema<T>, depth: number): Schema<readonly T[]> {
  return {
    shape: { kind: "any" },
    fallback: [],
    read(value, site) {
      if (depth > 0) return list(items(), 64).read(value, site);
      site.fault(`is nested too deeply: at most ${DEPTH} times`);
      return [];
    },
  };
}

function protobufPart(depth: number): Schema<ProtobufPart> {
  return object(
    {
      field: optional(integer(1, MAX_FIELD_NUMBER), "its number", "required"),
      is: optional(what, "the request's id, the error's code or its text"),
      number: optional(integer(-MAX_INT, MAX_INT), "always this number"),
      ascii: optional(longText, "always this text"),
      fields: optional(
        nested(() => protobufPart(depth - 1), depth),
        "a message, of fields such as these",
      ),
    },
    { title: "Fields of protobuf in replies" },
  );
}

function part(depth: number): Schema<Part> {
  return object(
    {
      name: optional(nonEmptyText, "by which `lengthOf` refers to it"),
      hex: optional(longText, "these bytes, in hexadecimal; blanks do not count"),
      ascii: optional(longText, "these characters"),
      is: optional(
        what,
        "`REQUEST_ID`, `CODE` (of the error, both with a `type`) or `TEXT` (of the error)",
      ),
      copy: optional(nonEmptyText, "the bytes of this field of the request"),
      lengthOf: optional(
        list(nonEmptyText, 8),
        "a number with a `type`: the bytes of the parts named here; `[frame]`: of the whole reply; `[rest]`: of what follows",
      ),
      plus: withDefault(
        integer(-65_536, 65_536),
        0,
        "added to the number to have the bytes that it counts",
        "0",
      ),
      type: optional(numberType, "of the number"),
      byteOrder: optional(byteOrder, "of the number", "the description's"),
      prefix: optional(lengthType, "the length of this part stands in front of it"),
      parts: optional(
        nested(() => part(depth - 1), depth),
        "a group of parts",
      ),
      protobuf: optional(
        list(protobufPart(DEPTH), 32),
        "a message of [these fields](#fields-of-protobuf-in-replies)",
      ),
      checksum: optional(oneOf("CRC32"), "a `u32`: CRC-32 of all bytes before it"),
    },
    { title: "Parts of replies" },
  );
}

export const parts = nonEmptyList(part(DEPTH), "needs at least one part");

export const errorReply = object({
  for: optional(
    list(oneOf(...ERROR_KINDS), ERROR_KINDS.length),
    "[kinds of errors](#kinds-of-errors)",
    "all",
  ),
  codes: optional(
    map(integer(-MAX_INT, MAX_INT)),
    "the code for each kind of error, and `default` for the others",
  ),
  parts: {
    ...optional(parts, "[what it consists of](#parts-of-replies), in the order of the wire"),
    isRequired: false,
    byDefault: "required",
  },
});

export type ErrorReplyDescription = (typeof errorReply)["fallback"];
