// CRC-32 as zlib, Ethernet and java.util.zip.CRC32 have it: polynomial 0x04c11db7 reflected, eight bytes at a time.
// Spec: RFC 1952, section 8; the tables are those of "slicing by eight".
// Allocates: never; 8 KiB of tables are filled when the module starts.

const POLYNOMIAL: u32 = 0xedb88320;
const SLICE_BYTES: usize = 256 * 4;

/** What a byte adds to the sum with 0 to 7 bytes behind it: eight tables of 256 words. */
const tables = memory.data(8 * 256 * 4, 4);

function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >> 1) ^ ((sum & 1) != 0 ? POLYNOMIAL : 0);
    store<u32>(tables + ((<usize>byte) << 2), sum);
  }
  for (let distance: usize = 1; distance < 8; distance++) {
    const before = tables + (distance - 1) * SLICE_BYTES;
    for (let byte: usize = 0; byte < 256; byte++) {
      const sum = load<u32>(before + (byte << 2));
      store<u32>(before + SLICE_BYTES + (byte << 2), (sum >> 8) ^ step(sum));
    }
  }
}

function step(sum: u32): u32 {
  return load<u32>(tables + ((<usize>(sum & 0xff)) << 2));
}

function term(index: usize, byte: u32): u32 {
  return load<u32>(tables + index * SLICE_BYTES + ((<usize>(byte & 0xff)) << 2));
}

fillTables();

/** The sum of `len` bytes at `ptr`. */
export function crc32(ptr: usize, len: u32): u32 {
  let sum: u32 = 0xffffffff;
  const end = ptr + len;
  while (end - ptr >= 8) {
    const low = load<u32>(ptr) ^ sum;
    const high = load<u32>(ptr, 4);
    sum =
      term(7, low) ^
      term(6, low >> 8) ^
      term(5, low >> 16) ^
      term(4, low >> 24) ^
      term(3, high) ^
      term(2, high >> 8) ^
      term(1, high >> 16) ^
      term(0, high >> 24);
    ptr += 8;
  }
  while (ptr < end) {
    sum = (sum >> 8) ^ step(sum ^ load<u8>(ptr));
    ptr++;
  }
  return ~sum;
}
