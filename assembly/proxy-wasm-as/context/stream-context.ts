// One TCP connection, as a network filter sees it.
// Spec: proxy-wasm ABI 0.2.1, chapter "TCP streams". Extend it; every callback may be left out.
// Callbacks nest: a host call may enter another context's callback before it returns.
// Allocates: whatever the plugin does; a plugin may keep these in a pool and hand out used ones.

import { Action, PeerType } from "../abi/enums";

export class StreamContext {
  /** The host's number for this connection; set before any callback, also when a pooled one is reused. */
  id: u32 = 0;

  /** The connection was accepted. Action.Pause holds it until continueStream. */
  onNewConnection(): Action {
    return Action.Continue;
  }

  /**
   * `size` bytes from downstream are in BufferType.DownstreamData: all that is waiting, not only what is
   * new. Action.Pause keeps them there, and lets the plugin write to the buffer from other callbacks.
   */
  onDownstreamData(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /**
   * `size` bytes on the way to downstream are in BufferType.UpstreamData. Envoy cannot resume this
   * direction: never return Action.Pause.
   */
  onUpstreamData(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** The downstream side has ended; onDelete follows. */
  onDownstreamClose(peer: PeerType): void {}

  /** The upstream side has ended. */
  onUpstreamClose(peer: PeerType): void {}

  /** The host is done with it. False keeps it alive until done() is called under its context. */
  onDone(): bool {
    return true;
  }

  /** Time for the access log; properties can be read. */
  onLog(): void {}

  /** The last callback. The host has forgotten the id; from here on the object may be reused. */
  onDelete(): void {}
}
