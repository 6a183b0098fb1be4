// How bytes are cut into what single reads deliver.

import { seededRandom } from "./random.js";

/** Fixed sizes (the last one repeated), or sizes of 1 to max from a seed. */
export type Chunking =
  { readonly sizes: readonly number[] } | { readonly seed: number; readonly max: number };

/** Cuts bytes into reads. What it returns is not shared with the caller's bytes. */
export type Splitter = (bytes: Uint8Array) => Uint8Array[];

/** Without chunking each write is one read. */
export function newSplitter(chunking: Chunking | undefined): Splitter {
  if (chunking === undefined) return (bytes) => [bytes.slice()];
  if ("sizes" in chunking) return (bytes) => splitAt(bytes, chunking.sizes);
  const random = seededRandom(chunking.seed);
  return (bytes) => {
    const sizes: number[] = [];
    for (let sum = 0; sum < bytes.length;) {
      const size = 1 + Math.floor(random() * chunking.max);
      sizes.push(size);
      sum += size;
    }
    return splitAt(bytes, sizes);
  };
}

/**
 * Pieces of the given sizes, the last size repeated until nothing is left.
 * @throws RangeError when a size is below 1.
 */
export function splitAt(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)] ?? bytes.length;
    if (size < 1) throw new RangeError("a chunk has at least 1 byte");
    pieces.push(bytes.slice(at, at + size));
    at += size;
  }
  return pieces;
}
