import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { buildModule } from "./build-module.js";

const NODE_MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));
const MODULE = `
export function proxy_abi_version_0_2_1(): void {}
export function proxy_on_downstream_data(id: u32, size: u32, end: u32): u32 { return 0; }
export function proxy_on_upstream_data(id: u32, size: u32, end: u32): u32 { return 1; }
`;

let folder: string;

// The compiler writes in colours where it finds a CI, terminal or not; it looks when it is loaded.
beforeAll(() => {
  vi.stubEnv("CI", "true");
});

afterAll(() => {
  vi.unstubAllEnvs();
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-build-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A project with a compiler, as an installation makes it. */
function project(name: string, files: Readonly<Record<string, string>>): string {
  const options = { optimizeLevel: 3, runtime: "stub", exportStart: "_initialize" };
  const all = { "asconfig.json": JSON.stringify({ options }), ...files };
  for (const [path, text] of Object.entries(all)) {
    const file = join(folder, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  symlinkSync(NODE_MODULES, join(folder, name, "node_modules"));
  return join(folder, name);
}

describe("the build of a project's module", () => {
  test("gives the same bytes wherever the project lies", async () => {
    // A failed assertion knows the file that it stands in.
    const files = {
      "assembly/abort.ts": `export let place = "";
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  if (file != null) place = file;
}`,
      "assembly/line.ts": `import { place } from "./abort";
${MODULE}export function proxy_on_tick(id: u32): u32 { assert(id > 0); return place.length; }`,
      "asconfig.json": JSON.stringify({
        options: { optimizeLevel: 3, runtime: "stub", use: ["abort=assembly/abort/abort"] },
      }),
    };
    const [first, second] = [project("a", files), project("deep/er/b", files)];
    const { digest } = await buildModule({
      entry: join(first, "assembly/line.ts"),
      output: undefined,
    });
    const output = join(folder, "out/own.wasm");
    const other = await buildModule({ entry: join(second, "assembly/line.ts"), output });
    expect(other.digest).toBe(digest);
    expect(other.file).toBe(output);
    expect(readFileSync(join(first, "build/line.wasm")).equals(readFileSync(output))).toBe(true);
  });

  test.each([
    [
      "does not compile",
      { "assembly/line.ts": `${MODULE}let x: u32 = "text";` },
      /line\.ts does not compile:\nERROR TS2322: /,
    ],
    [
      "is none of a protocol",
      { "assembly/line.ts": "export function f(): void {}" },
      /line\.ts is refused: no module of a protocol: it does not export proxy_abi_version_0_2_1/,
    ],
    [
      "asks for what it does not get",
      {
        "assembly/env.ts": "export declare function proxy_send_local_response(a: u32): u32;",
        "assembly/line.ts": `import { proxy_send_local_response } from "./env";
${MODULE}export function proxy_on_tick(id: u32): void { proxy_send_local_response(id); }`,
      },
      /line\.ts is refused: it imports what modules may not call: env\.proxy_send_local_response$/,
    ],
  ])("of a module that %s leaves nothing behind", async (_, files, message) => {
    const root = project("a", files);
    const built = buildModule({ entry: join(root, "assembly/line.ts"), output: undefined });
    await expect(built).rejects.toThrow(message);
    expect(readdirSync(join(root, "build"))).toEqual([]);
  });

  test("needs an entry, a project around it, and its compiler", async () => {
    const entry = join(folder, "line.ts");
    const build = (): Promise<unknown> => buildModule({ entry, output: undefined });
    await expect(build()).rejects.toThrow("line.ts does not exist");
    writeFileSync(entry, MODULE);
    await expect(build()).rejects.toThrow("no folder above it has asconfig.json");
    writeFileSync(join(folder, "asconfig.json"), "{}");
    await expect(build()).rejects.toThrow("has no assemblyscript: run `npm install` there");
    expect(existsSync(join(folder, "build"))).toBe(false);
  });
});
