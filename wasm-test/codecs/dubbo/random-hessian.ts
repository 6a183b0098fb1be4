// Random but well-formed Hessian2 values.
import type { RandomSource } from "../../inputs/random-source.js";
import { concat, fromHex } from "./frames.js";

const SCALARS = [
  ...["90", "80", "bf", "c8ff", "d00000", "4900000001", "e0", "f8ff", "3c0000", "5900000001"],
  ...["4c0000000000000001", "5b", "5c", "5d01", "5e0001", "5f00000001", "440000000000000000"],
  ...["4a0000000000000001", "4b00000001", "54", "46", "4e", "5190", "51c800"],
] as const;
const TEXTS = [
  "00",
  "0161",
  "02c3a96a",
  "300161",
  "53000161",
  "520001610162",
  "03e6b58beda0bdedb880",
];
const BINARIES = ["20", "215a", "34025a5a", "4200015a", "41000148215a"] as const;

/** Writes one body's values: it keeps count of the classes that they define. */
export class HessianWriter {
  private readonly fieldCounts: number[] = [];

  constructor(private readonly random: RandomSource) {}

  /** One value that nests at most `depth` containers. */
  value(depth: number): Uint8Array {
    const { random } = this;
    const kind = random.below(depth > 0 ? 10 : 4);
    if (kind < 2) return fromHex(random.pick(SCALARS));
    if (kind === 2) return fromHex(random.pick(TEXTS));
    if (kind === 3) return fromHex(random.pick(BINARIES));
    if (kind < 6) return this.list(depth - 1);
    if (kind < 8) return this.map(depth - 1);
    return this.object(depth - 1);
  }

  private values(count: number, depth: number): Uint8Array {
    return concat(...Array.from({ length: count }, () => this.value(depth)));
  }

  private type(): Uint8Array {
    return fromHex(this.random.pick(["0161", "90", "055b6c6f6e67"]));
  }

  private list(depth: number): Uint8Array {
    const { random } = this;
    const count = random.below(5);
    const values = this.values(count, depth);
    const int = Uint8Array.of(0x90 + count);
    const end = fromHex("5a");
    switch (random.below(6)) {
      case 0:
        return concat(Uint8Array.of(0x78 + count), values);
      case 1:
        return concat(Uint8Array.of(0x70 + count), this.type(), values);
      case 2:
        return concat(fromHex("57"), values, end);
      case 3:
        return concat(fromHex("55"), this.type(), values, end);
      case 4:
        return concat(fromHex("58"), int, values);
      default:
        return concat(fromHex("56"), this.type(), int, values);
    }
  }

  private map(depth: number): Uint8Array {
    const values = this.values(2 * this.random.below(4), depth);
    const isTyped = this.random.below(2) === 0;
    const head = isTyped ? concat(fromHex("4d"), this.type()) : fromHex("48");
    return concat(head, values, fromHex("5a"));
  }

  private object(depth: number): Uint8Array {
    const { random, fieldCounts } = this;
    const isNew = fieldCounts.length === 0 || random.below(3) === 0;
    let definition = new Uint8Array(0);
    if (isNew) {
      const fields = random.below(4);
      const names = Array.from({ length: fields }, () => fromHex("0166"));
      definition = new Uint8Array(
        concat(fromHex("430161"), Uint8Array.of(0x90 + fields), ...names),
      );
      fieldCounts.push(fields);
    }
    const index = isNew ? fieldCounts.length - 1 : random.below(fieldCounts.length);
    // Classes from 16 upward need the long form, whose number is an int of up to two bytes.
    const long = index < 48 ? [0x4f, 0x90 + index] : [0x4f, 0xc8 + (index >> 8), index & 0xff];
    const isShort = index < 16 && random.below(2) === 0;
    const head = Uint8Array.from(isShort ? [0x60 + index] : long);
    return concat(definition, head, this.values(fieldCounts[index] ?? 0, depth));
  }
}
