// `metaproto codec test`: what it prints, and how it ends.
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { buildWasm } from "../../../scripts/build-wasm.mjs";
import { runCommand } from "../../../controlplane/cli/testing/run-command.js";

const CAPTURES = fileURLToPath(new URL("../courier/captures", import.meta.url));
const DESCRIPTION = fileURLToPath(
  new URL("../../../docs/protocol-owners/frames/courier.yaml", import.meta.url),
);
const LIMIT_MS = 5 * 60_000;

beforeAll(async () => {
  await buildWasm("frame");
});

test(
  "a report for people, and exit code 0",
  async () => {
    const args = ["codec", "test", DESCRIPTION, "--captures", CAPTURES, "--inputs", "100"];
    const { code, stdout, stderr } = await runCommand(...args);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^fuzzing +passed +100 inputs, seed 1: /m);
    expect(stdout).toMatch(/^27 passed, 0 failed, 0 not applicable$/m);
    expect(code).toBe(0);
  },
  LIMIT_MS,
);

test(
  "a report for machines, and exit code 1 when a check fails",
  async () => {
    const line = await buildWasm("line");
    const args = ["codec", "test", line, "--captures", CAPTURES, "--inputs", "0", "--json"];
    const { code, stdout } = await runCommand(...args);
    expect(code).toBe(1);
    const report = JSON.parse(stdout) as { isPassed: boolean; checks: { outcome: string }[] };
    expect(report.isPassed).toBe(false);
    expect(report.checks.some(({ outcome }) => outcome === "failed")).toBe(true);
  },
  LIMIT_MS,
);

test("captures that are none are told", async () => {
  const { code, stderr } = await runCommand("codec", "test", DESCRIPTION, "--captures", "/nowhere");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^metaproto: .*\/nowhere/);
});
