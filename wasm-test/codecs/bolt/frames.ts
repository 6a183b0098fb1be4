// Building and reading Bolt frames without the codec under test; checksums by Node's zlib.
import { crc32 } from "node:zlib";
import { type HexFixture, readHexFixtures } from "../harness/hex-fixture.js";

export const CommandType = { Response: 0, Request: 1, Oneway: 2 } as const;
export type CommandType = (typeof CommandType)[keyof typeof CommandType];

export const Command = { Heartbeat: 0, Request: 1, Response: 2 } as const;
export type Command = (typeof Command)[keyof typeof Command];

export const SOFA_REQUEST = "com.alipay.sofa.rpc.core.request.SofaRequest";
export const SOFA_RESPONSE = "com.alipay.sofa.rpc.core.response.SofaResponse";

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

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** null: written with a length of -1. */
export type Pair = readonly [string | null, string | null];

function text(value: string | null): Buffer {
  const bytes = Buffer.from(value ?? "");
  const length = Buffer.alloc(4);
  length.writeInt32BE(value === null ? -1 : bytes.length);
  return Buffer.concat([length, bytes]);
}

export function headerBlock(...pairs: readonly Pair[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pairs.flat().map(text)));
}

export interface FrameParts {
  /** 1, 2, or 2 with a version of its own that may have checksums. */
  readonly protocol?: "1" | "2" | "2.2";
  readonly type?: CommandType;
  readonly command?: Command;
  readonly id?: number;
  readonly codec?: number;
  /** Only with protocol 2: bit 0 asks for a checksum. */
  readonly switches?: number;
  /** In milliseconds; of a response the status. */
  readonly variant?: number;
  readonly className?: string;
  readonly header?: Uint8Array;
  readonly content?: Uint8Array;
}

export function buildFrame(parts: FrameParts): Uint8Array {
  const { protocol = "1", type = CommandType.Request, className = "", switches = 0 } = parts;
  const { header = new Uint8Array(0), content = new Uint8Array(0) } = parts;
  const start = { "1": [1], "2": [2, 1], "2.2": [2, 2] }[protocol];
  const lengths = Buffer.alloc(8);
  lengths.writeUInt16BE(Buffer.byteLength(className));
  lengths.writeUInt16BE(header.length, 2);
  lengths.writeUInt32BE(content.length, 4);
  const frame = concat(
    ...[new Uint8Array(start), headFields(parts, type)],
    new Uint8Array(protocol === "1" ? [] : [switches]),
    ...[variantField(parts, type), lengths, Buffer.from(className), header, content],
  );
  return protocol === "2.2" && (switches & 1) === 1 ? withChecksum(frame) : frame;
}

/** From the type to the codec. */
function headFields(parts: FrameParts, type: CommandType): Buffer {
  const usual = type === CommandType.Response ? Command.Response : Command.Request;
  const { command = usual, id = 7, codec = 1 } = parts;
  const bytes = Buffer.of(type, 0, command, 1, 0, 0, 0, 0, codec);
  bytes.writeUInt32BE(id, 4);
  return bytes;
}

function variantField({ variant }: FrameParts, type: CommandType): Buffer {
  const bytes = Buffer.alloc(type === CommandType.Response ? 2 : 4);
  if (type === CommandType.Response) bytes.writeUInt16BE(variant ?? 0);
  else bytes.writeInt32BE(variant ?? 3000);
  return bytes;
}

function withChecksum(frame: Uint8Array): Uint8Array {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(frame));
  return concat(frame, sum);
}

/** A captured frame of version 1 as version 2 has it, with a checksum of its own if `withSum`. */
export function asVersion2(bytes: Uint8Array, withSum: boolean): Uint8Array {
  const [type, ...rest] = bytes.subarray(1);
  const start = rest.slice(0, 8);
  const end = rest.slice(8);
  const frame = new Uint8Array([2, withSum ? 2 : 1, type ?? 0, ...start, withSum ? 1 : 0, ...end]);
  return withSum ? withChecksum(frame) : frame;
}

export interface ReadFrame {
  readonly protocol: number;
  readonly version: number;
  readonly type: number;
  readonly command: number;
  readonly id: number;
  readonly codec: number;
  readonly switches: number;
  readonly timeout: number;
  readonly status: number;
  readonly className: string;
  readonly header: readonly Pair[];
  readonly content: Uint8Array;
}

/** Throws unless the lengths are those of the frame, and the checksum is right. */
export function readFrame(frame: Uint8Array): ReadFrame {
  const bytes = Buffer.from(frame);
  const protocol = bytes.readUInt8(0);
  const shift = protocol - 1;
  const version = shift === 0 ? 0 : bytes.readUInt8(1);
  const type = bytes.readUInt8(1 + shift);
  const isResponse = type === CommandType.Response;
  const switches = shift === 0 ? 0 : bytes.readUInt8(11);
  let at = shift === 0 ? 10 : 12;
  const timeout = isResponse ? 0 : bytes.readInt32BE(at);
  const status = isResponse ? bytes.readUInt16BE(at) : 0;
  at += isResponse ? 2 : 4;
  const classAt = at + 8;
  const headerAt = classAt + bytes.readUInt16BE(at);
  const contentAt = headerAt + bytes.readUInt16BE(at + 2);
  const end = contentAt + bytes.readUInt32BE(at + 4);
  const hasSum = version === 2 && (switches & 1) === 1;
  if (end + (hasSum ? 4 : 0) !== bytes.length) throw new Error("another length than the head says");
  if (hasSum && bytes.readUInt32BE(end) !== crc32(bytes.subarray(0, end))) {
    throw new Error("a wrong checksum");
  }
  return {
    ...{ protocol, version, type, switches, timeout, status },
    command: bytes.readUInt16BE(2 + shift),
    id: bytes.readUInt32BE(5 + shift),
    codec: bytes.readUInt8(9 + shift),
    className: bytes.toString("utf8", classAt, headerAt),
    header: readPairs(bytes.subarray(headerAt, contentAt)),
    content: new Uint8Array(bytes.subarray(contentAt, end)),
  };
}

function readPairs(bytes: Buffer): Pair[] {
  const texts: (string | null)[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length > bytes.length - at) throw new Error("a header block that ends too early");
    texts.push(length < 0 ? null : bytes.toString("utf8", at, at + length));
    at += Math.max(length, 0);
  }
  const pairs: Pair[] = [];
  for (let at = 0; at < texts.length; at += 2)
    pairs.push([texts[at] ?? null, texts[at + 1] ?? null]);
  return pairs;
}

/** As the receiver's map: the last of equal keys counts. */
export function headerOf(frame: Uint8Array): Record<string, string> {
  const pairs = readFrame(frame).header.filter(([key, value]) => key !== null && value !== null);
  return Object.fromEntries(pairs) as Record<string, string>;
}
