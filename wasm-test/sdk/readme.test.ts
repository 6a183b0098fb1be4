// The README's smallest module, compiled as the README says, by a project that only has the package.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";

import { findAbiFaults } from "../abi/abi.js";
import { TestHost } from "../host/index.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDER = `${ROOT}build/test/readme`;

function compileAsTheReadmeSays(): Uint8Array {
  const readme = readFileSync(`${ROOT}assembly/proxy-wasm-as/README.md`, "utf8");
  const source = /```ts\n(\/\/ plugin\.ts[^]*?)```/.exec(readme)?.[1] ?? "";
  const command = /^npx asc (plugin\.ts [^]*?)\n```/m.exec(readme)?.[1] ?? "";
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}/plugin.ts`, source);
  const asc = `${ROOT}node_modules/assemblyscript/bin/asc.js`;
  const args = command.replaceAll("\\\n", " ").split(/\s+/);
  execFileSync(process.execPath, [asc, ...args], { cwd: FOLDER, stdio: "pipe" });
  return readFileSync(`${FOLDER}/plugin.wasm`);
}

let module: Uint8Array;

beforeAll(() => {
  module = compileAsTheReadmeSays();
});

describe("the smallest module", () => {
  it("is a valid module", () => {
    expect(findAbiFaults(module)).toEqual([]);
  });

  it("says hello to every connection", () => {
    const host = new TestHost({ module });
    const ids = [1, 2, 3].map(() => {
      const client = host.connect();
      host.runUntilIdle();
      return client.contextId;
    });
    expect(host.logged()).toEqual(ids.map((id) => `hello, connection ${String(id)}`));
  });
});
