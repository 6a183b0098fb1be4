// AssemblyScript entry: a context table of the SDK as flat exports.

import { ContextTable } from "../../assembly/proxy-wasm-as/context/context-table";
import { StreamContext } from "../../assembly/proxy-wasm-as/context/stream-context";
import { setHeapLimit } from "../../assembly/proxy-wasm-as/memory/heap-limit";

export { setHeapLimit };

const table = new ContextTable<StreamContext>();
const pooled = new StreamContext();

/** Adds a context of its own whose `id` is `mark`. */
export function add(id: u32, mark: u32): bool {
  const context = new StreamContext();
  context.id = mark;
  return table.set(id, context);
}

/** Adds the one context that all calls of this function share: allocates nothing. */
export function addPooled(id: u32): bool {
  return table.set(id, pooled);
}

/** The `id` of the context that is stored under `id`, -1 when there is none. */
export function find(id: u32): i64 {
  const context = table.get(id);
  return context == null ? -1 : <i64>context.id;
}

export function remove(id: u32): void {
  table.remove(id);
}

export function count(): i32 {
  return table.count;
}

export function collect(): void {
  __collect();
}

/** Opens and closes connections in sequence, `alive` of them at a time; returns how many were not found. */
export function churn(firstId: u32, connections: u32, alive: u32): u32 {
  let missing: u32 = 0;
  for (let i: u32 = 0; i < connections; i++) {
    table.set(firstId + i, pooled);
    if (i >= alive) {
      if (table.get(firstId + i - alive) == null) missing++;
      table.remove(firstId + i - alive);
    }
  }
  return missing;
}
