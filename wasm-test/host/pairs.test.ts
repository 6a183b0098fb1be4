import { describe, expect, it } from "vitest";

import { decodePairs, encodeHeaderPairs, HeaderMap, type HeaderPair } from "./pairs.js";

const PAIRS: HeaderPair[] = [
  [":path", "/"],
  ["empty", ""],
  ["name", "Grüße"],
];

describe("encoded pairs", () => {
  it("have the layout of the ABI", () => {
    expect([...encodeHeaderPairs([["a", "bc"]])]).toEqual([
      ...[1, 0, 0, 0],
      ...[1, 0, 0, 0, 2, 0, 0, 0],
      ...[0x61, 0, 0x62, 0x63, 0],
    ]);
  });

  it("come back as they were", () => {
    expect(decodePairs(encodeHeaderPairs(PAIRS))).toEqual(PAIRS);
  });

  it("that are cut anywhere, or have bytes too many, are no pairs", () => {
    const bytes = encodeHeaderPairs(PAIRS);
    for (let length = 0; length < bytes.length; length++) {
      expect(decodePairs(bytes.subarray(0, length))).toEqual([]);
    }
    expect(decodePairs(Buffer.concat([bytes, Buffer.of(0)]))).toEqual([]);
  });

  it("without a NUL behind a name or value are no pairs", () => {
    const bytes = encodeHeaderPairs([["a", "bc"]]);
    for (const at of [13, 16]) {
      const broken = bytes.slice();
      broken[at] = 1;
      expect(decodePairs(broken)).toEqual([]);
    }
  });

  it("are at most 1024", () => {
    const many = Array.from({ length: 1025 }, (): HeaderPair => ["a", "b"]);
    expect(decodePairs(encodeHeaderPairs(many.slice(1)))).toHaveLength(1024);
    expect(decodePairs(encodeHeaderPairs(many))).toEqual([]);
  });
});

describe("a header map", () => {
  it("has names in lower case and finds them in any", () => {
    const map = new HeaderMap([["X-Tag", "one"]]);
    expect([...map]).toEqual([["x-tag", "one"]]);
    expect(map.get("X-TAG")).toBe("one");
  });

  it("replaces all values of a name by one, in the place of the first", () => {
    const map = new HeaderMap([
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
    ]);
    map.replace("A", "4");
    expect([...map]).toEqual([
      ["a", "4"],
      ["b", "2"],
    ]);
    map.replace("c", "5");
    expect(map.get("c")).toBe("5");
  });

  it("counts the bytes of names and values", () => {
    expect(new HeaderMap([["ab", "ü"]]).byteSize).toBe(4);
  });
});
