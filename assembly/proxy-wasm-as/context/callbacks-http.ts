// The exported callbacks of HTTP streams.
// Spec: proxy-wasm ABI 0.2.1, chapter "HTTP streams".
// Allocates: never, apart from the plugin's own code.

import { Action } from "../abi/enums";
import { enterCallback, leaveCallback } from "../memory/host-bytes";
import { httpContexts } from "./context-table";

export function proxy_on_request_headers(contextId: u32, count: u32, endOfStream: u32): u32 {
  const context = httpContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onRequestHeaders(count, endOfStream != 0);
  leaveCallback(frame);
  return action;
}

export function proxy_on_request_body(contextId: u32, size: u32, endOfStream: u32): u32 {
  const context = httpContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onRequestBody(size, endOfStream != 0);
  leaveCallback(frame);
  return action;
}

export function proxy_on_request_trailers(contextId: u32, count: u32): u32 {
  const context = httpContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onRequestTrailers(count);
  leaveCallback(frame);
  return action;
}

export function proxy_on_response_headers(contextId: u32, count: u32, endOfStream: u32): u32 {
  const context = httpContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onResponseHeaders(count, endOfStream != 0);
  leaveCallback(frame);
  return action;
}

export function proxy_on_response_body(contextId: u32, size: u32, endOfStream: u32): u32 {
  const context = httpContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onResponseBody(size, endOfStream != 0);
  leaveCallback(frame);
  return action;
}

export function proxy_on_response_trailers(contextId: u32, count: u32): u32 {
  const context = httpContexts.get(contextId);
  if (context == null) return Action.Continue;
  const frame = enterCallback();
  const action = context.onResponseTrailers(count);
  leaveCallback(frame);
  return action;
}
