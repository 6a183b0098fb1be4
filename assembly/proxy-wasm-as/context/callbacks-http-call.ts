// The exported callback of HTTP calls.
// Spec: proxy-wasm ABI 0.2.1, chapter "HTTP calls".
// Allocates: never, apart from the plugin's own code.

import { enterCallback, leaveCallback } from "../memory/host-bytes";
import { pluginContexts } from "./context-table";

export function proxy_on_http_call_response(
  contextId: u32,
  token: u32,
  headers: u32,
  bodySize: u32,
  trailers: u32,
): void {
  const plugin = pluginContexts.get(contextId);
  if (plugin == null) return;
  const frame = enterCallback();
  plugin.onHttpCallResponse(token, headers, bodySize, trailers);
  leaveCallback(frame);
}
