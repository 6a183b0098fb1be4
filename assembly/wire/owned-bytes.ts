// Bytes that outlive what they were read from.
// Allocates: each copy; cold paths only.

export function copyBytes(ptr: usize, len: u32): ArrayBuffer {
  const bytes = new ArrayBuffer(len);
  memory.copy(changetype<usize>(bytes), ptr, len);
  return bytes;
}
