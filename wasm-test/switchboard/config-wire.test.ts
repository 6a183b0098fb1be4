// The protobuf writer against another one, and against blocks that are too small.
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { beforeAll, expect, test } from "vitest";
import { instantiateUnit, type UnitExports } from "../modules/unit.js";

interface WireExports extends UnitExports {
  readonly allocate: (bytes: number) => number;
  readonly write: (
    out: number,
    capacity: number,
    number: bigint,
    ptr: number,
    len: number,
  ) => number;
  readonly bytesOfVarint: (value: bigint) => number;
}

const CAPACITY = 70_000;
const GUARD = 0xa5;

let exports: WireExports;
let out: number;
let content: number;
beforeAll(async () => {
  exports = await instantiateUnit<WireExports>("config-wire");
  out = exports.allocate(CAPACITY + 16);
  content = exports.allocate(CAPACITY);
});

function expected(number: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(7);
  const inner = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes).finish();
  const outer = new BinaryWriter().tag(15, WireType.LengthDelimited).bytes(inner);
  outer.tag(16, WireType.Varint).uint64(number);
  const writer = new BinaryWriter().tag(1, WireType.Varint).uint64(number);
  writer.tag(2, WireType.LengthDelimited).bytes(outer.finish());
  return writer.tag(3, WireType.Varint).uint64(number).finish();
}

function written(capacity: number, number: bigint, length: number): Uint8Array | undefined {
  const memory = new Uint8Array(exports.memory.buffer);
  memory.fill(7, content, content + length);
  memory.fill(GUARD, out, out + CAPACITY + 16);
  const size = exports.write(out, capacity, number, content, length);
  expect(memory.subarray(out + capacity, out + capacity + 16)).toEqual(
    new Uint8Array(16).fill(GUARD),
  );
  return size < 0 ? undefined : memory.slice(out, out + size);
}

test.each([
  [0n, 0],
  [1n, 1],
  [127n, 100],
  [128n, 117],
  [129n, 118],
  [300n, 127],
  [0xffff_ffffn, 128],
  [0xffff_ffff_ffff_ffffn, 16_360],
  [1n << 63n, 16_384],
  [1n, 65_536],
])("writes nested messages: %i, %i bytes", (number, length) => {
  expect(written(CAPACITY, number, length)).toEqual(expected(number, length));
});

test.each([0, 1, 113, 117, 118, 119, 120, 121, 122, 123, 124, 127, 130])(
  "writes what fits exactly, and nothing beyond the block: %i bytes",
  (length) => {
    const whole = expected(1000n, length);
    expect(written(whole.length, 1000n, length)).toEqual(whole);
    for (let capacity = 0; capacity < whole.length; capacity++) {
      expect(written(capacity, 1000n, length)).toBeUndefined();
    }
  },
);

test("knows how long a varint is", () => {
  for (let bits = 0n; bits < 64n; bits++) {
    for (const value of [1n << bits, (1n << bits) - 1n, (1n << bits) + 1n]) {
      const length = new BinaryWriter().uint64(value).finish().length;
      expect(exports.bytesOfVarint(value)).toBe(length);
    }
  }
});
