// The exported callback of shared queues.
// Spec: proxy-wasm ABI 0.2.1, chapter "Shared Queues".
// Allocates: never, apart from the plugin's own code.

import { enterCallback, leaveCallback } from "../memory/host-bytes";
import { pluginContexts } from "./context-table";

export function proxy_on_queue_ready(contextId: u32, token: u32): void {
  const plugin = pluginContexts.get(contextId);
  if (plugin == null) return;
  const frame = enterCallback();
  plugin.onQueueReady(token);
  leaveCallback(frame);
}
