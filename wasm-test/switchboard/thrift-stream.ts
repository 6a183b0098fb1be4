// Cuts a stream of bytes into Thrift messages, unframed ones included.
import {
  parseThriftFrame,
  thriftFrameLength,
  type ThriftMessage,
  type ThriftWire,
} from "../envoy/support/thrift-wire.js";
import { MessageReader } from "./message-reader.js";
import { readStruct } from "./thrift-struct.js";

export class ThriftReader extends MessageReader<ThriftMessage> {
  constructor(readonly wire: ThriftWire) {
    super(
      (bytes) => messageLength(wire, bytes),
      (bytes) => parseThriftFrame(wire, bytes),
    );
  }
}

/** The wire of a connection that begins with these bytes, a whole message head. */
export function detectWire(bytes: Buffer): ThriftWire {
  const first = bytes.readUInt8(0);
  if (first === 0x82) return { transport: "buffered", protocol: "compact" };
  if (first === 0x80) return { transport: "buffered", protocol: "binary" };
  if (bytes.readUInt16BE(4) === 0x0fff) {
    const payload = bytes.readUInt8(14 + 4 * bytes.readUInt16BE(12));
    return { transport: "header", protocol: payload === 0x82 ? "compact" : "binary" };
  }
  const fifth = bytes.readUInt8(4);
  if (fifth === 0x82) return { transport: "framed", protocol: "compact" };
  if (fifth === 0x80) return { transport: "framed", protocol: "binary" };
  // The length of a name begins with a zero, a name with a letter.
  return { transport: fifth === 0 ? "framed" : "buffered", protocol: "binary-lax" };
}

/** Of the message at the front of `bytes`, or undefined while that cannot be told. */
function messageLength(wire: ThriftWire, bytes: Buffer): number | undefined {
  if (bytes.length === 0) return undefined;
  if (wire.transport !== "buffered") return thriftFrameLength(bytes);
  try {
    const { body } = parseThriftFrame(wire, bytes);
    return bytes.length - body.length + readStruct(wire.protocol, body).length;
  } catch (error) {
    // Some read went beyond the end: the message is not complete.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
