import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDescription } from "../frame/read-description.js";
import { packageRoot } from "./package-root.js";
import { runCommand } from "./testing/run-command.js";

test("a description is printed as the table that a configuration takes", async () => {
  const file = join(packageRoot(), "docs/protocol-owners/frames/courier.yaml");
  const { code, stdout } = await runCommand("codec", "table", file);
  expect(code).toBe(0);
  const { table } = readDescription(file, readFileSync(file, "utf8"));
  expect(table.length).toBeGreaterThan(100);
  expect(stdout).toBe(`${Buffer.from(table).toString("base64")}\n`);
});
