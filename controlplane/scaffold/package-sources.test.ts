import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageSources } from "./package-sources.js";

let folder: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "metaproto-sources-")));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function packageAt(...path: readonly string[]): void {
  mkdirSync(join(folder, ...path), { recursive: true });
  writeFileSync(join(folder, ...path, "package.json"), "{}\n");
}

test("a command that was installed has packages of its own version from a registry", () => {
  packageAt("installed");
  expect(packageSources(join(folder, "installed"), "1.2.3", join(folder, "depot"))).toEqual({
    command: "^1.2.3",
    dataPlane: "^1.2.3",
    testKit: "^1.2.3",
  });
});

test("one of a checkout has those of the checkout, wherever the project is to be", () => {
  for (const path of [".", "assembly", "wasm-test/kit"]) packageAt("checkout", path);
  mkdirSync(join(folder, "real", "deep"), { recursive: true });
  symlinkSync(join(folder, "real", "deep"), join(folder, "link"));
  const sources = (project: string): unknown =>
    packageSources(join(folder, "checkout"), "1.2.3", join(folder, project)).dataPlane;
  expect(sources("depot")).toBe("file:../checkout/assembly");
  expect(sources("checkout/depot")).toBe("file:../assembly");
  expect(sources("not/yet/there")).toBe("file:../../../checkout/assembly");
  expect(sources("link/depot")).toBe("file:../../../checkout/assembly");
});
