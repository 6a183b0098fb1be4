// Thrift messages byte by byte, for tests that a well-behaved library cannot write.
// Source: Apache Thrift, doc/specs/thrift-binary-protocol.md, thrift-compact-protocol.md, HeaderFormat.md
import { compactBytes, readVarint, varint, zigzag } from "./thrift-compact.js";

export type ThriftTransport = "framed" | "buffered" | "header";
export type ThriftProtocol = "binary" | "binary-lax" | "compact";

export const MessageType = { Call: 1, Reply: 2, Exception: 3, Oneway: 4 } as const;

/** Type of a TApplicationException. */
export const ExceptionType = {
  Unknown: 0,
  UnknownMethod: 1,
  InvalidMessageType: 2,
  WrongMethodName: 3,
  BadSequenceId: 4,
  MissingResult: 5,
  InternalError: 6,
  ProtocolError: 7,
} as const;

const HEADER_MAGIC = 0x0fff;
const INFO_KEY_VALUE = 1;

/** How a message is wrapped. */
export interface ThriftWire {
  readonly transport: ThriftTransport;
  readonly protocol: ThriftProtocol;
}

/** What libraries do unless they are told otherwise. */
export const FRAMED = { transport: "framed", protocol: "binary" } as const satisfies ThriftWire;

/** Every way to wrap a message that clients use. */
export const WIRES = [
  FRAMED,
  { transport: "framed", protocol: "binary-lax" },
  { transport: "framed", protocol: "compact" },
  { transport: "buffered", protocol: "binary" },
  { transport: "buffered", protocol: "binary-lax" },
  { transport: "buffered", protocol: "compact" },
  { transport: "header", protocol: "binary" },
  { transport: "header", protocol: "compact" },
] as const satisfies readonly ThriftWire[];

/** Those that every official library can be told to use. */
export const STRICT_WIRES = WIRES.filter(({ protocol }) => protocol !== "binary-lax");

/** A message; `body` is the encoded struct, STOP included. */
export interface ThriftMessage {
  readonly type: number;
  readonly name: string;
  readonly seqid: number;
  readonly body: Buffer;
  /** Key-values of THeader; empty for the other transports. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A struct with one string in field `id`; id 0 is the success value of a result. */
export function stringStruct(protocol: ThriftProtocol, id: number, text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (protocol === "compact") {
    // The short form of a field header holds the distance from field 0, which 0 itself does not have.
    const field = id > 0 && id <= 15 ? [(id << 4) | 8] : [8, ...varint(zigzag(id))];
    return Buffer.concat([Buffer.from(field), compactBytes(bytes), Buffer.from([0])]);
  }
  const head = Buffer.alloc(7);
  head[0] = 11;
  head.writeInt16BE(id, 1);
  head.writeUInt32BE(bytes.length, 3);
  return Buffer.concat([head, bytes, Buffer.from([0])]);
}

/** The struct of a TApplicationException: 1 message, 2 type. */
export function exceptionStruct(protocol: ThriftProtocol, message: string, type: number): Buffer {
  const text = stringStruct(protocol, 1, message).subarray(0, -1);
  if (protocol === "compact") {
    return Buffer.concat([text, Buffer.from([0x15, ...varint(zigzag(type)), 0])]);
  }
  const field = Buffer.alloc(8);
  field[0] = 8;
  field.writeInt16BE(2, 1);
  field.writeInt32BE(type, 3);
  return Buffer.concat([text, field]);
}

/** The bytes of `message` on the wire. */
export function thriftFrame(wire: ThriftWire, message: ThriftMessage): Buffer {
  const payload = encodeMessage(wire.protocol, message);
  if (wire.transport === "buffered") return payload;
  const content =
    wire.transport === "framed" ? payload : withHeader(wire.protocol, message, payload);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}

function encodeMessage(protocol: ThriftProtocol, message: ThriftMessage): Buffer {
  const name = Buffer.from(message.name, "utf8");
  if (protocol === "compact") {
    const head = [0x82, (message.type << 5) | 1, ...varint(message.seqid >>> 0)];
    return Buffer.concat([Buffer.from(head), compactBytes(name), message.body]);
  }
  const seqid = Buffer.alloc(4);
  seqid.writeInt32BE(message.seqid | 0);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return protocol === "binary"
    ? Buffer.concat([Buffer.from([0x80, 1, 0, message.type]), length, name, seqid, message.body])
    : Buffer.concat([length, name, Buffer.from([message.type]), seqid, message.body]);
}

function withHeader(protocol: ThriftProtocol, message: ThriftMessage, payload: Buffer): Buffer {
  const entries = Object.entries(message.headers ?? {});
  const info = [protocol === "compact" ? 2 : 0, 0];
  if (entries.length > 0) info.push(INFO_KEY_VALUE, ...varint(entries.length));
  const pairs = entries.flat().map((text) => compactBytes(Buffer.from(text, "utf8")));
  const unpadded = Buffer.concat([Buffer.from(info), ...pairs]);
  const header = Buffer.alloc(Math.ceil(unpadded.length / 4) * 4);
  unpadded.copy(header);
  const head = Buffer.alloc(10);
  head.writeUInt16BE(HEADER_MAGIC, 0);
  head.writeInt32BE(message.seqid | 0, 4);
  head.writeUInt16BE(header.length / 4, 8);
  return Buffer.concat([head, header, payload]);
}

/** Length in bytes of a framed or THeader frame at the front of `bytes`, with its length field. */
export function thriftFrameLength(bytes: Buffer): number | undefined {
  return bytes.length < 4 ? undefined : 4 + bytes.readUInt32BE(0);
}

/**
 * Reads one whole message. For "buffered" `bytes` must end with the message, because only its struct
 * tells where it ends.
 */
export function parseThriftFrame(wire: ThriftWire, bytes: Buffer): ThriftMessage {
  if (wire.transport === "buffered") return parseMessage(wire.protocol, bytes, {});
  if (thriftFrameLength(bytes) !== bytes.length) throw new Error("not exactly one frame");
  if (wire.transport === "framed") return parseMessage(wire.protocol, bytes.subarray(4), {});
  if (bytes.readUInt16BE(4) !== HEADER_MAGIC) throw new Error("no THeader magic");
  const end = 14 + 4 * bytes.readUInt16BE(12);
  const message = parseMessage(
    wire.protocol,
    bytes.subarray(end),
    parseInfo(bytes.subarray(14, end)),
  );
  if (bytes.readInt32BE(8) !== message.seqid) throw new Error("seqid differs from the header's");
  return message;
}

function parseMessage(
  protocol: ThriftProtocol,
  bytes: Buffer,
  headers: Record<string, string>,
): ThriftMessage {
  if (protocol === "compact") {
    if (bytes[0] !== 0x82) throw new Error(`not compact: ${bytes.toString("hex")}`);
    const seqid = readVarint(bytes, 2);
    const length = readVarint(bytes, seqid.end);
    const end = length.end + length.value;
    const name = bytes.toString("utf8", length.end, end);
    const type = bytes.readUInt8(1) >> 5;
    return { type, name, seqid: seqid.value | 0, body: bytes.subarray(end), headers };
  }
  const isStrict = (bytes.readUInt8(0) & 0x80) !== 0;
  if (isStrict !== (protocol === "binary"))
    throw new Error(`not ${protocol}: ${bytes.toString("hex")}`);
  const start = isStrict ? 8 : 4;
  const end = start + bytes.readUInt32BE(start - 4);
  const name = bytes.toString("utf8", start, end);
  const type = bytes.readUInt8(isStrict ? 3 : end);
  const at = isStrict ? end : end + 1;
  return { type, name, seqid: bytes.readInt32BE(at), body: bytes.subarray(at + 4), headers };
}

function parseInfo(info: Buffer): Record<string, string> {
  const headers: Record<string, string> = {};
  let at = readVarint(info, 0).end;
  const transforms = readVarint(info, at);
  at = transforms.end;
  for (let i = 0; i < transforms.value; i++) at = readVarint(info, at).end;
  while (at < info.length && info[at] === INFO_KEY_VALUE) {
    const count = readVarint(info, at + 1);
    at = count.end;
    for (let i = 0; i < count.value; i++) {
      const key = readVarint(info, at);
      const value = readVarint(info, key.end + key.value);
      at = value.end + value.value;
      const name = info.toString("utf8", key.end, key.end + key.value);
      headers[name] = info.toString("utf8", value.end, at);
    }
  }
  return headers;
}
