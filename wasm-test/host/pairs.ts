// Header pairs as the ABI moves them through memory, and a header map with Envoy's rules.
//
//   bytes 0..3          number of pairs, u32 little-endian
//   then, per pair      name length u32, value length u32
//   then, per pair      name, NUL, value, NUL

export type HeaderPair = readonly [name: string, value: string];

/** The C++ host reads nothing from a larger or longer list (limits.h). */
const MAX_BYTES = 1024 * 1024;
const MAX_PAIRS = 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodePairs(pairs: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array {
  let size = 4;
  for (const [name, value] of pairs) size += 8 + name.length + 1 + value.length + 1;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pairs.length, true);
  let sizesAt = 4;
  let dataAt = 4 + 8 * pairs.length;
  for (const [name, value] of pairs) {
    view.setUint32(sizesAt, name.length, true);
    view.setUint32(sizesAt + 4, value.length, true);
    sizesAt += 8;
    bytes.set(name, dataAt);
    dataAt += name.length + 1;
    bytes.set(value, dataAt);
    dataAt += value.length + 1;
  }
  return bytes;
}

export function encodeHeaderPairs(pairs: Iterable<HeaderPair>): Uint8Array {
  const encoded = [...pairs].map(
    ([name, value]) => [encoder.encode(name), encoder.encode(value)] as const,
  );
  return encodePairs(encoded);
}

/** Reads pairs; anything malformed gives an empty list, as in the C++ host. */
export function decodePairs(bytes: Uint8Array): HeaderPair[] {
  if (bytes.length < 4 || bytes.length > MAX_BYTES) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true);
  let at = 4 + 8 * count;
  if (count > MAX_PAIRS || at > bytes.length) return [];
  const pairs: HeaderPair[] = [];
  for (let i = 0; i < count; i++) {
    const nameEnd = at + view.getUint32(4 + 8 * i, true);
    const valueEnd = nameEnd + 1 + view.getUint32(8 + 8 * i, true);
    if (valueEnd + 1 > bytes.length || bytes[nameEnd] !== 0 || bytes[valueEnd] !== 0) return [];
    pairs.push([
      decoder.decode(bytes.subarray(at, nameEnd)),
      decoder.decode(bytes.subarray(nameEnd + 1, valueEnd)),
    ]);
    at = valueEnd + 1;
  }
  return at === bytes.length ? pairs : [];
}

/** Headers in order; names are lower-cased when added, as Envoy does. */
export class HeaderMap implements Iterable<HeaderPair> {
  #pairs: [string, string][] = [];

  constructor(pairs: Iterable<HeaderPair> = []) {
    for (const [name, value] of pairs) this.add(name, value);
  }

  get size(): number {
    return this.#pairs.length;
  }

  /** Sum of the lengths of all names and values, in bytes. */
  get byteSize(): number {
    return this.#pairs.reduce(
      (sum, [name, value]) => sum + encoder.encode(name).length + encoder.encode(value).length,
      0,
    );
  }

  /** The first value of `name`. */
  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    return this.#pairs.find(([key]) => key === wanted)?.[1];
  }

  add(name: string, value: string): void {
    this.#pairs.push([name.toLowerCase(), value]);
  }

  /** Sets the first value of `name` and removes its others; adds it when there is none. */
  replace(name: string, value: string): void {
    const wanted = name.toLowerCase();
    const first = this.#pairs.find(([key]) => key === wanted);
    if (first === undefined) {
      this.add(name, value);
      return;
    }
    first[1] = value;
    this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== wanted);
  }

  remove(name: string): void {
    const wanted = name.toLowerCase();
    this.#pairs = this.#pairs.filter(([key]) => key !== wanted);
  }

  setAll(pairs: Iterable<HeaderPair>): void {
    this.#pairs = [];
    for (const [name, value] of pairs) this.add(name, value);
  }

  [Symbol.iterator](): Iterator<HeaderPair> {
    return this.#pairs[Symbol.iterator]();
  }
}
