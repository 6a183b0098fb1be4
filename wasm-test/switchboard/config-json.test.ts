// The JSON reader against JSON.parse, which reads the same language but for two things: it lets lone
// surrogates pass, and it takes text that has been decoded already.
import { beforeAll, describe, expect, test } from "vitest";
import { instantiateUnit, type UnitExports } from "../modules/unit.js";
import { RandomSource } from "../inputs/random-source.js";

interface JsonExports extends UnitExports {
  readonly allocate: (bytes: number) => number;
  readonly free: (ptr: number) => void;
  readonly usedHeapBytes: () => number;
  readonly skip: (ptr: number, len: number) => number;
  readonly rewrite: (ptr: number, len: number) => number;
  readonly number: (ptr: number, len: number) => bigint;
  readonly duration: (ptr: number, len: number) => bigint;
  readonly base64: (ptr: number, len: number) => number;
  readonly outPtr: () => number;
  readonly outLen: () => number;
  readonly faultPtr: () => number;
  readonly faultLen: () => number;
}

const MAX_DEPTH = 32;
const LONE_SURROGATE = /\p{Surrogate}/u;
const INVALID = -1n;
const NOT_WHOLE = -2n;
const OUT_OF_RANGE = -3n;

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

let exports: JsonExports;
beforeAll(async () => {
  exports = await instantiateUnit<JsonExports>("config-json");
});

function withBytes<T>(input: string | Uint8Array, use: (ptr: number, len: number) => T): T {
  const bytes = typeof input === "string" ? encoder.encode(input) : input;
  const ptr = exports.allocate(Math.max(bytes.length, 1));
  new Uint8Array(exports.memory.buffer, ptr, bytes.length).set(bytes);
  const result = use(ptr, bytes.length);
  exports.free(ptr);
  return result;
}

function out(): Uint8Array {
  return new Uint8Array(exports.memory.buffer, exports.outPtr(), exports.outLen()).slice();
}

/** What is wrong with the input; empty: nothing. */
function faultOf(input: string | Uint8Array): string {
  withBytes(input, exports.skip);
  const ptr = exports.faultPtr();
  return strict.decode(new Uint8Array(exports.memory.buffer, ptr, exports.faultLen()));
}

/** The reader's reading, in the form of wasm-test/units/config-json.ts; undefined: refused. */
function reading(input: string | Uint8Array): Buffer | undefined {
  return withBytes(input, exports.rewrite) === 1 ? Buffer.from(out()) : undefined;
}

/** The same form of what JSON.parse makes of a text in which numbers were turned into strings. */
function form(value: unknown): Buffer {
  if (value === null) return Buffer.from("n");
  if (typeof value === "boolean") return Buffer.from(value ? "1" : "0");
  if (typeof value === "string") return formText(value);
  if (Array.isArray(value)) return brackets("[", value.map(form), "]");
  if (typeof value === "object") {
    const members = Object.entries(value).map(([key, member]) =>
      Buffer.concat([formText(key), Buffer.from(":"), form(member)]),
    );
    return brackets("{", members, "}");
  }
  throw new Error(`no form for ${typeof value}`);
}

function formText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([Buffer.from('"'), length, bytes]);
}

function brackets(open: string, parts: Buffer[], close: string): Buffer {
  const separated = parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from(","), part]));
  return Buffer.concat([Buffer.from(open), ...separated, Buffer.from(close)]);
}

describe("accepted", () => {
  test.each([
    "null",
    " true ",
    "\t\r\n false\n",
    "0",
    "-0",
    "-12.50e+3",
    "1E-7",
    '""',
    "[]",
    "{}",
    '{"a":[1,{"b":null}],"":"x"}',
    "[[[[[[]]]]]]",
    '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\ud83d\\ude42\\uFFFF"',
    '"größe 🙂"',
    "[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH),
  ])("%s", (text) => {
    JSON.parse(text);
    expect(faultOf(text)).toBe("");
  });
});

describe("refused", () => {
  test.each([
    ["", "expected a value at line 1, column 1"],
    ["   ", "expected a value at line 1, column 4"],
    ["nul", "expected null at line 1, column 4"],
    ["True", "expected a value at line 1, column 1"],
    ["truth", "expected true at line 1, column 4"],
    ["01", "expected the end at line 1, column 2"],
    ["+1", "expected a value at line 1, column 1"],
    [".5", "expected a value at line 1, column 1"],
    ["1.", "expected a digit at line 1, column 3"],
    ["-", "expected a number at line 1, column 2"],
    ["1e", "expected a digit at line 1, column 3"],
    ["NaN", "expected a value at line 1, column 1"],
    ["0x10", "expected the end at line 1, column 2"],
    ['"', "string without end at line 1, column 2"],
    ['"a\nb"', "control character in a string at line 1, column 3"],
    ['"\\x41"', "unknown escape at line 1, column 3"],
    ['"\\u12g4"', "expected four hexadecimal digits at line 1, column 6"],
    ['"\\ud800"', "lone surrogate at line 1, column 8"],
    ['"\\ud800\\n"', "lone surrogate at line 1, column 9"],
    ['"\\ud800\\u0041"', "lone surrogate at line 1, column 14"],
    ['"\\udc00"', "lone surrogate at line 1, column 8"],
    ["'a'", "expected a value at line 1, column 1"],
    ["[1,]", "expected a value at line 1, column 4"],
    ["[,1]", "expected a value at line 1, column 2"],
    ["[1 2]", "expected a comma or the end of the list at line 1, column 4"],
    ["[1", "expected a comma or the end of the list at line 1, column 3"],
    ["[1}", "expected a comma or the end of the list at line 1, column 3"],
    ['{"a":1,}', "expected a key in quotes at line 1, column 8"],
    ["{a:1}", "expected a key in quotes at line 1, column 2"],
    ['{"a"}', "expected a colon at line 1, column 5"],
    ['{"a":}', "expected a value at line 1, column 6"],
    ['{\n  "a": 1\n  "b": 2\n}', "expected a comma or the end of the list at line 3, column 3"],
    ["{} {}", "expected the end at line 1, column 4"],
    ["1 // one", "expected the end at line 1, column 3"],
    ["\u00a01", "expected a value at line 1, column 1"],
    ["\ufeff1", "expected a value at line 1, column 1"],
    ["[".repeat(MAX_DEPTH + 1), `nested too deeply at line 1, column ${String(MAX_DEPTH + 1)}`],
    ["[".repeat(100_000), `nested too deeply at line 1, column ${String(MAX_DEPTH + 1)}`],
  ])("%j", (text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });

  test("bytes that are not UTF-8, wherever they stand", () => {
    const bytes = Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d);
    expect(faultOf(bytes)).toBe("not UTF-8 at line 1, column 3");
  });

  test("a zero byte", () => {
    expect(faultOf("1\0")).toBe("expected the end at line 1, column 2");
    expect(faultOf("\0")).toBe("expected a value at line 1, column 1");
  });
});

describe("against JSON.parse", () => {
  test("agrees on the content of JSON texts", () => {
    const random = new RandomSource(7);
    const text = () =>
      Array.from({ length: random.below(12) }, () =>
        String.fromCodePoint(
          random.chance(50)
            ? random.below(0x80)
            : random.pick([0xe9, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff]),
        ),
      ).join("");
    const tree = (level: number): unknown => {
      const kind = random.below(level > 4 ? 3 : 5);
      if (kind === 0) return null;
      if (kind === 1) return random.chance(50);
      if (kind === 2) return text();
      const members = Array.from({ length: random.below(5) }, () => tree(level + 1));
      // Keys with a letter in front: JavaScript sorts those that look like numbers.
      if (kind === 3) return members;
      return Object.fromEntries(members.map((member) => [`k${text()}`, member]));
    };
    const escapes = (json: string) =>
      json.replace(/[\u0080-\uffff]/g, (unit) =>
        random.chance(50) ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}` : unit,
      );
    const keepsPairs = (json: string) => !LONE_SURROGATE.test(json);
    let compared = 0;
    for (let i = 0; i < 5000; i++) {
      const value = tree(0);
      const json = escapes(JSON.stringify(value, null, random.below(3)));
      // Half of a pair escaped, the other not, is no JSON text in UTF-8.
      if (!keepsPairs(json)) continue;
      compared++;
      expect(reading(json)).toEqual(form(value));
    }
    expect(compared).toBeGreaterThan(2000);
  });
});

describe("whole numbers", () => {
  test.each<[string, bigint]>([
    ["0", 0n],
    ["-0", 0n],
    ["7", 7n],
    ["4294967295", 4294967295n],
    ["4294967296", OUT_OF_RANGE],
    ["99999999999999999999999999", OUT_OF_RANGE],
    ["-1", OUT_OF_RANGE],
    ["1.0", 1n],
    ["1.50", NOT_WHOLE],
    ["1.5e1", 15n],
    ["1.6777216e+07", 16777216n],
    ["16777216.000", 16777216n],
    ["2.56E2", 256n],
    ["1e9", 1000000000n],
    ["1e10", OUT_OF_RANGE],
    ["1e999999999999", OUT_OF_RANGE],
    ["1e-999999999999", NOT_WHOLE],
    ["0e999999999999", 0n],
    ["100e-2", 1n],
    ["10e-2", NOT_WHOLE],
    ["0.000000000000000000000000001e27", 1n],
    ["1000000000000000000000000000e-27", 1n],
    ["", INVALID],
    ["-", INVALID],
    ["01", INVALID],
    [" 1", INVALID],
    ["1 ", INVALID],
    ["1.", INVALID],
    [".1", INVALID],
    ["1e", INVALID],
    ["1e+", INVALID],
    ["0x1", INVALID],
    ["1x", INVALID],
  ])("%j", (text, expected) => {
    expect(withBytes(text, exports.number)).toBe(expected);
  });
});

describe("durations", () => {
  test.each<[string, bigint]>([
    ["0s", 0n],
    ["-0s", 0n],
    ["1s", 1000n],
    ["1.5s", 1500n],
    ["0.001s", 1n],
    ["0.0000000001s", -1n],
    ["0.000000001s", 1n],
    ["1.999999999s", 2000n],
    ["2147483.647s", 2147483647n],
    ["2147483.648s", -3n],
    ["99999999999999999999999s", -3n],
    ["-1s", -2n],
    ["-0.5s", -2n],
    ["", -1n],
    ["s", -1n],
    ["1", -1n],
    ["1.s", -1n],
    [".5s", -1n],
    ["1ms", -1n],
    ["1m", -1n],
    ["1s ", -1n],
    ["+1s", -1n],
    ["1e3s", -1n],
  ])("%j", (text, expected) => {
    expect(withBytes(text, exports.duration)).toBe(expected);
  });
});

describe("base64", () => {
  test("of all lengths, in both alphabets, with and without padding", () => {
    const random = new RandomSource(5);
    for (let length = 0; length < 300; length++) {
      const bytes = Buffer.from(random.bytes(length));
      const standard = bytes.toString("base64");
      for (const text of [standard, standard.replace(/=+$/, ""), bytes.toString("base64url")]) {
        expect(withBytes(text, exports.base64)).toBe(1);
        expect(Buffer.from(out())).toEqual(bytes);
      }
    }
  });

  test.each(["A", "A===", "AA=", "=", "AAAA=", "A A=", "AA*A", "AB==", "AAB=", "AA==AA==", "Ä"])(
    "refuses %j",
    (text) => {
      expect(withBytes(text, exports.base64)).toBe(0);
    },
  );
});
