// Checks a built module against the ABI, so that what Envoy would only say at load time, or not at all,
// fails a test with a sentence.

import { readShape, type ExportEntry, type ImportEntry, type ModuleShape } from "./module-shape.js";
import {
  ABI_VERSION,
  ALLOCATORS,
  CALLBACKS,
  ENTRY_POINTS,
  IMPORT_MODULES,
  describeSignature,
  type Signature,
  type SignatureTable,
} from "./signatures.js";

export interface AbiCheckOptions {
  /** Callbacks the module must export, because without them it would be loaded and do nothing. */
  readonly requiredCallbacks?: readonly string[];
}

const EXPORTED_FUNCTIONS: SignatureTable = {
  ...CALLBACKS,
  ...ALLOCATORS,
  ...ENTRY_POINTS,
  [ABI_VERSION]: ":",
};

/**
 * Everything that is wrong with the module, one sentence each; empty when it is a valid 0.2.1 module
 * that imports nothing but known host calls and exports nothing but the ABI.
 * @throws Error when the bytes are no valid WebAssembly module.
 */
export function findAbiFaults(bytes: Uint8Array, options: AbiCheckOptions = {}): string[] {
  const shape = readShape(bytes);
  return [
    ...shape.imports.flatMap(importFault),
    ...shape.exports.flatMap(exportFault),
    ...missingExports(shape, options.requiredCallbacks ?? []),
    ...startFault(shape),
  ];
}

/** @throws Error listing every fault that findAbiFaults finds. */
export function assertValidAbi(bytes: Uint8Array, options: AbiCheckOptions = {}): void {
  const faults = findAbiFaults(bytes, options);
  if (faults.length > 0) {
    throw new Error(`not a valid proxy-wasm 0.2.1 module:\n  ${faults.join("\n  ")}`);
  }
}

/** Names of the host calls the module imports from "env", sorted. */
export function importedHostCalls(bytes: Uint8Array): string[] {
  return readShape(bytes)
    .imports.filter(({ module }) => module === "env")
    .map(({ name }) => name)
    .sort();
}

function importFault({ module, name, kind, signature }: ImportEntry): string[] {
  const full = `${module}.${name}`;
  const table = IMPORT_MODULES[module];
  if (kind !== "func") return [`imports ${kind} ${full}: the host provides functions only`];
  if (table === undefined) {
    return [`imports ${full}: the host has no module "${module}"`];
  }
  if (full === "env.abort") {
    return ["imports env.abort: compile with --use abort=..., the host has no such function"];
  }
  const expected = table[name];
  if (expected === undefined) return [`imports ${full}: no such host call in ABI 0.2.1`];
  return signatureFault(`imports ${full}`, signature, expected);
}

function exportFault({ name, kind, signature }: ExportEntry): string[] {
  if (name === "memory") {
    return kind === "memory" ? [] : [`exports memory as ${kind}: it must be the linear memory`];
  }
  if (kind === "global") {
    return [`exports global ${name}: an enum or variable leaked from an entry file`];
  }
  const expected = EXPORTED_FUNCTIONS[name];
  if (kind !== "func" || expected === undefined) {
    const hint = name.startsWith("proxy_") ? " (misspelt, or of another ABI version?)" : "";
    return [`exports ${kind} ${name}: not part of the ABI${hint}`];
  }
  return signatureFault(`exports ${name}`, signature, expected);
}

function signatureFault(
  what: string,
  actual: Signature | undefined,
  expected: Signature,
): string[] {
  if (actual === expected) return [];
  const is = actual === undefined ? "unknown" : describeSignature(actual);
  return [
    `${what} as ${is}: the host expects ${describeSignature(expected)} and refuses to load it`,
  ];
}

function missingExports({ exports }: ModuleShape, required: readonly string[]): string[] {
  const names = new Set(exports.map(({ name }) => name));
  const faults: string[] = [];
  if (!names.has("memory")) faults.push("exports no memory");
  if (!names.has(ABI_VERSION)) faults.push(`does not export ${ABI_VERSION}`);
  if (!Object.keys(ALLOCATORS).some((name) => names.has(name))) {
    faults.push(
      `exports none of ${Object.keys(ALLOCATORS).join(", ")}: the host cannot give it memory`,
    );
  }
  for (const name of required) if (!names.has(name)) faults.push(`does not export ${name}`);
  return faults;
}

function startFault({ hasStartSection }: ModuleShape): string[] {
  if (!hasStartSection) return [];
  return [
    "has a start section: it runs while the host has no context yet, where any host call is a segmentation fault; compile with --exportStart _initialize",
  ];
}
