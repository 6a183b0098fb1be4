// The wabt package behind two typed functions: text to bytes, bytes to text.

import createWabt from "wabt";

const FEATURES = {
  bulk_memory: true,
  multi_value: true,
  mutable_globals: true,
  reference_types: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
} as const;

const wabt = await createWabt();

/**
 * Compiles WebAssembly text.
 * @throws Error with file name, line and column when it does not parse or validate.
 */
export function assemble(text: string, fileName = "module.wat"): Uint8Array {
  const module = wabt.parseWat(fileName, text, FEATURES);
  try {
    module.validate();
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

/**
 * The text of a module: one declaration a line, everything named by its index.
 * @throws Error when the bytes are no valid module.
 */
export function disassemble(bytes: Uint8Array): string {
  const module = wabt.readWasm(bytes, { ...FEATURES, readDebugNames: false });
  try {
    return module.toText({ foldExprs: false, inlineExport: false });
  } finally {
    module.destroy();
  }
}
