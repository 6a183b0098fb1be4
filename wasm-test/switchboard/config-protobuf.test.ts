// Route configurations as protobuf writers may write them, as they must not, and as nobody would.
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { beforeAll, describe, expect, test } from "vitest";
import { RouteHarness } from "./route-harness.js";
import { regex } from "./route-reference.js";

let harness: RouteHarness;
beforeAll(async () => {
  harness = await RouteHarness.load();
});

type Write = (writer: BinaryWriter) => void;

function message(write: Write): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

function text(field: number, value: string): Write {
  return (writer) => writer.tag(field, WireType.LengthDelimited).string(value);
}

function number(field: number, value: number): Write {
  return (writer) => writer.tag(field, WireType.Varint).uint32(value);
}

function nested(field: number, ...parts: Write[]): Write {
  const bytes = message((writer) => parts.forEach((part) => part(writer)));
  return (writer) => writer.tag(field, WireType.LengthDelimited).bytes(bytes);
}

function group(field: number, ...parts: Write[]): Write {
  return (writer) => {
    writer.tag(field, WireType.StartGroup);
    parts.forEach((part) => part(writer));
    writer.tag(field, WireType.EndGroup);
  };
}

function raw(...bytes: number[]): Write {
  return (writer) => writer.raw(Uint8Array.from(bytes));
}

function encoded(...parts: Write[]): Uint8Array {
  return message((writer) => parts.forEach((part) => part(writer)));
}

const NAME = text(1, "test_1");
const DESTINATION = nested(3, text(1, "c"));

/** Builds, and tells which route takes a request. */
function routeOf(bytes: Uint8Array, attributes: Record<string, string>): number {
  const { table, faults } = harness.buildBytes(bytes);
  if (table === 0) throw new Error(faults);
  const route = harness.route(table, attributes);
  harness.exports.release(table);
  return route;
}

function refused(bytes: Uint8Array): string {
  const { table, faults } = harness.buildBytes(bytes);
  expect(table).toBe(0);
  return faults;
}

describe("protobuf", () => {
  test("unknown fields of all types are skipped, groups in groups included", () => {
    const strange: Write[] = [
      number(100, 7),
      (writer) => writer.tag(101, WireType.Bit64).fixed64(1n),
      (writer) => writer.tag(102, WireType.Bit32).fixed32(1),
      text(536_870_911, "largest field number"),
      group(103, number(1, 2), group(104, text(1, "x")), group(1)),
    ];
    const match = nested(2, ...strange, text(1, "m"), text(2, "v"), ...strange);
    const route = nested(2, ...strange, match, DESTINATION, ...strange);
    const bytes = encoded(...strange, NAME, route, ...strange);
    expect(routeOf(bytes, { m: "v" })).toBe(0);
    expect(routeOf(bytes, { m: "w" })).toBe(-1);
  });

  test("a known field of an unknown type is skipped", () => {
    const match = nested(2, text(1, "m"), number(2, 5), text(2, "v"), text(5, "x"));
    expect(routeOf(encoded(NAME, number(2, 1), nested(2, match, DESTINATION)), { m: "v" })).toBe(0);
  });

  test("fields come in any order", () => {
    const match = nested(2, number(6, 1), text(2, "v"), text(1, "m"));
    const bytes = encoded(nested(2, DESTINATION, match), NAME);
    expect(routeOf(bytes, { m: "v" })).toBe(-1);
    expect(routeOf(bytes, { m: "w" })).toBe(0);
  });

  test("the last of a field, and of a oneof, wins", () => {
    const { dfa } = regex("a+").value;
    const inRegex = nested(4, (writer) => writer.tag(2, WireType.LengthDelimited).bytes(dfa));
    const match = nested(2, text(1, "x"), text(1, "m"), inRegex, text(3, "p"), text(2, "v"));
    const bytes = encoded(text(1, "first"), nested(2, match, DESTINATION), NAME);
    expect(routeOf(bytes, { m: "v" })).toBe(0);
    expect(routeOf(bytes, { m: "pq" })).toBe(-1);
    const regexLast = nested(2, text(1, "m"), text(2, "v"), inRegex);
    expect(routeOf(encoded(NAME, nested(2, regexLast, DESTINATION)), { m: "aa" })).toBe(0);
  });

  test("messages in pieces are merged", () => {
    const { dfa } = regex("a+").value;
    const pieces = [
      nested(4, text(1, "a+")),
      nested(4, (writer) => writer.tag(2, WireType.LengthDelimited).bytes(dfa)),
      nested(4, text(3, "a")),
    ];
    const timeout = [nested(4, number(1, 2)), nested(4, number(2, 500_000_000))];
    const route = nested(2, nested(2, text(1, "m"), ...pieces), DESTINATION, ...timeout);
    const { table } = harness.buildBytes(encoded(NAME, route));
    const entry = harness.find(table, { m: "aaa" });
    expect(harness.exports.entryTimeout(entry)).toBe(2500);
    harness.exports.release(table);
  });

  test("varints may be longer than they need", () => {
    const match = nested(2, text(1, "m"), text(2, "v"), raw(0x30, 0x81, 0x80, 0x80, 0x00));
    expect(routeOf(encoded(NAME, nested(2, match, DESTINATION)), { m: "w" })).toBe(0);
  });
});

describe("what is malformed is refused with its offset", () => {
  const before = message(NAME);
  test.each<[string, Write[], number]>([
    ["a tag that does not end", [raw(0x80)], 0],
    ["a tag longer than ten bytes", [raw(...Array.from({ length: 10 }, () => 0x80), 0x01)], 0],
    ["field number 0", [raw(0x02, 0x00)], 0],
    ["wire type 6", [raw(0x0e)], 0],
    ["wire type 7", [raw(0x0f, 0x00)], 0],
    ["a varint that does not end", [raw(0x18, 0xff)], 0],
    ["a length beyond the end", [raw(0x12, 0x05, 0x00)], 0],
    ["a length beyond 2^32", [raw(0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)], 0],
    ["a fixed64 cut off", [raw(0x19, 1, 2, 3, 4, 5, 6, 7)], 0],
    ["a fixed32 cut off", [raw(0x1d, 1, 2, 3)], 0],
    ["an end without a group", [raw(0x1c)], 0],
    ["a group without an end", [raw(0x1b, 0x08, 0x01)], 0],
    ["too many groups in groups", [raw(...Array.from({ length: 200 }, () => 0x1b))], 0],
    ["within a route", [nested(2, raw(0x80))], 2],
    ["within a match of a route", [nested(2, nested(2, text(1, "m"), raw(0x0a, 0x09)))], 7],
  ])("%s", (_, parts, offset) => {
    const at = String(before.length + offset);
    expect(refused(encoded(NAME, ...parts))).toBe(`malformed protobuf at offset ${at}`);
  });

  test("ten thousand groups in a row are skipped", () => {
    const bytes = encoded(NAME, raw(...Array.from({ length: 10_000 }, () => [0x1b, 0x1c]).flat()));
    expect(routeOf(bytes, {})).toBe(-1);
  });

  test.each([
    ["a name", encoded(raw(0x0a, 0x02, 0xc3, 0x28)), "name: not UTF-8"],
    [
      "a value",
      encoded(NAME, nested(2, DESTINATION, nested(2, text(1, "m"), raw(0x12, 0x01, 0xff)))),
      "routes[0].match[0].exact: not UTF-8",
    ],
    [
      "an overlong form",
      encoded(NAME, nested(2, DESTINATION, nested(2, text(1, "m"), raw(0x12, 0x02, 0xc0, 0x80)))),
      "routes[0].match[0].exact: not UTF-8",
    ],
    [
      "a surrogate",
      encoded(
        NAME,
        nested(2, DESTINATION, nested(2, text(1, "m"), raw(0x12, 0x03, 0xed, 0xa0, 0x80))),
      ),
      "routes[0].match[0].exact: not UTF-8",
    ],
  ])("text that is not UTF-8: %s", (_, bytes, faults) => {
    expect(refused(bytes)).toBe(faults);
  });
});

describe("a configuration that is too large", () => {
  test("has too many routes", () => {
    const route = message(nested(2, DESTINATION));
    const bytes = new Uint8Array(message(NAME).length + 100_001 * route.length);
    bytes.set(message(NAME));
    for (let i = 0; i < 100_001; i++) bytes.set(route, message(NAME).length + i * route.length);
    expect(refused(bytes)).toBe("routes[100000]: more than 100000 routes");
  });

  test("has empty matches without end", () => {
    // Two bytes each: what is recorded of them is much more than they are.
    const matches = raw(...Array.from({ length: 70 }, () => [0x12, 0x00]).flat());
    const faults = refused(encoded(NAME, nested(2, DESTINATION, matches)));
    expect(faults).toContain("routes[0].match[0].name: missing");
  });

  test("has more text than a table may hold", () => {
    const value = "v".repeat(4000);
    const route = message(nested(2, DESTINATION, nested(2, text(1, "m"), text(2, value))));
    const count = 17_000;
    const bytes = new Uint8Array(message(NAME).length + count * route.length);
    bytes.set(message(NAME));
    for (let i = 0; i < count; i++) bytes.set(route, message(NAME).length + i * route.length);
    expect(refused(bytes)).toMatch(
      /^routes\[\d+\]\.match\[0\]: (larger than 67108864 bytes|not enough memory is left for it)$/,
    );
  });
});
