// Templates of replies, as the operations that write them.
import { create } from "@bufbuild/protobuf";
import {
  type FrameOperation,
  FrameOperationSchema,
  type FrameTemplate,
  FrameTemplateSchema,
} from "../gen/metaproto/v1/frame_pb.js";
import type { ByteOrder } from "../api/frame/numbers.js";
import {
  ERROR_KINDS,
  type ErrorReplyDescription,
  type Part,
  type ProtobufPart,
} from "../api/frame/reply.js";
import type { Site } from "../api/schema/site.js";
import { encodingOf, isVarint, VARINT, varintBytes, widthOf } from "./encoding.js";
import { Source, type Values } from "./values.js";

const Code = {
  Bytes: 1,
  Id: 2,
  Code: 3,
  Text: 4,
  Copy: 5,
  Begin: 6,
  End: 7,
  GroupLength: 8,
  FollowingLength: 9,
  Checksum: 10,
} as const;

const MAX_GROUPS = 32;
const MAX_OPERATIONS = 128;
/** Texts behind a length of one byte: the rest is for what stands with them. */
const SHORT_TEXT = 191;
const CHECKSUM_BYTES = 4;
const VARINT_FIELD = 0;
const BYTES_FIELD = 2;
/** What does not always have as many bytes. */
const UNKNOWN = undefined;

class TemplateCompiler {
  readonly operations: FrameOperation[] = [];
  needsCodes = false;
  private readonly groups = new Map<string, number>();
  private groupCount = 0;
  /** Bytes so far; undefined: not always as many. */
  private size: number | undefined = 0;
  /** Groups whose size is known: those that have ended. */
  private readonly begun = new Set<string>();

  constructor(
    private readonly values: Values,
    private readonly order: ByteOrder,
  ) {}

  /** @param isShort its length has one byte. */
  addParts(parts: readonly Part[], site: Site, isShort = false): void {
    for (const [index, part] of parts.entries()) this.addPart(part, site.item(index), isShort);
  }

  private addPart(part: Part, site: Site, isShort: boolean): void {
    const group = this.begin(part, site);
    this.addContent(part, site, isShort || part.prefix === "u8");
    if (group !== undefined) this.push({ code: Code.End, index: group }, 0);
  }

  private begin(part: Part, site: Site): number | undefined {
    const { name, prefix } = part;
    if (name === undefined && prefix === undefined) return undefined;
    const group = this.groupCount++;
    if (group === MAX_GROUPS) site.fault(`there are more than ${MAX_GROUPS} groups`);
    if (name !== undefined) {
      if (this.begun.has(name)) site.field("name").fault(`another part has the name \`${name}\``);
      this.groups.set(name, group);
      this.begun.add(name);
    }
    const encoding = prefix === undefined ? 0 : encodingOf(prefix, part.byteOrder ?? this.order);
    const size = encoding === 0 ? 0 : isVarint(encoding) ? UNKNOWN : widthOf(encoding);
    this.push({ code: Code.Begin, index: group, encoding, adjust: -part.plus }, size);
    return group;
  }

  private addContent(part: Part, site: Site, isShort: boolean): void {
    const { hex, ascii, is, copy, lengthOf, parts, protobuf, checksum } = part;
    const given = [hex, ascii, is, copy, lengthOf, parts, protobuf, checksum].filter(
      (member) => member !== undefined,
    );
    if (given.length !== 1)
      site.fault(
        "must have one of `hex`, `ascii`, `is`, `copy`, `lengthOf`, `parts`, `protobuf` and `checksum`",
      );
    const needsType = lengthOf !== undefined || is === "REQUEST_ID" || is === "CODE";
    if (needsType !== (part.type !== undefined))
      site.field("type").fault(needsType ? "is required" : "is only for numbers");
    if (hex !== undefined) this.addBytes(hexBytes(hex, site.field("hex")));
    else if (ascii !== undefined) this.addBytes(new TextEncoder().encode(ascii));
    else if (is !== undefined) this.addSpecial(is, this.encodingOf(part), isShort);
    else if (copy !== undefined) this.addCopy(copy, site.field("copy"));
    else if (lengthOf !== undefined) this.addLength(part, lengthOf, site);
    else if (parts !== undefined) this.addParts(parts, site.field("parts"), isShort);
    else if (protobuf !== undefined) this.addFields(protobuf, site.field("protobuf"), isShort);
    else if (checksum !== undefined)
      this.push(
        { code: Code.Checksum, encoding: encodingOf("u32", part.byteOrder ?? this.order) },
        CHECKSUM_BYTES,
      );
  }

  private encodingOf({ type, byteOrder }: Part): number {
    return type === undefined ? VARINT : encodingOf(type, byteOrder ?? this.order);
  }

  private addBytes(bytes: Uint8Array): void {
    if (bytes.length > 0)
      this.push({ code: Code.Bytes, bytes: new Uint8Array(bytes) }, bytes.length);
  }

  private addSpecial(is: "REQUEST_ID" | "CODE" | "TEXT", encoding: number, isShort: boolean): void {
    if (is === "TEXT") {
      this.push({ code: Code.Text, adjust: isShort ? SHORT_TEXT : 0 }, UNKNOWN);
      return;
    }
    this.needsCodes ||= is === "CODE";
    const code = is === "REQUEST_ID" ? Code.Id : Code.Code;
    this.push({ code, encoding }, isVarint(encoding) ? UNKNOWN : widthOf(encoding));
  }

  private addCopy(name: string, site: Site): void {
    const index = this.values.indexOf(name, site);
    if (index === undefined) return;
    const { value } = this.values.at(index);
    const size =
      value.source === Source.Number
        ? widthOf(value.encoding)
        : value.source === Source.Text
          ? value.size
          : UNKNOWN;
    this.push({ code: Code.Copy, index, adjust: size ?? 0 }, size);
  }

  private addLength(part: Part, names: readonly string[], site: Site): void {
    const encoding = this.encodingOf(part);
    const place = site.field("lengthOf");
    const [first] = names;
    if (first === "frame" || first === "rest") {
      if (names.length > 1) place.fault(`must have nothing besides \`${first}\``);
      const own = isVarint(encoding) ? UNKNOWN : widthOf(encoding);
      if (first === "frame" && (this.size === UNKNOWN || own === UNKNOWN))
        place.fault("before it, and in it, must be as many bytes in every reply");
      const before = first === "frame" ? (this.size ?? 0) + (own ?? 0) : 0;
      this.push({ code: Code.FollowingLength, encoding, adjust: before - part.plus }, own);
      return;
    }
    if (names.length === 0) place.fault("must not be empty");
    const operation = this.push(
      { code: Code.GroupLength, encoding, adjust: -part.plus },
      isVarint(encoding) ? UNKNOWN : widthOf(encoding),
    );
    this.pending.push({ operation, names, place, known: new Set(this.begun) });
  }

  private readonly pending: {
    readonly operation: FrameOperation;
    readonly names: readonly string[];
    readonly place: Site;
    readonly known: ReadonlySet<string>;
  }[] = [];

  /** Once all parts are there: which groups lengths count. */
  finish(site: Site): void {
    for (const { operation, names, place, known } of this.pending) {
      for (const [index, name] of names.entries()) {
        const group = this.groups.get(name);
        if (group === undefined) place.item(index).fault(`there is no part \`${name}\``);
        else if (known.has(name)) place.item(index).fault(`\`${name}\` must come after its length`);
        else operation.index |= 1 << group;
      }
      operation.index >>>= 0;
    }
    if (this.operations.length > MAX_OPERATIONS)
      site.fault(`takes ${this.operations.length} steps to write, more than ${MAX_OPERATIONS}`);
  }

  private addFields(fields: readonly ProtobufPart[], site: Site, isShort: boolean): void {
    for (const [index, part] of fields.entries()) {
      const place = site.item(index);
      const { field, is, number, ascii, fields: nested } = part;
      if (field === undefined) place.field("field").fault("is required");
      const given = [is, number, ascii, nested].filter((member) => member !== undefined);
      if (given.length !== 1) place.fault("must have one of `is`, `number`, `ascii` and `fields`");
      const isNumber = number !== undefined || is === "REQUEST_ID" || is === "CODE";
      const type = isNumber ? VARINT_FIELD : BYTES_FIELD;
      this.addBytes(varintBytes(BigInt((field ?? 1) * 8 + type)));
      if (number !== undefined) this.addBytes(varintBytes(BigInt(number)));
      else if (is !== undefined && is !== "TEXT") this.addSpecial(is, VARINT, isShort);
      else {
        const group = this.groupCount++;
        if (group === MAX_GROUPS) place.fault(`there are more than ${MAX_GROUPS} groups`);
        this.push({ code: Code.Begin, index: group, encoding: VARINT }, UNKNOWN);
        if (is === "TEXT") this.addSpecial(is, VARINT, isShort);
        else if (ascii !== undefined) this.addBytes(new TextEncoder().encode(ascii));
        else this.addFields(nested ?? [], place.field("fields"), isShort);
        this.push({ code: Code.End, index: group }, 0);
      }
    }
  }

  private push(
    init: {
      code: number;
      encoding?: number;
      index?: number;
      adjust?: number;
      bytes?: Uint8Array<ArrayBuffer>;
    },
    size: number | undefined,
  ): FrameOperation {
    const operation = create(FrameOperationSchema, init);
    this.operations.push(operation);
    this.size = this.size === UNKNOWN || size === UNKNOWN ? UNKNOWN : this.size + size;
    return operation;
  }
}

function hexBytes(hex: string, site: Site): Uint8Array {
  const digits = hex.replaceAll(/\s/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) site.fault("must be pairs of hexadecimal digits");
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

export interface TemplateContext {
  readonly values: Values;
  readonly order: ByteOrder;
}

/** @param site of the list of parts. */
export function templateOf(
  parts: readonly Part[],
  { values, order }: TemplateContext,
  site: Site,
): FrameTemplate {
  const compiler = new TemplateCompiler(values, order);
  compiler.addParts(parts, site);
  compiler.finish(site);
  return create(FrameTemplateSchema, { operations: compiler.operations });
}

export function errorReplyOf(
  reply: ErrorReplyDescription,
  { values, order }: TemplateContext,
  site: Site,
): FrameTemplate {
  const compiler = new TemplateCompiler(values, order);
  if (reply.parts === undefined) site.field("parts").fault("is required");
  compiler.addParts(reply.parts ?? [], site.field("parts"));
  compiler.finish(site);
  if (compiler.needsCodes && reply.codes === undefined)
    site.field("codes").fault("is required, because a part is the error's `CODE`");
  const codes = reply.codes ?? {};
  for (const name of Object.keys(codes))
    if (name !== "default" && !ERROR_KINDS.some((kind) => kind === name))
      site
        .field("codes")
        .field(name)
        .fault(`is no kind of error; there are ${ERROR_KINDS.join(", ")}`);
  const kinds = (reply.for ?? []).reduce(
    (bits, kind) => bits | (1 << ERROR_KINDS.indexOf(kind)),
    0,
  );
  return create(FrameTemplateSchema, {
    kinds,
    operations: compiler.operations,
    codes:
      reply.codes === undefined
        ? []
        : ERROR_KINDS.map((kind) => BigInt(codes[kind] ?? codes["default"] ?? 0)),
  });
}
