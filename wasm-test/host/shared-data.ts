// Key-value data shared by all VMs with the same vm_id. Source: proxy-wasm-cpp-host shared_data.cc.

import { WasmResult } from "./abi-values.js";

export interface SharedValue {
  readonly value: Uint8Array;
  /** Version for compare-and-swap; never 0. */
  readonly cas: number;
}

export class SharedData {
  readonly #values = new Map<string, SharedValue>();
  #lastCas = 0;

  get(key: string): SharedValue | undefined {
    return this.#values.get(key);
  }

  /** Stores a copy of `value`. A `cas` of 0 stores in any case; a key that does not exist takes any `cas`. */
  set(key: string, value: Uint8Array, cas: number): WasmResult {
    const old = this.#values.get(key);
    if (old !== undefined && cas !== 0 && cas !== old.cas) return WasmResult.CasMismatch;
    this.#values.set(key, { value: value.slice(), cas: ++this.#lastCas });
    return WasmResult.Ok;
  }
}
