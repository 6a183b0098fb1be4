import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { hessianMap } from "../../envoy/support/dubbo-wire.js";
import { CodecHarness } from "../harness/codec-harness.js";
import { MutationOperation, Origin } from "../harness/contract.js";
import { buildFrame, concat, Flag, fromHex, hessianRequest } from "./frames.js";
import { jsonbItem } from "./jsonb-reader.js";

const codec = await CodecHarness.load("dubbo-codec");
const state = codec.openState();
const ATTACHMENTS = hessianMap({ zz: "end" });
const STEPS = [{ operation: MutationOperation.Set, key: "k", value: "v" }];

/** The attachment `zz` of a frame: undefined when the values before it could not be walked over. */
function lastAttachment(frame: Uint8Array): string | undefined {
  codec.decode(frame, Origin.Downstream, state);
  return codec.attribute("zz");
}

function withArgument(hex: string): Uint8Array {
  const args = fromHex(hex);
  return hessianRequest({ descriptor: "Ljava/lang/Object;", args, attachments: ATTACHMENTS });
}

/** Lines "name hexadecimal", written by the official Java libraries. */
function javaValues(file: string): (readonly [string, string])[] {
  const text = readFileSync(new URL(`testdata/${file}`, import.meta.url), "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line) => {
    const [name = "", hex = ""] = line.split(" ");
    return [name, hex] as const;
  });
}

describe("what Java writes", () => {
  test.each(javaValues("java-values-hessian2.txt"))("Hessian2: %s", (_, hex) => {
    expect(lastAttachment(withArgument(hex))).toBe("end");
    expect(codec.encode(7n, STEPS).applied).toBe(true);
  });

  test.each(javaValues("java-maps-jsonb.txt"))("JSONB: %s", (_, hex) => {
    const head = ["4e322e302e32", "4a61", "4a31", "4a6d", "49"].map(jsonbItem);
    const body = concat(...head, jsonbItem(hex));
    expect(lastAttachment(buildFrame({ flag: Flag.FastjsonRequest, body }))).toBe("end");
    expect(codec.encode(7n, STEPS).applied).toBe(true);
  });
});

describe("bounds", () => {
  test("1024 levels are walked over, 1025 are not", () => {
    const nested = (levels: number) => withArgument("57".repeat(levels) + "5a".repeat(levels));
    expect(lastAttachment(nested(1024))).toBe("end");
    expect(lastAttachment(nested(1025))).toBeUndefined();
    const fixed = (levels: number) => withArgument("79".repeat(levels) + "90");
    expect(lastAttachment(fixed(1024))).toBe("end");
    expect(lastAttachment(fixed(1025))).toBeUndefined();
  });

  test("1024 classes are kept, with 1025 the body is not walked over", () => {
    const classes = (count: number) => withArgument(`57${"4301619060".repeat(count)}5a`);
    expect(lastAttachment(classes(1024))).toBe("end");
    expect(lastAttachment(classes(1025))).toBeUndefined();
    // The last of them can be used: 4f and the int 1023.
    const last = `57${"4301619060".repeat(1023)} 43 0161 91 0162 4f cbff 90 5a`;
    expect(lastAttachment(withArgument(last))).toBe("end");
  });

  test("counts are believed up to the bytes that are there", () => {
    expect(lastAttachment(withArgument("58 91 90"))).toBe("end");
    for (const count of ["49ffffffff", "497fffffff", "4980000000", "8f", "c0ff", "d3ffff"]) {
      expect(lastAttachment(withArgument(`58 ${count} 90`))).toBeUndefined();
      expect(lastAttachment(withArgument(`56 0161 ${count} 90`))).toBeUndefined();
      expect(lastAttachment(withArgument(`43 0161 ${count} 0162 60 90`))).toBeUndefined();
      expect(lastAttachment(withArgument(`4f ${count}`))).toBeUndefined();
    }
  });

  test("what no value starts with", () => {
    for (const hex of ["40", "45", "47", "50", "5a", "60", "4f90"]) {
      expect(lastAttachment(withArgument(hex))).toBeUndefined();
    }
    for (const hex of ["0180", "01ff", "01f09f9880", "52ffff", "42ffff", "51", "5161"]) {
      expect(lastAttachment(withArgument(hex))).toBeUndefined();
    }
  });

  test("a map that ends behind a key", () => {
    expect(lastAttachment(withArgument("48 0161 90 0162 5a"))).toBeUndefined();
  });
});

test("routing on interface and method costs well below a microsecond", () => {
  const frame = withArgument("05 776f726c64");
  const nanoseconds = codec.measureDecode(frame, ["interface", "method"], 50_000);
  // Some 60 ns on a machine that does nothing else.
  expect(nanoseconds).toBeLessThan(1000);
});
