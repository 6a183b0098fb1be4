/** The names of all targets of asconfig.json. */
export declare function wasmTargets(): string[];

/**
 * Brings one target up to date and returns the path of its .wasm file. Rejects with the compiler's
 * output when it does not compile, and for an unknown target.
 */
export declare function buildWasm(name: string): Promise<string>;
