// Requests that open a stream: more frames with their id follow, from both sides, until one ends it.
//
// A stream stays on the upstream connection that its request was sent on. Its first answer goes through
// filters and mutations like a response; what follows is passed on with another id and nothing else.
// Allocates: chunks of output queues.
// Next: switchboard/router/dedicated-connections.ts
import { Message, StreamEnd } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { TimerWheel } from "../../containers/timer-wheel";
import { ResponseFlag } from "../../filter/response-flag";
import { clock, ticksOf } from "../clock";
import { queueDownstream, queueUpstream } from "../connection/flush-list";
import { FilterChain } from "../filter/filter-chain";
import { Stream, StreamState } from "../stream/stream";
import { openStreams } from "../stream/stream-index";
import { streams } from "../stream/stream-table";
import { stats } from "../telemetry/stats";
import { UpstreamConnection } from "../upstream/upstream-connection";
import { Answers } from "./answers";
import { FrameWriter } from "./frame-writer";
import { RequestSource } from "./request-source";

/** What a server has to end a stream that its client has left. */
const RESET_GRACE_MS: u32 = 5000;

export class OpenStreams {
  /** `Codec.isResetHeeded`. */
  isResetHeeded: bool = true;

  constructor(
    private readonly isById: bool,
    private readonly writer: FrameWriter,
    private readonly timers: TimerWheel,
    private readonly chain: FilterChain,
    private readonly answers: Answers,
    /** 0: no bound. */
    private readonly idleMs: u32,
  ) {}

  /** A client's frame of a stream, complete at `message`. */
  onClientFrame(source: RequestSource, message: Message): void {
    const stream = openStreams.find(changetype<usize>(source), message.id);
    // After its end has been sent to the client, which could not know of it.
    if (stream === null || stream.state != StreamState.InFlight) {
      stats.downstreamStreamUnmatched++;
      return;
    }
    const upstream = changetype<UpstreamConnection>(stream.upstream);
    this.keepNoFrame(stream);
    stream.activeMs = clock.nowMs;
    stream.requestBytes += message.frameLength;
    const id = this.isById ? stream.upstreamId : message.id;
    const end = message.streamEnd;
    if (!this.writer.queue(message, id, null, upstream.output)) {
      this.answers.giveUp(source);
      return;
    }
    queueUpstream(upstream);
    if (end == StreamEnd.None) return;
    stream.isClientDone = true;
    if (end == StreamEnd.Half && !stream.isServerDone) return;
    if (end == StreamEnd.Whole) {
      stream.flag = ResponseFlag.DownstreamGone;
      if (this.isById) {
        this.leave(stream);
        return;
      }
    }
    upstream.detach(stream);
    this.answers.endAndRelease(stream);
  }

  /** The client is gone while the stream is in flight; the server is told. */
  cancel(stream: Stream): void {
    const upstream = changetype<UpstreamConnection>(stream.upstream);
    if (this.isById) {
      upstream.tellReset(stream);
      this.leave(stream);
      return;
    }
    upstream.cutOff(stream);
    this.answers.endAndRelease(stream);
  }

  /**
   * Nobody waits for the stream any more. Its id stays taken until the server has ended it as well. One
   * that does not may hang in it: its connection then goes as soon as nothing else is on it.
   */
  private leave(stream: Stream): void {
    stream.isClientDone = true;
    this.chain.end(stream);
    this.answers.leavePool(stream);
    this.answers.leaveSource(stream);
    this.timers.cancel(stream);
    this.keepNoFrame(stream);
    this.timers.set(stream, ticksOf(RESET_GRACE_MS));
    const upstream = changetype<UpstreamConnection>(stream.upstream);
    upstream.abandon(stream, false);
    if (!this.isResetHeeded) upstream.drain();
  }

  /** A server's frame that does not end the stream, complete at `message`. */
  onServerFrame(stream: Stream, message: Message): void {
    const source = changetype<RequestSource>(stream.downstream);
    if (source.closeWhenFlushed) return;
    const isFirst = !stream.isOpen;
    let mutation: Mutation | null = null;
    if (isFirst) mutation = this.chain.respond(stream, message);
    stream.activeMs = clock.nowMs;
    stream.responseBytes += message.frameLength;
    stream.status = message.status;
    if (isFirst) this.open(stream);
    if (this.writer.queue(message, stream.id, mutation, source.output)) queueDownstream(source);
    else this.answers.giveUp(source);
  }

  /** The server has taken the stream: it may last, as long as something happens. */
  private open(stream: Stream): void {
    stream.isOpen = true;
    this.keepNoFrame(stream);
    this.timers.cancel(stream);
    this.watch(stream);
  }

  private keepNoFrame(stream: Stream): void {
    if (!stream.keepsFrame) return;
    stream.keepsFrame = false;
    streams.releaseFrame(stream);
  }

  /** Sets the timer for the first moment at which the stream may have to end. */
  private watch(stream: Stream): void {
    const now = clock.nowMs;
    let dueMs = this.idleMs == 0 ? u64.MAX_VALUE : stream.activeMs + <u64>this.idleMs;
    if (stream.deadlineMs != 0 && stream.deadlineMs < dueMs) dueMs = stream.deadlineMs;
    if (dueMs == u64.MAX_VALUE) return;
    this.timers.set(stream, ticksOf(dueMs > now ? <u32>(dueMs - now) : 1));
  }

  /** The timer of an open stream: false, it goes on. */
  isLate(stream: Stream): bool {
    const now = clock.nowMs;
    if (stream.deadlineMs != 0 && now >= stream.deadlineMs) return true;
    if (this.idleMs > 0 && now - stream.activeMs >= <u64>this.idleMs) {
      stream.timeoutMs = this.idleMs;
      return true;
    }
    this.watch(stream);
    return false;
  }
}
