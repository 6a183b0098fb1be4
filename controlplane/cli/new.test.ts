import { existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommand } from "./testing/run-command.js";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-new-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const FILES = (codec: string): string[] => [
  ".gitignore",
  "README.md",
  "asconfig.json",
  `assembly/${codec}.ts`,
  "assembly/filter.ts",
  "assembly/settings.ts",
  "assembly/tsconfig.json",
  "package.json",
  "tests/filter.test.js",
  "tests/frames/request.hex",
  "tests/frames/response.hex",
];

test.each([
  ["dubbo", "sayHello"],
  ["redis", "GET"],
])(
  "a filter for %s is a project, with what was recorded of the protocol",
  async (codec, method) => {
    const project = join(folder, "project");
    const { code, stdout } = await runCommand(
      ...["new", "filter", "caller-quota", "--codec", codec, "--dir", project],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Next: cd .*project && npm install && npm test$/m);
    for (const file of FILES(codec)) {
      expect(stdout).toContain(`${file}\n`);
      expect(readFileSync(join(project, file), "utf8")).not.toMatch(/__[a-zA-Z]+__/);
    }
    expect(
      readdirSync(project, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      ),
    ).toHaveLength(FILES(codec).length);
    const manifest: unknown = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
    expect(manifest).toMatchObject({ name: "caller-quota", private: true });
    expect(readFileSync(join(project, "assembly/filter.ts"), "utf8")).toContain(
      "class CallerQuotaFilter extends Filter",
    );
    expect(readFileSync(join(project, "tests/filter.test.js"), "utf8")).toContain(`"${method}"`);
  },
);

test("an existing folder stays as it is", async () => {
  const first = await runCommand("new", "filter", "quota", "--dir", join(folder, "quota"));
  expect(first.code).toBe(0);
  const second = await runCommand(
    ...["new", "filter", "other", "--codec", "thrift", "--dir", join(folder, "quota")],
  );
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(/^metaproto: .*quota exists already; nothing was written$/m);
  expect(existsSync(join(folder, "quota", "assembly", "thrift.ts"))).toBe(false);
});

test.each([
  [["Quota"], /'Quota' is invalid.*It must consist of small letters and digits/],
  [["../quota"], /'\.\.\/quota' is invalid/],
  [["quota", "--codec", "http"], /'http' is invalid. Allowed choices are dubbo, thrift, /],
])("%j is refused before anything is written", async (args, reason) => {
  const dir = ["--dir", join(folder, "project")];
  const { code, stderr } = await runCommand("new", "filter", ...args, ...dir);
  expect(code).toBe(1);
  expect(stderr).toMatch(reason);
  expect(readdirSync(folder)).toEqual([]);
});

const CODEC_FILES = [
  ".gitignore",
  "README.md",
  "asconfig.json",
  ...["attributes", "codec", "frame", "module", "reply", "tags"].map(
    (name) => `assembly/${name}.ts`,
  ),
  "assembly/tsconfig.json",
  "captures/captures.yaml",
  ...["oneway", "ping", "pong", "refused", "request", "response"].map(
    (name) => `captures/${name}.hex`,
  ),
  "package.json",
  "tests/codec.test.js",
];

test("a codec is a project that makes a module of its name", async () => {
  const project = join(folder, "project");
  const { code, stdout } = await runCommand("new", "codec", "depot", "--dir", project);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Next: cd .*project && npm install && npm test$/m);
  const written = readdirSync(project, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  expect(written).toHaveLength(CODEC_FILES.length);
  for (const file of CODEC_FILES) {
    expect(stdout).toContain(`${file}\n`);
    expect(readFileSync(join(project, file), "utf8")).not.toMatch(/__[a-zA-Z]+__/);
  }
  const manifest: unknown = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
  expect(manifest).toMatchObject({
    name: "depot",
    scripts: { build: "asc assembly/module.ts --outFile build/depot.wasm" },
  });
  expect(readFileSync(join(project, "assembly/codec.ts"), "utf8")).toContain(
    "class DepotCodec extends Codec",
  );
});

test.each([
  ["Depot", /'Depot' is invalid.*It must consist of small letters and digits/],
  ["my-depot", /'my-depot' is invalid.*It must not contain `-`/],
  ["frame", /'frame' is invalid.*the module of protocols that are described/],
])("a codec is not called %s", async (name, reason) => {
  const { code, stderr } = await runCommand("new", "codec", name, "--dir", join(folder, "project"));
  expect(code).toBe(1);
  expect(stderr).toMatch(reason);
  expect(readdirSync(folder)).toEqual([]);
});

test("a project of a checkout has its packages from there", async () => {
  const project = join(folder, "project");
  await runCommand("new", "codec", "depot", "--dir", project);
  const manifest = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const source = manifest.devDependencies["metaproto-as"] ?? "";
  expect(source).toMatch(/^file:/);
  const from = join(realpathSync(project), source.slice("file:".length), "codec/index.ts");
  expect(existsSync(from)).toBe(true);
});
