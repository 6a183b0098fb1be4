// The values of a layout: what rules compare, routes match, and replies copy.
import { create } from "@bufbuild/protobuf";
import { type FrameValue, FrameValueSchema } from "../gen/metaproto/v1/frame_pb.js";
import type { ByteOrder } from "../api/frame/numbers.js";
import type { Site } from "../api/schema/site.js";
import { entryEncoding } from "./encoding.js";
import { isContainer, type Placed, type Placement } from "./placement.js";

export const Source = {
  Number: 0,
  Text: 1,
  SectionText: 2,
  SectionVarint: 3,
  Protobuf: 4,
  Pair: 5,
  Tlv: 6,
  Json: 7,
} as const;

const ProtobufType = { Unsigned: 0, Signed: 1, Zigzag: 2, Text: 3 } as const;

/** Of a table. */
const MAX_VALUES = 64;
const MAX_PATH = 4;

export interface NamedValue {
  readonly name: string;
  readonly site: Site;
  readonly value: FrameValue;
  readonly isNumber: boolean;
  /** The field that it is, or is in. */
  readonly at: Placed;
  /** Of a field of protobuf, its type. */
  readonly protobufType: string | undefined;
}

/** Names of attributes of all layouts; their positions are what tables say. */
export class AttributeNames {
  readonly names: string[] = [];

  /** The position plus one. */
  numberOf(name: string): number {
    const lower = name.toLowerCase();
    const index = this.names.indexOf(lower);
    return index >= 0 ? index + 1 : this.names.push(lower);
  }
}

/** A value within a field. */
interface Entry {
  readonly entry: { readonly name: string | undefined; readonly attribute: string | undefined };
  /** Its name, if it is given none. */
  readonly fallback: string;
  readonly isNumber: boolean;
  readonly protobufType?: string;
  readonly init: Partial<Pick<FrameValue, "source" | "path" | "names" | "type" | "encoding">>;
}

export class Values {
  readonly list: NamedValue[] = [];

  constructor(
    placement: Placement,
    private readonly attributes: AttributeNames,
    private readonly order: ByteOrder,
    site: Site,
  ) {
    for (const at of placement.fields) this.addField(at);
    if (this.list.length > MAX_VALUES)
      site.fault(`must not name more than ${MAX_VALUES} values, not ${this.list.length}`);
  }

  /** The position; undefined, with a fault: there is no such value. */
  indexOf(name: string, site: Site): number | undefined {
    const index = this.list.findIndex((value) => value.name === name);
    if (index >= 0) return index;
    const known = this.list.map((value) => value.name).join(", ");
    site.fault(`there is no value \`${name}\`; there are ${known || "none"}`);
    return undefined;
  }

  at(index: number): NamedValue {
    const value = this.list[index];
    if (value === undefined) throw new RangeError(`no value ${index}`);
    return value;
  }

  private addField(at: Placed): void {
    const { field, section, offset, size, encoding } = at;
    this.addEntries(at);
    if (field.name === undefined || isContainer(field)) return;
    if (this.list.some(({ name }) => name === field.name))
      at.site.field("name").fault(`another value has the name \`${field.name}\``);
    const isPlain =
      field.constant === undefined && field.counts === undefined && field.type !== "bytes";
    const value = create(FrameValueSchema, { section, offset });
    if (encoding !== undefined) {
      value.source = size === undefined ? Source.SectionVarint : Source.Number;
      value.encoding = encoding;
    } else if (size === undefined) value.source = Source.SectionText;
    else {
      value.source = Source.Text;
      value.size = size;
      if (field.type === "text") value.padding = new TextEncoder().encode(field.padding ?? "\0 ");
    }
    const attribute = field.attribute ?? (isPlain ? field.name : "");
    this.add(at, at.site, { name: field.name, attribute, value, isNumber: encoding !== undefined });
  }

  private add(
    at: Placed,
    site: Site,
    {
      name,
      attribute,
      value,
      isNumber,
      protobufType,
    }: {
      name: string;
      attribute: string;
      value: FrameValue;
      isNumber: boolean;
      protobufType?: string;
    },
  ): void {
    if (attribute !== "") value.attribute = this.attributes.numberOf(attribute);
    this.list.push({ name, site, value, isNumber, at, protobufType });
  }

  private addEntries(at: Placed): void {
    this.onlyFor("protobuf", ["fields", "map"], at);
    this.onlyFor("pairs", ["pairs", "keyLength"], at);
    this.onlyFor("tlv", ["entries", "tagType"], at);
    this.onlyFor("json", ["members"], at);
    this.addProtobufFields(at);
    this.addPairs(at);
    this.addTlvEntries(at);
    this.addMembers(at);
  }

  private addProtobufFields(at: Placed): void {
    for (const [index, entry] of (at.field.fields ?? []).entries()) {
      const site = at.site.field("fields").item(index);
      const path = this.pathOf(entry.path, site);
      this.addEntry(at, site, {
        entry,
        fallback: path.join("."),
        isNumber: entry.type !== "string" && entry.type !== "bytes",
        protobufType: entry.type,
        init: { source: Source.Protobuf, path, type: protobufTypeOf(entry.type) },
      });
    }
  }

  private addPairs(at: Placed): void {
    for (const [index, entry] of (at.field.pairs ?? []).entries()) {
      const site = at.site.field("pairs").item(index);
      const key = this.given(entry.key, "key", site);
      const init = { source: Source.Pair, names: [key.toLowerCase()] };
      this.addEntry(at, site, { entry, fallback: key, isNumber: false, init });
    }
  }

  private addTlvEntries(at: Placed): void {
    for (const [index, entry] of (at.field.entries ?? []).entries()) {
      const site = at.site.field("entries").item(index);
      const tag = Number(this.given(entry.tag?.toString(), "tag", site));
      const isNumber = entry.type !== "text";
      const order = at.field.byteOrder ?? this.order;
      const encoding = isNumber ? entryEncoding(entry.type === "signed", order) : 0;
      const init = { source: Source.Tlv, path: [tag], encoding };
      this.addEntry(at, site, { entry, fallback: String(tag), isNumber, init });
    }
  }

  private addMembers(at: Placed): void {
    for (const [index, entry] of (at.field.members ?? []).entries()) {
      const site = at.site.field("members").item(index);
      const path = this.given(entry.path, "path", site);
      const names = path.split(".");
      if (names.length > MAX_PATH)
        site.field("path").fault(`must not have more than ${MAX_PATH} parts`);
      const init = { source: Source.Json, names };
      this.addEntry(at, site, { entry, fallback: path, isNumber: false, init });
    }
  }

  private given(value: string | undefined, member: string, site: Site): string {
    if (value === undefined) site.field(member).fault("is required");
    return value ?? "";
  }

  private addEntry(at: Placed, site: Site, from: Entry): void {
    const { entry, init, ...rest } = from;
    const name = entry.name ?? from.fallback;
    if (this.list.some((other) => other.name === name))
      site.fault(`another value has the name \`${name}\``);
    const value = create(FrameValueSchema, { section: at.section, ...init });
    this.add(at, site, { ...rest, name, attribute: entry.attribute ?? name, value });
  }

  private onlyFor(
    type: string,
    members: readonly (
      "fields" | "map" | "pairs" | "keyLength" | "entries" | "tagType" | "members"
    )[],
    { field, site }: Placed,
  ): void {
    if (field.type === type) return;
    for (const member of members)
      if (field[member] !== undefined) site.field(member).fault(`is only for \`${type}\``);
  }

  private pathOf(path: string | undefined, site: Site): number[] {
    if (path === undefined) {
      site.field("path").fault("is required");
      return [1];
    }
    const parts = path.split(".").map(Number);
    const isSound = parts.every((part) => Number.isInteger(part) && part > 0 && part < 2 ** 29);
    if (!isSound || parts.length > MAX_PATH) {
      site
        .field("path")
        .fault(`must be at most ${MAX_PATH} field numbers such as \`1.2\`, not \`${path}\``);
      return [1];
    }
    return parts;
  }
}

function protobufTypeOf(type: string): number {
  if (type === "string" || type === "bytes") return ProtobufType.Text;
  if (type.startsWith("sint")) return ProtobufType.Zigzag;
  return type.startsWith("int") || type === "enum" ? ProtobufType.Signed : ProtobufType.Unsigned;
}
