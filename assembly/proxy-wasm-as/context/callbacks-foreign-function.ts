// The exported callback of foreign functions.
// Spec: proxy-wasm ABI 0.2.1, chapter "Foreign function interface (FFI)".
// Allocates: never, apart from the plugin's own code.

import { enterCallback, leaveCallback } from "../memory/host-bytes";
import { pluginContexts } from "./context-table";

export function proxy_on_foreign_function(
  contextId: u32,
  functionId: u32,
  argumentsSize: u32,
): void {
  const plugin = pluginContexts.get(contextId);
  if (plugin == null) return;
  const frame = enterCallback();
  plugin.onForeignFunction(functionId, argumentsSize);
  leaveCallback(frame);
}
