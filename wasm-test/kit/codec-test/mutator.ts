// Inputs of the fuzzing run: recorded frames, damaged. Each is a function of the seed and its number.
import { seededRandom } from "../../host/random.js";

const MOST_CHANGES = 4;
const MOST_BYTES = 16_384;
const WIDTHS = [1, 2, 4, 8];
const NUMBERS = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0xffffffff,
];

type Change = (bytes: Buffer) => Buffer;

export class Mutator {
  readonly #random: () => number;
  readonly #changes: readonly Change[] = [
    (bytes) => this.#flip(bytes),
    (bytes) => this.#overwrite(bytes),
    (bytes) => this.#overwrite(bytes),
    (bytes) => bytes.subarray(0, this.below(bytes.length + 1)),
    (bytes) => this.#repeat(bytes),
    (bytes) => this.#leaveOut(bytes),
    (bytes) => this.#splice(bytes),
    (bytes) => Buffer.concat([bytes, this.#frame()]),
  ];

  constructor(
    private readonly frames: readonly Uint8Array[],
    seed: number,
    number: number,
  ) {
    this.#random = seededRandom(Math.imul(seed, 0x9e3779b1) + number);
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  make(): Uint8Array {
    let bytes: Buffer = Buffer.from(this.#frame());
    for (let left = 1 + this.below(MOST_CHANGES); left > 0; left--) {
      const change = this.#changes[this.below(this.#changes.length)];
      if (change !== undefined && bytes.length > 0) bytes = change(bytes);
    }
    return Uint8Array.from(bytes.subarray(0, MOST_BYTES));
  }

  /** Sizes of reads for as many bytes. */
  sizes(length: number): number[] {
    const sizes: number[] = [];
    const most = [length, 3, 40][this.below(3)] ?? 1;
    for (let sum = 0; sum < length;) {
      const size = 1 + this.below(most);
      sizes.push(size);
      sum += size;
    }
    return sizes.length > 400 ? [length] : sizes;
  }

  #frame(): Uint8Array {
    return this.frames[this.below(this.frames.length)] ?? new Uint8Array(1);
  }

  #flip(bytes: Buffer): Buffer {
    const changed = Buffer.from(bytes);
    const at = this.below(bytes.length);
    changed[at] = (changed[at] ?? 0) ^ (1 << this.below(8));
    return changed;
  }

  /** A number that lengths and counts get wrong, in either byte order; more often near the frame's start. */
  #overwrite(bytes: Buffer): Buffer {
    const changed = Buffer.from(bytes);
    const width = WIDTHS[this.below(WIDTHS.length)] ?? 1;
    const at = this.below(this.below(2) === 0 ? Math.min(32, bytes.length) : bytes.length);
    const chosen = NUMBERS[this.below(NUMBERS.length)] ?? 0;
    const number = this.below(3) === 0 ? bytes.length + this.below(5) - 2 : chosen;
    const digits = Buffer.alloc(8);
    digits.writeBigUInt64BE(BigInt(Math.max(0, number)));
    const part = digits.subarray(8 - width);
    if (this.below(4) === 0) part.reverse();
    part.copy(changed, at);
    return changed;
  }

  #range(bytes: Buffer): readonly [number, number] {
    const start = this.below(bytes.length);
    return [start, start + 1 + this.below(Math.min(64, bytes.length - start))];
  }

  #repeat(bytes: Buffer): Buffer {
    const [start, end] = this.#range(bytes);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
  }

  #leaveOut(bytes: Buffer): Buffer {
    const [start, end] = this.#range(bytes);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  }

  #splice(bytes: Buffer): Buffer {
    const other = this.#frame();
    const at = this.below(other.length);
    return Buffer.concat([bytes.subarray(0, this.below(bytes.length)), other.subarray(at)]);
  }
}
