// What users install: the command and what it needs, and nothing that only builds or tests it.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "./package-root.js";

const SHIPPED = [
  "LICENSE",
  "README.md",
  "build/awesomerpc.wasm",
  "build/bolt.wasm",
  "build/brpc.wasm",
  "build/dubbo.wasm",
  "build/kafka.wasm",
  "build/redis.wasm",
  "build/tars.wasm",
  "build/thrift.wasm",
  "build/trpc.wasm",
  "build/zookeeper.wasm",
  "controlplane/dist/cli/main.js",
  "controlplane/dist/server/control-plane.js",
  "docs/operators/resources.md",
  "envoy-configs/tls/envoy.yaml",
  "package.json",
  "templates/codec/assembly/codec.ts",
  "templates/codec/captures/request.hex",
  "templates/codecs/dubbo/tests/frames/request.hex",
  "templates/filter/assembly/filter.ts",
  "templates/filter/gitignore",
  "templates/filter/package.json",
];

const NOT_SHIPPED = [
  ".cache/envoy/envoy",
  "assembly/modules/dubbo.ts",
  "build/.inputs/dubbo.json",
  "build/certificates/key.pem",
  "build/examples/http-headers.wasm",
  "build/test/wire.wasm",
  "controlplane/cli/main.ts",
  "controlplane/dist/cli/main.js.map",
  "scripts/test",
  "wasm-test/envoy/line.test.ts",
];

test("the package has the command, the modules, the examples and the documentation", () => {
  const folder = mkdtempSync(join(tmpdir(), "metaproto-package-"));
  try {
    for (const path of [...SHIPPED, ...NOT_SHIPPED]) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), "");
    }
    copyFileSync(join(packageRoot(), "package.json"), join(folder, "package.json"));
    const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
    const output = execFileSync("npm", args, { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
    const [packed] = JSON.parse(output.toString()) as { files: { path: string }[] }[];
    expect(packed?.files.map(({ path }) => path).sort()).toEqual(SHIPPED);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the build leaves tests and what supports them out", () => {
  const tsc = join(packageRoot(), "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", join(packageRoot(), "controlplane/tsconfig.json"), "--listFilesOnly"];
  const files = execFileSync(process.execPath, args)
    .toString()
    .split("\n")
    .filter((file) => file.startsWith(join(packageRoot(), "controlplane/")));
  expect(files).toContain(join(packageRoot(), "controlplane/cli/main.ts"));
  expect(files.filter((file) => /\/testing\/|\.test\.ts$/.test(file))).toEqual([]);
});
