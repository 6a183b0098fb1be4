// Every target on a fixed number of inputs, the same in every run: how long that takes decides nothing.
// `npm run fuzz` goes on from there. See docs/contributors/fuzzing.md.
import { describe, expect, test } from "vitest";
import { readInputs } from "./corpus-file.js";
import { loadFuelled } from "./fuzz-module.js";
import { FuzzRunner } from "./runner.js";
import { TARGETS } from "./targets.js";

const SEED = 20_240_607;
const LEAST_INPUTS = 5_000_000;
const HOUR = 3_600_000;

test("five million inputs are promised", () => {
  const promised = TARGETS.reduce((sum, { inputs }) => sum + inputs, 0);
  expect(promised).toBeGreaterThanOrEqual(LEAST_INPUTS);
});

describe.each(TARGETS.map((target) => [target.name, target] as const))("%s", (name, target) => {
  test("what once broke something, and the whole corpus", { timeout: HOUR }, async () => {
    const runner = await FuzzRunner.create(target, await loadFuelled(target.unit));
    const inputs = [...readInputs("crashers", name), ...runner.corpus];
    for (const input of inputs) await runner.runInput(input);
    expect(runner.counts().inputs).toBe(inputs.length);
  });

  test(`${target.inputs.toLocaleString("en")} inputs`, { timeout: HOUR }, async () => {
    const runner = await FuzzRunner.create(target, await loadFuelled(target.unit));
    await runner.run(SEED, 0, target.inputs);
    const { inputs, verdicts, worstStepsPerByte } = runner.counts();
    console.log(
      `${name}: ${inputs} inputs, ${verdicts.join("/")}, ${worstStepsPerByte} steps/byte`,
    );
    expect(inputs).toBe(target.inputs);
    // Neither all garbage nor all fine.
    const accepted = (verdicts[1] ?? 0) + (verdicts[2] ?? 0);
    expect(accepted).toBeGreaterThan(target.inputs / 200);
    expect(verdicts[3]).toBeGreaterThan(target.inputs / 200);
  });
});
