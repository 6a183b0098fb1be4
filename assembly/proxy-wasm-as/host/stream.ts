// Streams and the effective context.
// Spec: proxy-wasm ABI 0.2.1, chapters "Common HTTP and TCP stream operations" and "Context lifecycle".
// Envoy defers a continue until the current call into the VM has ended; a second continue of the same
// stream in one call, or one that writes to a connection whose write is on the stack, crashes it.
// Allocates: never.

import {
  proxy_close_stream,
  proxy_continue_stream,
  proxy_done,
  proxy_set_effective_context,
} from "../abi/env";
import { Status, StreamType } from "../abi/enums";
import { noteEffectiveContext } from "../memory/effective-context";

/**
 * Makes the host calls that follow act on context `id`, until the callback returns (the host restores
 * it for the outer one). BadArgument: no such context any more.
 */
export function setEffectiveContext(id: u32): Status {
  const status = <Status>proxy_set_effective_context(id);
  if (status == Status.Ok) noteEffectiveContext(id);
  return status;
}

/** Resumes what a callback paused. Unimplemented: this host cannot resume that stream. */
export function continueStream(type: StreamType): Status {
  return <Status>proxy_continue_stream(<u32>type);
}

/** Closes or resets the stream. */
export function closeStream(type: StreamType): Status {
  return <Status>proxy_close_stream(<u32>type);
}

/** Ends a context whose onDone returned false. NotFound: it was not waiting for that. */
export function done(): Status {
  return <Status>proxy_done();
}
