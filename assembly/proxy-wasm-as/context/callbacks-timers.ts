// The exported callback of the timer.
// Spec: proxy-wasm ABI 0.2.1, chapter "Timers". The host calls it from its event loop, never nested:
// the one place where a collection cannot pull an object from under somebody's local variable.
// Allocates: never, apart from the plugin's own code.

import { refreshLogLevel } from "../host/log";
import { collectIfRequested } from "../memory/collect";
import { enterCallback, leaveCallback } from "../memory/host-bytes";
import { pluginContexts } from "./context-table";

export function proxy_on_tick(contextId: u32): void {
  const frame = enterCallback();
  refreshLogLevel();
  const plugin = pluginContexts.get(contextId);
  if (plugin != null) plugin.onTick();
  leaveCallback(frame);
  collectIfRequested();
}
