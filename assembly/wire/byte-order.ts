// Big-endian (network order) reads and writes at unaligned addresses.
// Allocates: never.

export function loadU16Be(ptr: usize): u32 {
  return <u32>bswap<u16>(load<u16>(ptr));
}

export function loadU32Be(ptr: usize): u32 {
  return bswap<u32>(load<u32>(ptr));
}

export function loadU64Be(ptr: usize): u64 {
  return bswap<u64>(load<u64>(ptr));
}

export function storeU16Be(ptr: usize, value: u32): void {
  store<u16>(ptr, bswap<u16>(<u16>value));
}

export function storeU32Be(ptr: usize, value: u32): void {
  store<u32>(ptr, bswap<u32>(value));
}

export function storeU64Be(ptr: usize, value: u64): void {
  store<u64>(ptr, bswap<u64>(value));
}
