// The two protobuf fields that the host's own interfaces need: bytes and unsigned integers.
// Spec: https://protobuf.dev/programming-guides/encoding/
// Allocates: never. The caller provides room: see the `encoded...Len` functions.

const WIRE_VARINT: u32 = 0;
const WIRE_BYTES: u32 = 2;

/** Bytes of a varint: 1 to 5. */
export function varintLen(value: u32): u32 {
  return value == 0 ? 1 : (38 - <u32>clz<u32>(value)) / 7;
}

/** Writes a varint at `ptr`; returns the address after it. */
export function encodeVarint(ptr: usize, value: u32): usize {
  while (value > 0x7f) {
    store<u8>(ptr++, <u8>(value | 0x80));
    value >>= 7;
  }
  store<u8>(ptr++, <u8>value);
  return ptr;
}

/** Bytes of a length-delimited field with `len` bytes of content, for field numbers up to 15. */
export function encodedBytesFieldLen(len: u32): u32 {
  return 1 + varintLen(len) + len;
}

/** Writes a length-delimited field (number up to 15) at `ptr`; returns the address after it. */
export function encodeBytesField(ptr: usize, field: u32, valuePtr: usize, valueLen: u32): usize {
  store<u8>(ptr, <u8>((field << 3) | WIRE_BYTES));
  const content = encodeVarint(ptr + 1, valueLen);
  memory.copy(content, valuePtr, <usize>valueLen);
  return content + <usize>valueLen;
}

/** Writes a varint field (number up to 15) at `ptr`; returns the address after it. */
export function encodeVarintField(ptr: usize, field: u32, value: u32): usize {
  store<u8>(ptr, <u8>((field << 3) | WIRE_VARINT));
  return encodeVarint(ptr + 1, value);
}
