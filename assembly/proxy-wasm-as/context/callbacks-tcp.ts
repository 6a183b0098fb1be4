// The exported callbacks of connections.
// Spec: proxy-wasm ABI 0.2.1, chapter "TCP streams".
// Allocates: never, apart from the plugin's own code.

import { Action, PeerType } from "../abi/enums";
import { enterCallback, leaveCallback } from "../memory/host-bytes";
import { streamContexts } from "./context-table";

export function proxy_on_new_connection(contextId: u32): u32 {
  const context = streamContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onNewConnection();
  leaveCallback(frame);
  return action;
}

export function proxy_on_downstream_data(contextId: u32, size: u32, endOfStream: u32): u32 {
  const context = streamContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onDownstreamData(size, endOfStream != 0);
  leaveCallback(frame);
  return action;
}

export function proxy_on_upstream_data(contextId: u32, size: u32, endOfStream: u32): u32 {
  const context = streamContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onUpstreamData(size, endOfStream != 0);
  leaveCallback(frame);
  return action;
}

export function proxy_on_downstream_connection_close(contextId: u32, peer: u32): void {
  const context = streamContexts.get(contextId);
  if (context == null) return;
  const frame = enterCallback();
  context.onDownstreamClose(<PeerType>peer);
  leaveCallback(frame);
}

export function proxy_on_upstream_connection_close(contextId: u32, peer: u32): void {
  const context = streamContexts.get(contextId);
  if (context == null) return;
  const frame = enterCallback();
  context.onUpstreamClose(<PeerType>peer);
  leaveCallback(frame);
}
