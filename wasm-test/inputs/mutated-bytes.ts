// Bytes that are almost right: what a fuzz test feeds a decoder, next to plain noise.
import type { RandomSource } from "./random-source.js";

const INTERESTING = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b, 0x7d] as const;

function mutateOnce(random: RandomSource, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = random.below(Math.min(16, bytes.length - at) + 1);
  switch (random.below(6)) {
    case 0: {
      const copy = Uint8Array.from(bytes);
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    }
    case 1: {
      const copy = Uint8Array.from(bytes);
      if (at < copy.length) copy[at] = random.pick(INTERESTING);
      return copy;
    }
    case 2:
      return bytes.slice(0, at);
    case 3:
      return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + length));
    case 4:
      return Uint8Array.of(...bytes.subarray(0, at + length), ...bytes.subarray(at));
    default: {
      const noise = random.bytes(1 + random.below(8));
      return Uint8Array.of(...bytes.subarray(0, at), ...noise, ...bytes.subarray(at));
    }
  }
}

/** One to four small changes: a bit, a byte, a cut, a gap, a repetition, an insertion. */
export function mutate(random: RandomSource, seed: Uint8Array): Uint8Array {
  let bytes = seed;
  for (let left = 1 + random.below(4); left > 0; left--) bytes = mutateOnce(random, bytes);
  return bytes;
}
