// Integers and byte strings of Thrift's compact protocol, which THeader uses as well.

/** Unsigned LEB128 of a value below 2^32. */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** Maps small negative and positive i32 values to small unsigned ones. */
export function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

/** Length as varint, then the bytes. */
export function compactBytes(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(varint(bytes.length)), bytes]);
}

/** Reads an unsigned LEB128; `end` is the offset behind it. @throws RangeError when the bytes end before. */
export function readVarint(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes.readUInt8(at++);
    value = (value | ((byte & 0x7f) << shift)) >>> 0;
    if (byte < 0x80) return { value, end: at };
  }
}

export function unzigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}
