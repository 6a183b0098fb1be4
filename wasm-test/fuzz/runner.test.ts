// The fuzzer itself: it finds each fault that it is there for, and makes the input small.
import { expect, test } from "vitest";
import { loadCovered, loadFuelled } from "./fuzz-module.js";
import { FuzzRunner } from "./runner.js";
import type { FuzzTarget } from "./targets.js";

const INPUTS = 200_000;
const SEED = 5;

/** A target whose seeds come near the rule that `letter` breaks. */
function targetFor(letter: string): FuzzTarget {
  return {
    name: "broken",
    unit: "fuzz-broken",
    inputs: INPUTS,
    seeds: () => [Buffer.from(`ab-${letter}${letter}fghij`)],
    spans: () => [],
    tokens: [Buffer.from("x")],
    files: /^/,
  };
}

async function failureOf(letter: string): Promise<string> {
  const runner = await FuzzRunner.create(targetFor(letter), await loadFuelled("fuzz-broken"));
  try {
    await runner.run(SEED, 0, INPUTS);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "";
}

test.each([
  ["a read behind the input", "b", "memory access out of bounds"],
  ["a loop without end", "l", "takes more steps than its length allows"],
  ["too much memory at once", "m", "allocated more than the documented bound"],
  ["a write outside of its room", "o", "wrote outside of the room it was given"],
])("%s is found, and five bytes are left of it", async (_, letter, reason) => {
  const failure = await failureOf(letter);
  expect(failure).toContain(`broken: ${reason}\n`);
  const smallest = Buffer.from(`\0\0x${letter}${letter}`).toString("hex");
  expect(failure).toMatch(new RegExp(`fails by itself:\n${smallest}$`));
});

test.each([
  ["memory that is kept", "k", "memory is not given back"],
  ["what depends on bytes in front of the input", "f", "what came out depends on"],
  ["what depends on an earlier input", "e", "what came out depends on"],
])("%s is found", async (_, letter, reason) => {
  expect(await failureOf(letter)).toContain(`broken: ${reason}`);
});

test("branches are counted one by one", async () => {
  const covered = await loadCovered("fuzz-broken");
  const runner = await FuzzRunner.createWith(targetFor("-"), covered, [Buffer.from("seed")]);
  const news = ["", "", "abc", "abc"].map((text) => runner.runForNews(Buffer.from(text)));
  expect(news).toEqual([true, false, true, false]);
  expect(covered.branches.some(({ function: name }) => name.includes("hashBytes"))).toBe(true);
});
