// The table of protocols names the tests that show what it says: they exist, and no cell is without one.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const NOTHING_TO_SHOW = "it has none";

const rows = readFileSync(new URL("docs/protocols.md", ROOT), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ["))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test("protocols are in order, each with every column", () => {
  const names = rows.map(([name = ""]) => /^\[([^\]]+)\]/.exec(name)?.[1] ?? "");
  expect(names.length).toBeGreaterThanOrEqual(3);
  expect(names).toEqual(names.toSorted((a, b) => a.localeCompare(b, "en")));
  expect(new Set(rows.map(({ length }) => length))).toEqual(new Set([9]));
});

test.each(rows)("%s: each cell has its test", (_name, ...cells) => {
  for (const cell of cells) {
    if (cell === NOTHING_TO_SHOW) continue;
    const file = /`([\w/-]+\.test\.ts)`$/.exec(cell)?.[1];
    expect(file, cell).toBeDefined();
    expect(existsSync(new URL(`wasm-test/${file ?? ""}`, ROOT)), cell).toBe(true);
  }
});
