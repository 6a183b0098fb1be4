// Tables come from the control plane, and are believed no more than bytes of a network: what any of them does with any
// frame is fuzzed (docs/contributors/fuzzing.md, target frame-table).
import { expect, test } from "vitest";
import { RandomSource } from "../../inputs/random-source.js";
import { CodecHarness } from "../harness/codec-harness.js";

test("any bytes are a table, or refused with a reason", async () => {
  const random = new RandomSource(7);
  const codec = await CodecHarness.load("frame-codec");
  for (let round = 0; round < 500; round++) {
    const bytes = Uint8Array.from({ length: random.below(60) }, () => random.below(256));
    expect(typeof codec.configure(bytes)).toBe("string");
  }
  expect(codec.configure(new Uint8Array())).toBe("the module needs a description of the protocol");
});
