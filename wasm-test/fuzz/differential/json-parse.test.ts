// What the JSON reader takes, JSON.parse takes, and the other way round.
import { expect, test } from "vitest";
import { loadFuelled } from "../fuzz-module.js";
import { FuzzRunner } from "../runner.js";
import { targetNamed } from "../targets.js";

const SEED = 0x150;
const INPUTS = 100_000;
const INPUTS_PER_COLLECTION = 256;
const LEAST_ACCEPTED = 5000;
const MINUTES = 10 * 60_000;
/** Values within each other, of which a configuration needs fewer. */
const MAX_DEPTH = 32;
const LONE_SURROGATE = /\p{Surrogate}/u;
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
const ACCEPTED = 1;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function parsed(bytes: Uint8Array): { text: string; value: unknown } | undefined {
  try {
    const text = strict.decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function depth(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depth));
}

function hasLoneSurrogate(value: unknown): boolean {
  if (typeof value === "string") return LONE_SURROGATE.test(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(
    ([key, member]) => LONE_SURROGATE.test(key) || hasLoneSurrogate(member),
  );
}

test(`${String(INPUTS)} inputs`, { timeout: MINUTES }, async () => {
  const target = targetNamed("json");
  const runner = await FuzzRunner.create(target, await loadFuelled(target.unit));
  let accepted = 0;
  for (let index = 0; index < INPUTS; index++) {
    const bytes = runner.make(SEED, index);
    runner.exports.runInput();
    if (index % INPUTS_PER_COLLECTION === 0) runner.exports.checkHeap();
    const isAccepted = runner.exports.lastVerdict() === ACCEPTED;
    if (isAccepted) accepted++;
    const theirs = parsed(bytes);
    // A lone surrogate behind a key that is given twice is lost to JSON.parse: only its escape shows.
    if (theirs !== undefined && SURROGATE_ESCAPE.test(theirs.text)) continue;
    // The reader takes no lone surrogates, which are no text in UTF-8, and nothing that is deeper.
    const isExpected =
      theirs !== undefined && depth(theirs.value) <= MAX_DEPTH && !hasLoneSurrogate(theirs.value);
    if (isAccepted !== isExpected) {
      expect(isAccepted, Buffer.from(bytes).toString("latin1")).toBe(isExpected);
    }
  }
  expect(accepted).toBeGreaterThan(LEAST_ACCEPTED);
});
