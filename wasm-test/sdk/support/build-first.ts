// Builds modules before a file's tests, with time for it: a test's own limit is for the test.

import { beforeAll } from "vitest";

import { buildWasm } from "../../../scripts/build-wasm.mjs";

const BUILD_TIMEOUT_MS = 180_000;

/** Brings targets of asconfig.json up to date before the first test of the calling file. */
export function buildFirst(...targets: readonly string[]): void {
  beforeAll(async () => {
    for (const target of targets) await buildWasm(target);
  }, BUILD_TIMEOUT_MS);
}
