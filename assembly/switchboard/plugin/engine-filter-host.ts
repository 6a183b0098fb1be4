// What filters ask of the engine outside of a call.
// Allocates: never after construction.
import { ErrorKind } from "../../codec/error-kind";
import { Slice } from "../../codec/message";
import { Random } from "../../containers/random";
import { FilterHost } from "../../filter/filter-host";
import { ResponseFlag } from "../../filter/response-flag";
import { clock } from "../clock";
import { allocateBudgeted, freeBudgeted } from "../connection/memory-budget";
import { Router } from "../router/router";
import { Stream, StreamState } from "../stream/stream";
import { streams } from "../stream/stream-table";

export class EngineFilterHost extends FilterHost {
  private readonly generator: Random = new Random();
  /** Of the plugin context that was configured last. */
  contextId: u32 = 0;

  seed(seed: u64): void {
    this.generator.seed(seed);
  }

  override get pluginContextId(): u32 {
    return this.contextId;
  }

  override resume(handle: u64): void {
    const stream = paused(handle);
    if (stream !== null) changetype<Router>(stream.owner).resumePaused(stream);
  }

  override reply(handle: u64, kind: ErrorKind, code: u32, flag: ResponseFlag, text: Slice): void {
    const stream = paused(handle);
    if (stream === null) return;
    changetype<Router>(stream.owner).replyPaused(stream, kind, code, flag, text);
  }

  override random(): u32 {
    return this.generator.nextU32();
  }

  override get nowMs(): u64 {
    return clock.nowMs;
  }

  override get nowNs(): u64 {
    return clock.preciseNs();
  }

  override allocate(bytes: u32): usize {
    return allocateBudgeted(bytes);
  }

  override free(block: usize, bytes: u32): void {
    freeBudgeted(block, bytes);
  }
}

function paused(handle: u64): Stream | null {
  const stream = streams.find(handle);
  return stream !== null && stream.state == StreamState.Paused ? stream : null;
}
