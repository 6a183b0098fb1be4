import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import wabt from "wabt";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { startFault } from "./start-module.js";
import { pluginBytes } from "./testing/plugin-bytes.js";

const tools = await wabt();

function module(...parts: readonly string[]): Uint8Array<ArrayBuffer> {
  const common = `(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 1024)`;
  return Uint8Array.from(
    tools.parseWat("m.wat", `(module ${common} ${parts.join(" ")})`).toBinary({}).buffer,
  );
}

test("a module of this package starts", async () => {
  expect(await startFault(new Uint8Array(readFileSync(await buildWasm("line"))))).toBeUndefined();
});

test.each([
  ["has no memory", pluginBytes(1), "it exports no memory"],
  [
    "traps",
    module(`(func (export "_initialize") unreachable)`),
    "it fails when it starts: unreachable",
  ],
  [
    "refuses its configuration",
    module(`(func (export "proxy_on_configure") (param i32 i32) (result i32) i32.const 0)`),
    "it refuses its configuration",
  ],
])("one that %s does not", async (_, code, reason) => {
  expect(await startFault(code)).toBe(reason);
});

test("one that never comes to an end does not", async () => {
  const code = module(`(func (export "_initialize") (loop br 0))`);
  expect(await startFault(code, 1_000)).toBe("it does not start within 1 s");
});
