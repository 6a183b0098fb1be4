// Tells whether a resource is the one that is in force already. Not for adversaries: what is compared
// comes from one control plane.
// Allocates: never.

/** A 64-bit hash of `len` bytes. */
export function contentHash(ptr: usize, len: u32): u64 {
  let low: u64 = 0x9e3779b97f4a7c15 ^ (<u64>len);
  let high: u64 = 0xc2b2ae3d27d4eb4f;
  let rest = len;
  while (rest >= 8) {
    low = mix(low, load<u64>(ptr));
    high = rotl<u64>(high ^ low, 29) * 0x165667b19e3779f9;
    ptr += 8;
    rest -= 8;
  }
  while (rest > 0) {
    low = mix(low, <u64>load<u8>(ptr) + 1);
    ptr++;
    rest--;
  }
  return mix(low, high);
}

function mix(hash: u64, word: u64): u64 {
  const product = (hash ^ word) * 0xff51afd7ed558ccd;
  return product ^ (product >> 32);
}
