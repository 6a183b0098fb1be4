// AssemblyScript: how much longer the code may run. wasm-test/fuzz/instrument.ts puts a global in the
// place of these two; the file's name is the import's module.

/** The functions and turns of loops that may follow before the module traps. */
export declare function setFuel(steps: i32): void;
export declare function fuelLeft(): i32;
