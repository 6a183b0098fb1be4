// The exported callbacks of gRPC calls and streams.
// Spec: proxy-wasm ABI 0.2.1, chapter "gRPC calls".
// Allocates: never, apart from the plugin's own code.

import { enterCallback, leaveCallback } from "../memory/host-bytes";
import { pluginContexts } from "./context-table";

export function proxy_on_grpc_receive_initial_metadata(
  contextId: u32,
  token: u32,
  count: u32,
): void {
  const plugin = pluginContexts.get(contextId);
  if (plugin == null) return;
  const frame = enterCallback();
  plugin.onGrpcReceiveInitialMetadata(token, count);
  leaveCallback(frame);
}

export function proxy_on_grpc_receive(contextId: u32, token: u32, size: u32): void {
  const plugin = pluginContexts.get(contextId);
  if (plugin == null) return;
  const frame = enterCallback();
  plugin.onGrpcReceive(token, size);
  leaveCallback(frame);
}

export function proxy_on_grpc_receive_trailing_metadata(
  contextId: u32,
  token: u32,
  count: u32,
): void {
  const plugin = pluginContexts.get(contextId);
  if (plugin == null) return;
  const frame = enterCallback();
  plugin.onGrpcReceiveTrailingMetadata(token, count);
  leaveCallback(frame);
}

export function proxy_on_grpc_close(contextId: u32, token: u32, status: u32): void {
  const plugin = pluginContexts.get(contextId);
  if (plugin == null) return;
  const frame = enterCallback();
  plugin.onGrpcClose(token, status);
  leaveCallback(frame);
}
