// Building and reading TARS packets without the codec under test.
import { type HexFixture, readHexFixtures } from "../harness/hex-fixture.js";

const captures = readHexFixtures(new URL("captures/", import.meta.url));

/** A captured frame; throws when there is none of that name. */
export function capture(name: string): Uint8Array {
  const fixture = captures.get(name);
  if (!fixture) throw new Error(`there is no capture ${name}`);
  return fixture.bytes;
}

/** All captures that hold their whole frame. */
export function wholeCaptures(): readonly HexFixture[] {
  return [...captures.values()].filter((fixture) => !fixture.truncated);
}

/** A map is one from texts to texts; bytes are written as they are, head and all. */
export type Value = number | string | ReadonlyMap<string, string> | Uint8Array;

function head(tag: number, type: number): Buffer {
  return tag < 15 ? Buffer.from([(tag << 4) | type]) : Buffer.from([0xf0 | type, tag]);
}

function writeNumber(tag: number, value: number): Buffer {
  if (value === 0) return head(tag, 12);
  const width = value === (value << 24) >> 24 ? 1 : value === (value << 16) >> 16 ? 2 : 4;
  const bytes = Buffer.alloc(width);
  bytes.writeIntBE(value, 0, width);
  return Buffer.concat([head(tag, width === 4 ? 2 : width - 1), bytes]);
}

function writeText(tag: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(bytes.length < 256 ? 1 : 4);
  length.writeUIntBE(bytes.length, 0, length.length);
  return Buffer.concat([head(tag, length.length === 1 ? 6 : 7), length, bytes]);
}

/** A field, numbers in as many bytes as they need. */
export function field(tag: number, value: Value): Buffer {
  if (typeof value === "number") return writeNumber(tag, value);
  if (typeof value === "string") return writeText(tag, value);
  if (value instanceof Uint8Array) return Buffer.from(value);
  const pairs = [...value].map(([key, text]) =>
    Buffer.concat([writeText(0, key), writeText(1, text)]),
  );
  return Buffer.concat([head(tag, 8), writeNumber(0, value.size), ...pairs]);
}

/** Bytes as a simple list. */
export function bytesField(tag: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([head(tag, 13), head(0, 0), writeNumber(0, bytes.length), bytes]);
}

/** A frame of these fields, in this order. */
export function frame(...fields: readonly (readonly [number, Value])[]): Uint8Array {
  const body = Buffer.concat(fields.map(([tag, value]) => field(tag, value)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(4 + body.length);
  return new Uint8Array(Buffer.concat([length, body]));
}

export interface RequestParts {
  readonly version?: number;
  readonly packetType?: number;
  readonly id?: number;
  readonly servant?: string;
  readonly func?: string;
  readonly timeoutMs?: number;
  readonly context?: Record<string, string>;
  readonly status?: Record<string, string>;
}

export function requestFrame(parts: RequestParts): Uint8Array {
  const { version = 1, packetType = 0, id = 7, servant = "A.S.Obj", func = "f" } = parts;
  return frame(
    [1, version],
    [2, packetType],
    [3, 0],
    [4, id],
    [5, servant],
    [6, func],
    [7, bytesField(7, Buffer.from("args"))],
    [8, parts.timeoutMs ?? 1000],
    [9, new Map(Object.entries(parts.context ?? {}))],
    [10, new Map(Object.entries(parts.status ?? {}))],
  );
}

/** What a field holds: bytes of a simple list, a map of texts, a text, a number. */
export type ReadValue = number | string | Record<string, string> | Uint8Array;

class FieldReader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  take(count: number): Buffer {
    if (this.at + count > this.bytes.length) throw new Error("a value that ends too early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  next(): readonly [number, ReadValue] {
    const byte = this.take(1).readUInt8();
    const tag = byte >> 4 === 15 ? this.take(1).readUInt8() : byte >> 4;
    return [tag, this.value(byte & 15)];
  }

  private value(type: number): ReadValue {
    switch (type) {
      case 0:
        return this.take(1).readInt8();
      case 1:
        return this.take(2).readInt16BE();
      case 2:
        return this.take(4).readInt32BE();
      case 6:
        return this.take(this.take(1).readUInt8()).toString();
      case 7:
        return this.take(this.take(4).readUInt32BE()).toString();
      case 8:
        return this.map(this.number());
      case 12:
        return 0;
      case 13:
        if (this.take(1).readUInt8() !== 0) throw new Error("a simple list of something else");
        return new Uint8Array(this.take(this.number()));
      default:
        throw new Error(`a value of type ${String(type)}`);
    }
  }

  private number(): number {
    const [tag, value] = this.next();
    if (tag !== 0 || typeof value !== "number") throw new Error("no size");
    return value;
  }

  private text(tag: number): string {
    const [found, value] = this.next();
    if (found !== tag || typeof value !== "string") throw new Error("no text");
    return value;
  }

  private map(size: number): Record<string, string> {
    const entries = Array.from({ length: size }, () => [this.text(0), this.text(1)] as const);
    return Object.fromEntries(entries);
  }
}

/** The fields of a frame by their tags; throws unless the length is right and tags ascend. */
export function readFrame(bytes: Uint8Array): Map<number, ReadValue> {
  const buffer = Buffer.from(bytes);
  if (buffer.readUInt32BE(0) !== buffer.length) throw new Error("another length than it says");
  const reader = new FieldReader(buffer.subarray(4));
  const fields = new Map<number, ReadValue>();
  let last = 0;
  while (!reader.isAtEnd) {
    const [tag, value] = reader.next();
    if (tag <= last) throw new Error("tags that do not ascend");
    last = tag;
    fields.set(tag, value);
  }
  return fields;
}
