// Reads the structs that the scripted Thrift peers write: strings and 32-bit integers.
import { readVarint, unzigzag } from "../envoy/support/thrift-compact.js";
import type { ThriftProtocol } from "../envoy/support/thrift-wire.js";

const BINARY_STRING = 11;
const BINARY_I32 = 8;
const COMPACT_STRING = 8;
const COMPACT_I32 = 5;

export interface ThriftStruct {
  /** Bytes, STOP included. */
  readonly length: number;
  /** By field id. */
  readonly fields: ReadonlyMap<number, string | number>;
}

/** @throws RangeError while the struct is not complete. */
export function readStruct(protocol: ThriftProtocol, bytes: Buffer): ThriftStruct {
  return protocol === "compact" ? readCompact(bytes) : readBinary(bytes);
}

function readBinary(bytes: Buffer): ThriftStruct {
  const fields = new Map<number, string | number>();
  let at = 0;
  for (;;) {
    const type = bytes.readUInt8(at);
    if (type === 0) return { length: at + 1, fields };
    const id = bytes.readInt16BE(at + 1);
    at += 3;
    if (type === BINARY_STRING) {
      const length = bytes.readUInt32BE(at);
      fields.set(id, textAt(bytes, at + 4, length));
      at += 4 + length;
    } else if (type === BINARY_I32) {
      fields.set(id, bytes.readInt32BE(at));
      at += 4;
    } else {
      throw new Error(`field of type ${String(type)}`);
    }
  }
}

function readCompact(bytes: Buffer): ThriftStruct {
  const fields = new Map<number, string | number>();
  let at = 0;
  let id = 0;
  for (;;) {
    const head = bytes.readUInt8(at++);
    if (head === 0) return { length: at, fields };
    if (head >> 4 === 0) {
      const long = readVarint(bytes, at);
      id = unzigzag(long.value);
      at = long.end;
    } else {
      id += head >> 4;
    }
    const number = readVarint(bytes, at);
    at = number.end;
    if ((head & 15) === COMPACT_STRING) {
      fields.set(id, textAt(bytes, at, number.value));
      at += number.value;
    } else if ((head & 15) === COMPACT_I32) {
      fields.set(id, unzigzag(number.value));
    } else {
      throw new Error(`field of type ${String(head & 15)}`);
    }
  }
}

function textAt(bytes: Buffer, at: number, length: number): string {
  if (at + length > bytes.length) throw new RangeError("the text is not complete");
  return bytes.toString("utf8", at, at + length);
}
