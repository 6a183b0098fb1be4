// Garbage collection, on request only: the `minimal` runtime never collects by itself.
// It marks from globals (the context tables among them) but cannot see the wasm stack. A managed object
// that only a local variable refers to would be freed under it. In a callback that was entered while
// another one is on the stack the outer one's locals are in danger as well.
// Allocates: never.

let isRequested: bool = false;

/**
 * Collects now. Only from PluginContext.onTick, which the host never nests in another callback, and
 * with no managed reference in a local variable that is not reachable from a global or a context.
 */
export function collectGarbage(): void {
  __collect();
}

/** Collects after the next onTick has returned, when no code of the module is on the stack: always safe. */
export function collectGarbageAfterTick(): void {
  isRequested = true;
}

/** Called by proxy_on_tick, after the plugin's own code. */
export function collectIfRequested(): void {
  if (!isRequested) return;
  isRequested = false;
  __collect();
}
