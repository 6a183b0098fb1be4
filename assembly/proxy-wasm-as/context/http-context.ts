// One HTTP request and its response, as an HTTP filter sees them.
// Spec: proxy-wasm ABI 0.2.1, chapter "HTTP streams". Extend it; every callback may be left out.
// Action.Pause stops the stream until continueStream, or a LocalResponse was sent.
// Allocates: whatever the plugin does; a plugin may keep these in a pool and hand out used ones.

import { Action } from "../abi/enums";

export class HttpContext {
  /** The host's number for this stream; set before any callback, also when a pooled one is reused. */
  id: u32 = 0;

  /** The request's `count` headers are in MapType.HttpRequestHeaders. */
  onRequestHeaders(count: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** `size` bytes of the request's body are in BufferType.HttpRequestBody. */
  onRequestBody(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** The request's `count` trailers are in MapType.HttpRequestTrailers. */
  onRequestTrailers(count: u32): Action {
    return Action.Continue;
  }

  /** The response's `count` headers are in MapType.HttpResponseHeaders. */
  onResponseHeaders(count: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** `size` bytes of the response's body are in BufferType.HttpResponseBody. */
  onResponseBody(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** The response's `count` trailers are in MapType.HttpResponseTrailers. */
  onResponseTrailers(count: u32): Action {
    return Action.Continue;
  }

  /** The host is done with it. False keeps it alive until done() is called under its context. */
  onDone(): bool {
    return true;
  }

  /** Time for the access log; headers and properties can be read. */
  onLog(): void {}

  /** The last callback. The host has forgotten the id; from here on the object may be reused. */
  onDelete(): void {}
}
