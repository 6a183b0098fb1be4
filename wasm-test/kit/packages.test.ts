// What users' projects install: sources and what they need, and nothing that only builds or tests this repository.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Paths in the package that `npm pack` would make of a folder. */
function packed(folder: string): string[] {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const output = execFileSync("npm", args, {
    cwd: `${ROOT}${folder}`,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [result] = JSON.parse(output.toString()) as { files: { path: string }[] }[];
  return result?.files.map(({ path }) => path) ?? [];
}

describe("the package metaproto-as", () => {
  const files = packed("assembly");

  test.each([
    ...["LICENSE", "README.md", "package.json", "asconfig.json", "tsconfig.json"],
    ...[
      "exports.ts",
      "module.ts",
      "codec/index.ts",
      "filter/index.ts",
      "modules/built-in-filters.ts",
    ],
    ...["codecs/dubbo/codec.ts", "codecs/thrift/codec.ts", "codecs/thrift/README.md"],
    ...["proxy-wasm-as/index.ts", "proxy-wasm-as/abi/env.ts"],
    "proxy-wasm-as/memory/asc-runtime.d.ts",
  ])("has %s", (file) => {
    expect(files).toContain(file);
  });

  test("has nothing but sources besides", () => {
    const others = files.filter((file) => !/\.ts$|README\.md$/.test(file));
    expect(others.sort()).toEqual(["LICENSE", "asconfig.json", "package.json", "tsconfig.json"]);
    const ofExamples = /examples\/|codecs\/line\/|modules\/line/;
    expect(files.filter((file) => ofExamples.test(file))).toEqual([]);
  });
});

test("the package metaproto-test has no sources and no tests", () => {
  const files = packed("wasm-test/kit").filter((file) => !file.startsWith("dist/"));
  expect(files.sort()).toEqual(["LICENSE", "README.md", "package.json"]);
});
