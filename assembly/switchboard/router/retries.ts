// Whether and when a request is sent again.
// Allocates: copies of frames, where an id does not fit into the one that was kept.
// Next: switchboard/router/open-streams.ts
import { Codec } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Random } from "../../containers/random";
import { TimerWheel } from "../../containers/timer-wheel";
import { clock, ticksOf } from "../clock";
import { allocateBudgeted } from "../connection/memory-budget";
import { reasonOf, RetryOn } from "../route/retry-policy";
import { Stream, StreamState } from "../stream/stream";
import { streams } from "../stream/stream-table";
import { stats } from "../telemetry/stats";
import { Cluster } from "../upstream/cluster";
import { Endpoint } from "../upstream/endpoint";
import { Answers } from "./answers";
import { FrameWriter } from "./frame-writer";
import { HeldFrame } from "./held-frame";
import { sourceOf } from "./request-source";

const HUNDRED: u64 = 100;
/** Longer pauses than 2 to the power of this times the base make no difference. */
const DOUBLINGS: u32 = 16;

export class Retries {
  /** Of the streams that wait. */
  owner: usize = 0;
  private readonly held: HeldFrame;

  constructor(
    private readonly codec: Codec,
    private readonly isById: bool,
    private readonly writer: FrameWriter,
    readonly answers: Answers,
    private readonly timers: TimerWheel,
    private readonly random: Random,
  ) {
    this.held = new HeldFrame(codec);
  }

  /** Sends it again, or answers with this error. */
  failOrRetry(stream: Stream, kind: ErrorKind, name: ArrayBuffer): void {
    if (this.canRetry(stream, reasonOf(kind))) this.retry(stream);
    else this.answers.failForCluster(stream, kind, name);
  }

  canRetry(stream: Stream, reason: RetryOn): bool {
    const entry = stream.route;
    if (!stream.keepsFrame || entry === null) return false;
    const policy = entry.retryPolicy;
    if (policy === null || !policy.wants(reason)) return false;
    if (stream.deadlineMs != 0 && clock.nowMs >= stream.deadlineMs) return false;
    if (stream.retries >= policy.attempts) {
      stats.upstreamRqRetryLimitExceeded++;
      return false;
    }
    const bounds = changetype<Cluster>(stream.cluster!.userData).bounds;
    const others = stream.isRetry ? bounds.retries - 1 : bounds.retries;
    const share = <u32>((<u64>bounds.outstanding * <u64>policy.budgetPercent) / HUNDRED);
    if (others < max(share, policy.minRetries)) return true;
    stats.upstreamRqRetryOverflow++;
    return false;
  }

  /** Sends it again after a while; it is in no list but its source's. */
  retry(stream: Stream): void {
    const policy = stream.route!.retryPolicy!;
    this.timers.cancel(stream);
    this.answers.leavePool(stream);
    this.answers.holdCluster(stream);
    changetype<Cluster>(stream.cluster!.userData).bounds.retries++;
    stream.isRetry = true;
    stream.retries++;
    stats.upstreamRqRetry++;
    const endpoint = stream.endpoint;
    stream.avoidedEndpoint = endpoint == 0 ? 0 : changetype<Endpoint>(endpoint).hash;
    streams.releaseEndpoint(stream);
    const session = stream.session;
    if (session !== null && !session.isStrict) stream.wantedEndpoint = 0;
    stream.state = StreamState.Backoff;
    if (stream.isStreaming || stream.needsOwn) {
      const source = sourceOf(stream);
      if (source !== null) this.answers.holdBack(stream, source);
    }
    stream.owner = this.owner;
    const doublings = min<u32>(stream.retries, DOUBLINGS);
    const longest = <u64>policy.baseIntervalMs * (((<u64>1) << doublings) - 1);
    const bound = <u32>min<u64>(longest, policy.maxIntervalMs);
    let ms = this.random.below(bound) + 1;
    if (stream.deadlineMs != 0) {
      ms = <u32>min<u64>(ms, stream.deadlineMs - min(clock.nowMs, stream.deadlineMs));
    }
    this.timers.set(stream, ticksOf(ms));
  }

  /** Writes the stream's own id into the frame that another one had. */
  renumber(stream: Stream): bool {
    stream.needsNewId = false;
    if (!this.isById) return true;
    if (!this.held.decode(stream)) return false;
    const message = this.held.message;
    if (this.codec.patchId(message, stream.upstreamId)) return true;
    const bound = this.writer.bound(message, null);
    const copy = allocateBudgeted(bound);
    if (copy == 0) return false;
    const written = this.writer.write(message, stream.upstreamId, null, copy);
    streams.releaseFrame(stream);
    stream.frame = copy;
    stream.frameCapacity = bound;
    stream.frameLength = written;
    return true;
  }
}
