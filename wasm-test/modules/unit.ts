// Units: AssemblyScript of wasm-test/units that a test calls directly, with no proxy around it. What a
// proxy would run belongs into the host emulator, wasm-test/host.
import { instantiate } from "@assemblyscript/loader";
import { builtModule } from "./built-module.js";

/** What every unit exports. An interface that extends it names the unit's own functions. */
export interface UnitExports {
  readonly memory: WebAssembly.Memory;
}

/**
 * Builds (if sources have changed) and instantiates `wasm-test/units/<unit>.ts`, with a memory of its own.
 * A failed assertion in it throws here, with the assertion's message, file and line. An i32 comes back
 * signed, also where AssemblyScript says u32 or usize; a bool as 0 or 1.
 */
export async function instantiateUnit<Exports extends UnitExports>(unit: string): Promise<Exports> {
  const { exports } = await instantiate(await builtModule(`test/${unit}`));
  // What it exports is known to its source alone; a missing function fails where it is called.
  return exports as unknown as Exports;
}
