// Apache's own library as the other side: it writes requests and reads what the codec wrote.
import {
  TBinaryProtocol,
  TBufferedTransport,
  TCompactProtocol,
  THeaderProtocol,
  Thrift,
  type TProtocol,
  type TTransport,
} from "thrift";

type TransportName = "framed" | "unframed" | "header";
type ProtocolName = "binary" | "lax_binary" | "compact";

/** A transport and a protocol, which two peers must have in common. */
export interface Dialect {
  readonly transport: TransportName;
  readonly protocol: ProtocolName;
}

/** The dialect of a number of `Message.dialect`; undefined: its payload is not read. */
export function dialectOf(number: number): Dialect | undefined {
  const transport = (["framed", "unframed", "header"] as const)[number >> 2];
  const protocol = (["binary", "lax_binary", "compact"] as const)[number & 3];
  return transport && protocol && { transport, protocol };
}

/** Everything the library can speak; it has no lax binary inside of THeader. */
export const DIALECTS: readonly Dialect[] = (["framed", "unframed", "header"] as const).flatMap(
  (transport) =>
    (["binary", "lax_binary", "compact"] as const)
      .filter((protocol) => transport !== "header" || protocol !== "lax_binary")
      .map((protocol) => ({ transport, protocol })),
);

/** The same with a name each, as tables of tests want them. */
export const NAMED_DIALECTS = DIALECTS.map(
  (dialect) => [`${dialect.transport} ${dialect.protocol}`, dialect] as const,
);

/** `Message.dialect` of each dialect. */
export function dialectNumber({ transport, protocol }: Dialect): number {
  return (
    { framed: 0, unframed: 4, header: 8 }[transport] +
    { binary: 0, lax_binary: 1, compact: 2 }[protocol]
  );
}

export const WireType = { Call: 1, Reply: 2, Exception: 3, Oneway: 4 } as const;
export type WireType = (typeof WireType)[keyof typeof WireType];

/** Types of values as the library has them, which are those of the binary protocol. */
export const ValueType = {
  Bool: 2,
  I8: 3,
  Double: 4,
  I16: 6,
  I32: 8,
  I64: 10,
  String: 11,
  Struct: 12,
  Map: 13,
  Set: 14,
  List: 15,
  Uuid: 16,
} as const;
export type ValueType = (typeof ValueType)[keyof typeof ValueType];

/** What a peer sends. */
export interface OutgoingMessage {
  readonly name: string;
  readonly type?: WireType;
  readonly seqid?: number;
  /** THeader's own sequence id; the library leaves it 0. */
  readonly headerSeqid?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Writes the fields of the struct, without its STOP; none by default. */
  readonly fields?: (protocol: TProtocol) => void;
}

/** What a peer understands of a frame. */
export interface IncomingMessage {
  readonly name: string;
  readonly type: number;
  readonly seqid: number;
  /** 0 but for THeader. */
  readonly headerSeqid: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Id and type of the struct's fields. */
  readonly fields: readonly { readonly id: number; readonly type: number }[];
}

/** An error reply as the library would throw it. */
export interface IncomingException {
  readonly name: string;
  readonly type: number;
  readonly seqid: number;
  readonly headerSeqid: number;
  readonly exceptionType: number;
  readonly text: string;
}

function protocolOver(transport: TTransport, { transport: name, protocol }: Dialect): TProtocol {
  if (name === "header") {
    transport.setProtocolId(protocol === "compact" ? 2 : 0);
    return new THeaderProtocol(transport);
  }
  if (protocol === "compact") return new TCompactProtocol(transport);
  // A lax client reads both, a strict one refuses lax replies.
  return new TBinaryProtocol(transport, protocol === "binary", protocol === "binary");
}

/** The frame that the library sends for `message`. */
export function writeMessage(dialect: Dialect, message: OutgoingMessage): Uint8Array {
  let sent = Buffer.alloc(0);
  const transport = new TBufferedTransport(undefined, (bytes) => {
    sent = Buffer.concat([sent, bytes]);
  });
  for (const [key, value] of Object.entries(message.headers ?? {})) {
    transport.setWriteHeader(key, value);
  }
  transport.setSeqId(message.headerSeqid ?? 0);
  const protocol = protocolOver(transport, dialect);
  protocol.writeMessageBegin(message.name, message.type ?? WireType.Call, message.seqid ?? 0);
  protocol.writeStructBegin("args");
  message.fields?.(protocol);
  protocol.writeFieldStop();
  protocol.writeStructEnd();
  protocol.writeMessageEnd();
  protocol.flush();
  return new Uint8Array(dialect.transport === "framed" ? framed(sent) : sent);
}

/** `message` behind the length field of the framed transport. */
export function framed(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return new Uint8Array(Buffer.concat([length, message]));
}

/** The length that a frame says it has behind its length field. */
export function readFrameLength(frame: Uint8Array): number {
  return Buffer.from(frame).readUInt32BE();
}

function readBegin<Body>(
  dialect: Dialect,
  frame: Uint8Array,
  readBody: (protocol: TProtocol) => Body,
): Omit<IncomingMessage, "fields"> & { readonly body: Body } {
  const isFramed = dialect.transport === "framed";
  const bytes = Buffer.from(frame.subarray(isFramed ? 4 : 0));
  if (dialect.transport !== "unframed" && readFrameLength(frame) !== frame.length - 4) {
    throw new Error("the length field does not fit the frame");
  }
  const transport = new TBufferedTransport(undefined, () => undefined);
  transport.inBuf = bytes;
  transport.writeCursor = bytes.length;
  const protocol = protocolOver(transport, dialect);
  const begin = protocol.readMessageBegin();
  const body = readBody(protocol);
  protocol.readMessageEnd();
  if (transport.readCursor !== bytes.length) throw new Error("bytes are left over");
  return {
    name: begin.fname.toString(),
    type: begin.mtype,
    // The compact protocol's comes without its sign.
    seqid: begin.rseqid | 0,
    headerSeqid: transport.getSeqId(),
    headers: { ...transport.getReadHeaders() },
    body,
  };
}

/** What the library finds at the head of the bytes, and how long the message there is. */
export interface ReadHead {
  /** The name as the library has it: bytes that are no text are replaced. */
  readonly name: string;
  readonly type: number;
  readonly seqid: number;
  /** Bytes up to the end of the struct, or why the library cannot read that. */
  readonly end: number | string;
}

/** Reads a message at the head of the bytes; throws when there is none. */
export function readHead(dialect: Dialect, bytes: Uint8Array): ReadHead {
  const start = dialect.transport === "framed" ? 4 : 0;
  const transport = new TBufferedTransport(undefined, () => undefined);
  transport.inBuf = Buffer.from(bytes.subarray(start));
  transport.writeCursor = transport.inBuf.length;
  const protocol = protocolOver(transport, dialect);
  const { fname, mtype, rseqid } = protocol.readMessageBegin();
  let end: number | string;
  try {
    protocol.skip(ValueType.Struct);
    end = start + transport.readCursor;
  } catch (error) {
    end = error instanceof Error ? error.message : String(error);
  }
  return { name: fname.toString(), type: mtype, seqid: rseqid | 0, end };
}

/** Reads a whole frame as the library does; throws when it is not one message to the last byte. */
export function readMessage(dialect: Dialect, frame: Uint8Array): IncomingMessage {
  const { body, ...begin } = readBegin(dialect, frame, (protocol) => {
    const fields: { id: number; type: number }[] = [];
    protocol.readStructBegin();
    for (;;) {
      const { ftype, fid } = protocol.readFieldBegin();
      if (ftype === 0) break;
      fields.push({ id: fid, type: ftype });
      protocol.skip(ftype);
      protocol.readFieldEnd();
    }
    protocol.readStructEnd();
    return fields;
  });
  return { ...begin, fields: body };
}

/** Reads an error reply as the generated client code does. */
export function readException(dialect: Dialect, frame: Uint8Array): IncomingException {
  const { body, name, type, seqid, headerSeqid } = readBegin(dialect, frame, (protocol) => {
    const exception = new Thrift.TApplicationException("");
    exception.read(protocol);
    return exception;
  });
  const { type: exceptionType, message: text } = body;
  return { name, type, seqid, headerSeqid, exceptionType, text };
}
