// A fuzz target in a module that traps when it takes too many steps, and, as a copy that the compiler
// did not optimise, tells which branches of the sources were reached.
import { readFileSync } from "node:fs";
import { instantiate } from "@assemblyscript/loader";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import type { UnitExports } from "../modules/unit.js";
import { type Branch, instrument } from "../kit/steps/instrument.js";

/** What wasm-test/units/fuzz/driver.ts exports. */
export interface FuzzExports extends UnitExports {
  /** Of units whose targets have a configuration. */
  configure?(ptr: number, len: number): void;
  reserve(bytes: number): number;
  addEntry(ptr: number, len: number, spans: number, spanCount: number): number;
  addToken(ptr: number, len: number): number;
  endSeeds(): void;
  maxInputBytes(): number;
  setStepsPerStep(steps: number): void;
  open(): void;
  make(seed: number, index: number): void;
  take(ptr: number, len: number): void;
  runInput(): number;
  compareElsewhere(digest: number): void;
  checkHeap(): void;
  run(seed: number, first: number, count: number): void;
  runUntilNew(seed: number, first: number, count: number): number;
  runForNews(): number;
  inputPtr(): number;
  readonly inputLen: WebAssembly.Global;
  currentInput(): number;
  verdictCount(verdict: number): number;
  lastVerdict(): number;
  worstStepsPerKilobyte(): number;
  coverageMap(): number;
  knownBranches(): number;
}

/** A compiled copy of a fuzz unit. */
export interface FuzzModule {
  readonly module: WebAssembly.Module;
  /** Empty unless the copy counts branches. */
  readonly branches: readonly Branch[];
  /** Of its steps, how many do what one does in the optimised copy. */
  readonly stepsPerStep: number;
}

/** Nothing is inlined, so that each access is a call. */
const UNOPTIMISED_STEPS = 16;

/** Functions of the data plane's sources; not those of the test, nor what the compiler adds. */
const isOurs = (name: string) =>
  name.startsWith("assembly/") && !name.includes("/proxy-wasm-as/") && !/[~@]/.test(name);

/** What the unit of frame assembly has besides: its host. */
interface AssemblyExports extends FuzzExports {
  getBufferBytes(start: number, maxLen: number, returnPtr: number, returnLen: number): number;
}

const unused = () => {
  throw new Error("the instrumented module does not call this");
};

export async function instantiateFuzz(module: WebAssembly.Module): Promise<FuzzExports> {
  const host: Record<string, WebAssembly.ImportValue> = {
    // Of the arguments, the first says which buffer: there is one.
    proxy_get_buffer_bytes: (_: number, start: number, maxLen: number, ptr: number, len: number) =>
      guest.getBufferBytes(start, maxLen, ptr, len),
    // There is one context.
    proxy_set_effective_context: () => 0,
  };
  const { exports } = await instantiate(module, {
    fuel: { setFuel: unused, fuelLeft: unused },
    env: host,
  });
  const guest = exports as unknown as AssemblyExports;
  return guest;
}

/** The module with the product's optimisations, and fuel. */
export async function loadFuelled(unit: string): Promise<FuzzModule> {
  const { bytes } = instrument(readFileSync(await buildWasm(`test/${unit}`)));
  return { module: new WebAssembly.Module(Buffer.from(bytes)), branches: [], stepsPerStep: 1 };
}

/** The module with fuel and a map of branches. */
export async function loadCovered(unit: string): Promise<FuzzModule> {
  const plain = readFileSync(await buildWasm(`coverage/${unit}`));
  const fuelled = new WebAssembly.Module(Buffer.from(instrument(plain).bytes));
  const coverageMap = (await instantiateFuzz(fuelled)).coverageMap();
  const { bytes, branches } = instrument(plain, { coverageMap, isCovered: isOurs });
  const module = new WebAssembly.Module(Buffer.from(bytes));
  return { module, branches, stepsPerStep: UNOPTIMISED_STEPS };
}
