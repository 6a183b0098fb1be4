import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { className, metricName, projectNameFault } from "./project-name.js";
import { writeProject } from "./project.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-scaffold-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function template(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return join(folder, name);
}

describe("a project", () => {
  test("is its templates with the values in texts and names; later templates win", async () => {
    const first = template("first", {
      gitignore: "build/\n",
      "src/__name__.ts": "class __Name__Filter {} // __name__, a __name__\n",
      "both.txt": "first\n",
    });
    const second = template("second", { "both.txt": "second\n", "src/more/a.hex": "00\n" });
    const project = join(folder, "deep", "project");
    const values = { name: "quota", Name: "Quota" };
    const files = await writeProject({ templates: [first, second], values, folder: project });
    expect(files).toEqual([".gitignore", "both.txt", "src/more/a.hex", "src/quota.ts"]);
    const text = (path: string): string => readFileSync(join(project, path), "utf8");
    expect(text("src/quota.ts")).toBe("class QuotaFilter {} // quota, a quota\n");
    expect(text("both.txt")).toBe("second\n");
    expect(text(".gitignore")).toBe("build/\n");
  });

  test("is never written over a folder, not even an empty one", async () => {
    const from = template("from", { "a.txt": "new\n" });
    const there = template("there", { "a.txt": "old\n" });
    mkdirSync(join(folder, "empty"));
    for (const target of [there, join(folder, "empty")]) {
      const written = writeProject({ templates: [from], values: {}, folder: target });
      await expect(written).rejects.toThrow(`${target} exists already; nothing was written`);
    }
    expect(readFileSync(join(there, "a.txt"), "utf8")).toBe("old\n");
    expect(existsSync(join(folder, "empty", "a.txt"))).toBe(false);
  });

  test("leaves nothing behind when its template asks for a value that is not there", async () => {
    const from = template("from", { "a.txt": "fine\n", "b.txt": "__nothing__\n" });
    const project = join(folder, "project");
    const written = writeProject({ templates: [from], values: {}, folder: project });
    await expect(written).rejects.toThrow("__nothing__");
    expect(existsSync(project)).toBe(false);
  });
});

describe("the name of a project", () => {
  test.each(["quota", "quota2", "rate-by-caller", "a-1", "x".repeat(50)])("may be %s", (name) => {
    expect(projectNameFault(name)).toBeUndefined();
  });

  test.each(["", "Quota", "2nd", "a_b", "a--b", "-a", "a-", "../a", "a.b", "ä", "x".repeat(51)])(
    "may not be %j",
    (name) => {
      expect(projectNameFault(name)).toMatch(/^must /);
    },
  );

  test("gives those of classes and metrics", () => {
    expect(className("rate-by-caller2")).toBe("RateByCaller2");
    expect(metricName("rate-by-caller2")).toBe("rate_by_caller2");
  });
});
