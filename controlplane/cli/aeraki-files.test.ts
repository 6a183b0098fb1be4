// Resources in the shapes that users of Aeraki Mesh have.
import { expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { runCommand } from "./testing/run-command.js";

const FILES = fileURLToPath(new URL("testdata/aeraki", import.meta.url));

test("resources of Aeraki Mesh are accepted as they are", async () => {
  const { code, stdout } = await runCommand("validate", FILES);
  const lines = stdout.trimEnd().split("\n");
  // Those of the mesh come from certificates, which there are none of without Istio.
  expect(lines.slice(0, -1).filter((line) => !line.includes("have no identity"))).toEqual([]);
  expect(lines.at(-1)).toMatch(/^17 resources, 4 listeners, 7 clusters: 0 faults, 2 warnings$/);
  expect(code).toBe(0);
});
