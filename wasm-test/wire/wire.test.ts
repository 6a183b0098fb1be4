// Bytes and integers as the codecs and the engine read and write them, against plain JavaScript.
import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../host/random.js";
import { instantiateUnit, type UnitExports } from "../modules/unit.js";

interface WireExports extends UnitExports {
  allocate(size: number): number;
  equalBytes(a: number, b: number, len: number): number;
  equalBytesIgnoreCase(any: number, lower: number, len: number): number;
  hashBytes(ptr: number, len: number): number;
  crc32(ptr: number, len: number): number;
  writeDecimal(out: number, value: bigint): number;
  loadU16Be(ptr: number): number;
  loadU32Be(ptr: number): number;
  loadU64Be(ptr: number): bigint;
  storeU16Be(ptr: number, value: number): void;
  storeU32Be(ptr: number, value: number): void;
  storeU64Be(ptr: number, value: bigint): void;
  varintWidth(ptr: number, end: number): number;
  readVarint32(ptr: number, end: number): bigint;
  readWidth(result: bigint): number;
  varintSize(value: bigint): number;
  writeVarint(out: number, value: bigint): number;
  writePaddedVarint(out: number, value: bigint, width: number): void;
}

const MALFORMED = 0xff;

let unit: WireExports;
let left: number;
let right: number;

beforeAll(async () => {
  unit = await instantiateUnit<WireExports>("wire");
  left = unit.allocate(4096);
  right = unit.allocate(4096);
});

function put(ptr: number, bytes: Uint8Array): void {
  new Uint8Array(unit.memory.buffer).set(bytes, ptr);
}

function get(ptr: number, length: number): Buffer {
  return Buffer.from(new Uint8Array(unit.memory.buffer, ptr, length));
}

function leb128(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return [...bytes, Number(rest)];
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

/** At the edges of each width. */
const NUMBERS = [
  ...Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit)),
  ...Array.from({ length: 64 }, (_, bit) => (1n << BigInt(bit)) - 1n),
  (1n << 64n) - 1n,
];

describe("equalBytes", () => {
  it("sees a difference in every byte of every length and alignment", () => {
    const bytes = Uint8Array.from({ length: 80 }, (_, i) => (i * 37) & 0xff);
    for (let length = 0; length <= 70; length++) {
      for (const offset of [0, 1, 3, 7]) {
        put(left + offset, bytes.subarray(0, length));
        put(right, bytes.subarray(0, length));
        expect(unit.equalBytes(left + offset, right, length)).toBe(1);
        for (let at = 0; at < length; at++) {
          put(right + at, Uint8Array.of((bytes[at] ?? 0) ^ 0x20));
          expect(unit.equalBytes(left + offset, right, length)).toBe(0);
          put(right + at, bytes.subarray(at, at + 1));
        }
      }
    }
  });
});

describe("equalBytesIgnoreCase", () => {
  it("ignores the case of ASCII letters, and of nothing else", () => {
    for (let any = 0; any < 256; any++) {
      for (let lower = 0; lower < 256; lower++) {
        if (lower >= 0x41 && lower <= 0x5a) continue;
        put(left, Uint8Array.of(0x61, any));
        put(right, Uint8Array.of(0x61, lower));
        const isUpper = any >= 0x41 && any <= 0x5a;
        const expected = (isUpper ? any + 0x20 : any) === lower;
        expect(unit.equalBytesIgnoreCase(left, right, 2)).toBe(expected ? 1 : 0);
      }
    }
  });

  it("compares every byte of long names", () => {
    const name = "x-b3-traceid-and-a-lot-more-of-it";
    put(right, Buffer.from(name));
    for (let at = 0; at < name.length; at++) {
      put(left, Buffer.from(name.toUpperCase()));
      expect(unit.equalBytesIgnoreCase(left, right, name.length)).toBe(1);
      put(left + at, Buffer.from("!"));
      expect(unit.equalBytesIgnoreCase(left, right, name.length)).toBe(0);
    }
  });
});

describe("hashBytes", () => {
  it("depends on every byte and on the length, and on nothing behind it", () => {
    const seen = new Set<number>();
    put(left, new Uint8Array(64));
    for (let length = 0; length <= 40; length++) seen.add(unit.hashBytes(left, length));
    for (let at = 0; at < 40; at++) {
      for (const value of [1, 0x80, 0xff]) {
        put(left, new Uint8Array(64));
        put(left + at, Uint8Array.of(value));
        seen.add(unit.hashBytes(left, 40));
      }
    }
    expect(seen.size).toBe(41 + 3 * 40);
    put(left, Buffer.from("method"));
    const hash = unit.hashBytes(left, 5);
    put(left + 5, Buffer.from("X"));
    expect(unit.hashBytes(left, 5)).toBe(hash);
  });

  it("spreads names that differ in a digit", () => {
    const buckets = new Map<number, number>();
    for (let i = 0; i < 10_000; i++) {
      const name = Buffer.from(`com.example.Service${String(i)}`);
      put(left, name);
      const bucket = unit.hashBytes(left, name.length) & 1023;
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
    }
    expect(buckets.size).toBe(1024);
    expect(Math.max(...buckets.values())).toBeLessThan(30);
  });
});

describe("crc32", () => {
  it("is that of zlib, of any length at any address", () => {
    const random = seededRandom(7);
    const bytes = Buffer.from(Array.from({ length: 4000 }, () => Math.floor(random() * 256)));
    put(left, bytes);
    for (const start of [0, 1, 2, 3, 5]) {
      for (const length of [0, 1, 4, 7, 8, 9, 15, 16, 17, 23, 100, 3990]) {
        const sum = unit.crc32(left + start, length) >>> 0;
        expect(sum).toBe(crc32(bytes.subarray(start, start + length)));
      }
    }
  });
});

describe("writeDecimal", () => {
  it("writes what JavaScript writes", () => {
    for (const value of [...NUMBERS, 9n, 10n, 99n, 100n, 10n ** 19n, 10n ** 19n - 1n]) {
      put(left, new Uint8Array(24).fill(0x2a));
      const length = unit.writeDecimal(left, value);
      expect(get(left, length).toString()).toBe(String(value));
      expect(get(left + length, 2).toString()).toBe("**");
    }
  });
});

describe("big-endian integers", () => {
  it("are read and written as Node does it, at any address", () => {
    const random = seededRandom(5);
    for (let round = 0; round < 500; round++) {
      const bytes = Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256)));
      const at = round % 8;
      put(left, bytes);
      expect(unit.loadU16Be(left + at)).toBe(bytes.readUInt16BE(at));
      expect(unit.loadU32Be(left + at) >>> 0).toBe(bytes.readUInt32BE(at));
      expect(BigInt.asUintN(64, unit.loadU64Be(left + at))).toBe(bytes.readBigUInt64BE(at));
      put(right, new Uint8Array(32));
      unit.storeU16Be(right + at, bytes.readUInt16BE(at));
      unit.storeU32Be(right + at + 2, bytes.readUInt32BE(at + 2));
      expect(get(right + at, 6)).toEqual(bytes.subarray(at, at + 6));
      unit.storeU64Be(right + at, bytes.readBigUInt64BE(at));
      expect(get(right + at, 8)).toEqual(bytes.subarray(at, at + 8));
      expect(get(right + at + 8, 1)[0]).toBe(0);
    }
  });
});

describe("variable-length integers", () => {
  it("are written in their least width, which is known before", () => {
    for (const value of NUMBERS) {
      put(left, new Uint8Array(12).fill(0x2a));
      const width = unit.writeVarint(left, value);
      const expected = leb128(value);
      expect([...get(left, width)]).toEqual(expected);
      expect(get(left + width, 1)[0]).toBe(0x2a);
      expect(unit.varintSize(value)).toBe(expected.length);
      expect(unit.varintWidth(left, left + width)).toBe(expected.length);
    }
  });

  it("of up to 32 bits are read back, others refused", () => {
    for (const value of NUMBERS) {
      const bytes = Uint8Array.from(leb128(value));
      put(left, bytes);
      const result = unit.readVarint32(left, left + bytes.length);
      if (value < 1n << 32n) {
        expect(unit.readWidth(result)).toBe(bytes.length);
        expect(BigInt.asUintN(32, result)).toBe(value);
      } else {
        expect(unit.readWidth(result)).toBe(MALFORMED);
      }
    }
  });

  it("that do not end before the end are incomplete, and nothing behind it is read", () => {
    for (const value of NUMBERS) {
      const bytes = Uint8Array.from(leb128(value));
      put(left, bytes);
      for (let known = 0; known < bytes.length; known++) {
        expect(unit.varintWidth(left, left + known)).toBe(0);
        if (value < 1n << 32n) {
          expect(unit.readWidth(unit.readVarint32(left, left + known))).toBe(0);
        }
      }
    }
  });

  it("that never end are malformed", () => {
    put(left, new Uint8Array(20).fill(0x80));
    expect(unit.varintWidth(left, left + 20)).toBe(MALFORMED);
    expect(unit.readWidth(unit.readVarint32(left, left + 20))).toBe(MALFORMED);
  });

  it("may be padded to a width, and mean the same", () => {
    for (const value of [0n, 1n, 127n, 128n, 16_384n, 0xffff_ffffn]) {
      for (let width = leb128(value).length; width <= 5; width++) {
        unit.writePaddedVarint(left, value, width);
        const result = unit.readVarint32(left, left + width);
        expect(unit.readWidth(result)).toBe(width);
        expect(BigInt.asUintN(32, result)).toBe(value);
      }
    }
  });
});
