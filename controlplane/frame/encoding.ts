// Numbers as tables have them: see `encoding` in proto/metaproto/v1/frame.proto.
import type { ByteOrder, NumberType } from "../api/frame/numbers.js";

export const VARINT = 15;
const LITTLE_ENDIAN = 0x10;
const SIGNED = 0x20;
const WIDTH = 0x0f;

export function encodingOf(type: NumberType, order: ByteOrder): number {
  if (type === "varint") return VARINT;
  const width = Number(type.slice(1)) / 8;
  const isLittle = order === "LITTLE_ENDIAN" && width > 1;
  return width | (isLittle ? LITTLE_ENDIAN : 0) | (type.startsWith("i") ? SIGNED : 0);
}

/** Of the value of an entry, which says its width itself. */
export function entryEncoding(isSigned: boolean, order: ByteOrder): number {
  return 8 | (order === "LITTLE_ENDIAN" ? LITTLE_ENDIAN : 0) | (isSigned ? SIGNED : 0);
}

export function isVarint(encoding: number): boolean {
  return (encoding & WIDTH) === VARINT;
}

/** Bytes of a number that is no varint. */
export function widthOf(encoding: number): number {
  return encoding & WIDTH;
}

export function withoutSign(encoding: number): number {
  return encoding & ~SIGNED;
}

export function isSigned(encoding: number): boolean {
  return (encoding & SIGNED) !== 0;
}

/** Undefined: it does not fit. */
export function numberBytes(value: bigint, encoding: number): Uint8Array | undefined {
  const width = widthOf(encoding);
  const bits = BigInt(width * 8);
  const least = -(1n << (bits - 1n));
  if (value >= 1n << bits || value < least) return undefined;
  const bytes = Uint8Array.from({ length: width }, (_, index) =>
    Number((value >> BigInt(8 * (width - 1 - index))) & 0xffn),
  );
  return (encoding & LITTLE_ENDIAN) === 0 ? bytes : bytes.reverse();
}

/** Protobuf's. */
export function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    bytes.push(Number((rest & 0x7fn) | 0x80n));
    rest >>= 7n;
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}
