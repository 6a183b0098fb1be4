// AssemblyScript: the protobuf writer as flat wasm exports.

import { ProtobufWriter, varintBytes } from "../../assembly/wire/protobuf";

const writer = new ProtobufWriter();

export function allocate(bytes: u32): usize {
  return heap.alloc(bytes);
}

/**
 * Writes a message into `capacity` bytes at `out`: field 1 is `number`, field 2 a message within a
 * message around the `len` bytes at `ptr`, field 3 is `number` again. Returns its length, or -1.
 */
export function write(out: usize, capacity: u32, number: u64, ptr: usize, len: u32): i32 {
  writer.reset(out, capacity);
  writer.writeVarint(1, number);
  const outer = writer.openMessage(2);
  const inner = writer.openMessage(15);
  writer.writeBytes(1, ptr, len);
  writer.closeMessage(inner);
  writer.writeVarint(16, number);
  writer.closeMessage(outer);
  writer.writeVarint(3, number);
  return writer.isOverflown ? -1 : <i32>writer.len;
}

export function bytesOfVarint(value: u64): u32 {
  return varintBytes(value);
}
