import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ModuleDirectory, type ModuleSet } from "./module-directory.js";
import { moduleBytes, pluginBytes } from "./testing/plugin-bytes.js";

let folder: string;
let modules: ModuleDirectory | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-modules-"));
});

afterEach(() => {
  modules?.stop();
  modules = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Replaces a file as a build does: at once. */
function put(name: string, bytes: Uint8Array): void {
  writeFileSync(join(folder, `${name}.partial`), bytes);
  renameSync(join(folder, `${name}.partial`), join(folder, name));
}

async function watched(): Promise<{ readonly sets: ModuleSet[]; readonly first: ModuleSet }> {
  modules = new ModuleDirectory(folder, { quietMs: 5, pollMs: 50 });
  const sets: ModuleSet[] = [];
  const first = await modules.start();
  modules.onChange((set) => sets.push(set));
  return { sets, first };
}

describe("modules of a folder", () => {
  test("are named after their files and versioned by their content", async () => {
    put("dubbo.wasm", pluginBytes(1));
    put("README.md", Buffer.from("no module"));
    const { modules: found, faults } = await ModuleDirectory.load(folder);
    expect(faults).toEqual([]);
    expect([...found.keys()]).toEqual(["dubbo"]);
    expect(found.get("dubbo")).toMatchObject({ name: "dubbo", file: join(folder, "dubbo.wasm") });
    expect(found.get("dubbo")?.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test("a replaced file is a new version, an added one a new module, a removed one is gone", async () => {
    put("dubbo.wasm", pluginBytes(1));
    const { sets, first } = await watched();
    put("dubbo.wasm", pluginBytes(2));
    await expect.poll(() => sets.at(-1)?.modules.get("dubbo")?.digest).toBeDefined();
    expect(sets.at(-1)?.modules.get("dubbo")?.digest).not.toBe(first.modules.get("dubbo")?.digest);
    put("thrift.wasm", pluginBytes(3));
    await expect.poll(() => [...(sets.at(-1)?.modules.keys() ?? [])]).toEqual(["dubbo", "thrift"]);
    rmSync(join(folder, "dubbo.wasm"));
    await expect.poll(() => [...(sets.at(-1)?.modules.keys() ?? [])]).toEqual(["thrift"]);
  });

  test.each([
    ["half a file", pluginBytes(1).subarray(0, 20), /dubbo\.wasm: no valid WebAssembly/],
    ["a module for something else", moduleBytes(["main"], 1), /does not export proxy_abi_version/],
    [
      "a filter of HTTP streams",
      moduleBytes(["proxy_abi_version_0_2_1", "proxy_on_request_headers"], 1),
      /does not export proxy_on_downstream_data/,
    ],
  ])("%s is refused, and the version before stays", async (_, bytes, reason) => {
    put("dubbo.wasm", pluginBytes(1));
    const { sets, first } = await watched();
    put("dubbo.wasm", bytes);
    await expect.poll(() => sets.at(-1)?.faults.length).toBe(1);
    expect(sets.at(-1)?.faults[0]).toMatch(reason);
    expect(sets.at(-1)?.modules.get("dubbo")).toBe(first.modules.get("dubbo"));
    put("dubbo.wasm", pluginBytes(2));
    await expect.poll(() => sets.at(-1)?.faults).toEqual([]);
  });

  test("a folder that comes later is found", async () => {
    rmSync(folder, { recursive: true });
    const { sets, first } = await watched();
    expect(first.modules.size).toBe(0);
    mkdirSync(folder);
    put("dubbo.wasm", pluginBytes(1));
    await expect.poll(() => sets.at(-1)?.modules.has("dubbo")).toBe(true);
  });
});
