// Instantiates a test unit that calls no host: the bare wasm functions.

import { readFileSync } from "node:fs";

import { buildWasm } from "../../../scripts/build-wasm.mjs";

type UnitFunction = (...args: readonly number[]) => unknown;

/** The exports of a unit. Addresses come back unsigned. */
export interface UnitModule {
  readonly memory: WebAssembly.Memory;
  /** Calls an exported function; a void one returns 0. @throws Error when there is no such export. */
  call(name: string, ...args: readonly number[]): number;
  /** As `call`, for an i64 result. */
  call64(name: string, ...args: readonly number[]): bigint;
}

/** Builds (when sources have changed) and instantiates the target `test/<unit>` of asconfig.json. */
export async function loadUnit(unit: string): Promise<UnitModule> {
  const bytes = readFileSync(await buildWasm(`test/${unit}`));
  const { instance } = await WebAssembly.instantiate(bytes, { env: { proxy_log: () => 0 } });
  const { memory } = instance.exports;
  if (!(memory instanceof WebAssembly.Memory)) throw new Error(`${unit} exports no memory`);
  const invoke = (name: string, args: readonly number[]): unknown => {
    const exported = instance.exports[name];
    if (typeof exported !== "function") throw new Error(`${unit} exports no ${name}`);
    return (exported as UnitFunction)(...args);
  };
  invoke("_initialize", []);
  return {
    memory,
    call(name, ...args) {
      const result = invoke(name, args);
      return typeof result === "number" ? result >>> 0 : 0;
    },
    call64(name, ...args) {
      const result = invoke(name, args);
      if (typeof result !== "bigint") throw new Error(`${name} returns no i64`);
      return result;
    },
  };
}
