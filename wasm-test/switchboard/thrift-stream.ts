// Cuts a stream of bytes into Thrift messages, unframed ones included.
import {
  parseThriftFrame,
  thriftFrameLength,
  type ThriftMessage,
  type ThriftWire,
} from "../envoy/support/thrift-wire.js";
import { readStruct } from "./thrift-struct.js";

export class ThriftReader {
  #pieces: Buffer[] = [];
  #length = 0;
  /** Bytes with which a message may be complete. */
  #wanted = 1;

  constructor(readonly wire: ThriftWire) {}

  /** The messages that these bytes complete. @throws Error on bytes that are not of this wire. */
  push(bytes: Uint8Array): ThriftMessage[] {
    this.#pieces.push(Buffer.from(bytes));
    this.#length += bytes.length;
    const messages: ThriftMessage[] = [];
    if (this.#length < this.#wanted) return messages;
    let rest = Buffer.concat(this.#pieces);
    for (;;) {
      const length = messageLength(this.wire, rest);
      if (length === undefined || rest.length < length) {
        this.#keep(rest, length ?? rest.length + 1);
        return messages;
      }
      messages.push(parseThriftFrame(this.wire, rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
  }

  get pendingBytes(): number {
    return this.#length;
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#pieces = [rest];
    this.#length = rest.length;
    this.#wanted = wanted;
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
