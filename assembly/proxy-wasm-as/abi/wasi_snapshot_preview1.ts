// The WASI functions that proxy-wasm ABI 0.2.1 defines and a module may use, as raw imports.
// asc imports a function declared in a file of this name from the wasm module of the same name. A
// module that calls none of them has no WASI import.
// Spec: https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
// Each returns a WASI errno (see WasiErrno in enums.ts), not a proxy_status_t. Allocates: never.

export declare function clock_time_get(clockId: u32, precision: u64, returnTime: usize): u32;
export declare function random_get(bufferPtr: usize, bufferLen: usize): u32;
export declare function environ_sizes_get(returnCount: usize, returnLen: usize): u32;
export declare function environ_get(returnPointers: usize, returnBuffer: usize): u32;
