// Takes each request to an upstream connection, and each response back.
//
// Allocates: copies of frames that have to wait; otherwise never.
// Next: switchboard/stream/stream.ts
import { Codec, ConnectionMode } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { ErrorKind } from "../../codec/error-kind";
import { Message, MessageType, Origin, Slice } from "../../codec/message";
import { Random } from "../../containers/random";
import { TimerNode, TimerWheel } from "../../containers/timer-wheel";
import { FilterStatus } from "../../filter/filter";
import { ResponseFlag } from "../../filter/response-flag";
import { clock, TICK_MS } from "../clock";
import { PluginConfiguration } from "../config/plugin-configuration";
import { flush, queueUpstream } from "../connection/flush-list";
import { allocateBudgeted } from "../connection/memory-budget";
import { retireBlock } from "../connection/retired-blocks";
import { FilterChain } from "../filter/filter-chain";
import { ROUTE_TIMEOUT_DEFAULT, RouteEntry } from "../route/route-entry";
import { RouteTable } from "../route/table";
import { Stream, StreamState } from "../stream/stream";
import { streams } from "../stream/stream-table";
import { stats } from "../telemetry/stats";
import { Cluster } from "../upstream/cluster";
import { Pool } from "../upstream/pool";
import { UpstreamConnection } from "../upstream/upstream-connection";
import { Answers } from "./answers";
import { FrameWriter } from "./frame-writer";
import { RequestSource } from "./request-source";
import { RouteBinding } from "./route-binding";

class StreamTimers extends TimerWheel {
  constructor(private readonly router: Router) {
    super();
  }

  override onTimer(node: TimerNode): void {
    this.router.onTimeout(changetype<Stream>(node));
  }
}

export class Router {
  readonly timers!: StreamTimers;
  readonly answers!: Answers;
  private readonly chain: FilterChain;
  private readonly writer: FrameWriter;
  private readonly random: Random = new Random();
  /** For frames that waited for routes and are looked at again. */
  private readonly held: Message = new Message();
  private readonly heldState: usize;
  private awaitingRoutes: u32 = 0;

  constructor(
    private readonly codec: Codec,
    private readonly configuration: PluginConfiguration,
    seed: u64,
  ) {
    this.writer = new FrameWriter(codec);
    this.chain = new FilterChain(codec);
    this.timers = new StreamTimers(this);
    this.answers = new Answers(codec, this.writer, this.timers, this.chain);
    this.random.seed(seed);
    this.heldState = heap.alloc(codec.stateBytes + 8);
    streams.setIdBits(codec.idBits);
  }

  // ---- requests

  /** A request or oneway request of `source`, complete at `message.frame`. */
  onRequest(source: RequestSource, message: Message): void {
    stats.downstreamRqTotal++;
    const isOneway = message.type == MessageType.Oneway;
    if (isOneway) stats.downstreamRqOneway++;
    const isWithin = source.requests.length < source.maxRequests;
    const stream = isWithin ? streams.acquire() : null;
    if (stream === null) {
      if (isWithin) stats.downstreamRqTableOverflow++;
      else stats.downstreamRqOverflow++;
      this.answers.refuse(source, message, ErrorKind.Overload);
      return;
    }
    stats.downstreamRqActive++;
    stream.isOneway = isOneway;
    stream.id = message.id;
    stream.source = changetype<usize>(source);
    stream.sourceId = source.id;
    stream.startMs = clock.nowMs;
    stream.timeoutMs = 0;
    stream.requestBytes = message.frameLength;
    if (!isOneway) {
      stream.contextLength = this.codec.captureContext(message, stream.context);
      stream.downstream = changetype<usize>(source);
      source.requests.push(stream);
      // Where answers keep their order none can be refused ahead of its turn: the next one waits.
      if (source.isOrdered && source.requests.length == source.maxRequests) {
        source.paused = true;
        stats.downstreamCxPaused++;
      }
    }
    const binding = source.binding;
    let table: RouteTable | null = null;
    if (binding !== null) table = binding.table;
    if (table !== null) this.route(stream, message, table);
    else this.awaitRoutes(stream, message, binding);
  }

  private route(stream: Stream, message: Message, table: RouteTable): void {
    const entry = table.lookup(this.codec, message);
    table.retain();
    stream.table = table;
    stream.route = entry;
    if (entry !== null) stream.cluster = table.cluster(entry.pick(this.random.nextU32()));
    this.chain.prepare(stream, entry === null ? table.filters : entry.filters);
    this.settle(stream, message, this.chain.run(stream, message));
  }

  /** What the filters that had their turn want to be done. */
  private settle(stream: Stream, message: Message, status: FilterStatus): void {
    if (status == FilterStatus.Continue) this.forward(stream, message);
    else if (status == FilterStatus.Pause) this.pause(stream, message);
    else this.answers.replyForFilter(stream, this.chain.call);
  }

  private forward(stream: Stream, message: Message): void {
    const entry = stream.route;
    const target = stream.cluster;
    if (entry === null || target === null) {
      const table = stream.table!;
      this.answers.fail(stream, ErrorKind.NoRoute, table.namePtr, table.nameLen);
      return;
    }
    const cluster = changetype<Cluster>(target.userData);
    if (cluster.bounds.outstanding >= cluster.bounds.maxRequests) {
      stats.upstreamRqOverflow++;
      this.answers.failForCluster(stream, ErrorKind.Overload, cluster.bounds.name);
      return;
    }
    const pool = cluster.pool(message.dialect);
    stream.pool = changetype<usize>(pool);
    cluster.bounds.outstanding++;
    const connection = pool.pick();
    if (connection !== null) this.sendNow(stream, message, entry, pool, connection);
    else this.hold(stream, message, entry, pool);
  }

  private sendNow(
    stream: Stream,
    message: Message,
    entry: RouteEntry,
    pool: Pool,
    connection: UpstreamConnection,
  ): void {
    const id = this.requestId(stream, message);
    const mutation = this.chain.call.mutations.after(entry.requestMutation);
    if (!this.writer.queue(message, id, mutation, connection.output)) {
      this.answers.failForCluster(stream, ErrorKind.Overload, pool.bounds.name);
      return;
    }
    queueUpstream(connection);
    this.onSent(stream, entry, pool, connection);
  }

  private onSent(
    stream: Stream,
    entry: RouteEntry,
    pool: Pool,
    connection: UpstreamConnection,
  ): void {
    stream.tries++;
    if (stream.filters != 0) {
      stream.sentNs = clock.preciseNs();
      stream.endpoint = changetype<usize>(connection.endpoint);
    }
    if (stream.isOneway) {
      connection.lastRequestMs = clock.nowMs;
      this.answers.endAndRelease(stream);
      return;
    }
    pool.attach(stream, connection);
    if (!this.timers.isSet(stream)) this.setTimer(stream, entry);
  }

  private requestId(stream: Stream, message: Message): u64 {
    const isShared = this.configuration.connectionMode == ConnectionMode.Shared;
    return isShared ? stream.upstreamId : message.id;
  }

  /** Keeps the encoded frame until the pool has a connection for it. */
  private hold(stream: Stream, message: Message, entry: RouteEntry, pool: Pool): void {
    const mutation = this.chain.call.mutations.after(entry.requestMutation);
    const bound = this.writer.bound(message, mutation);
    const frame: usize = pool.canWait() ? allocateBudgeted(bound) : 0;
    if (frame == 0) {
      this.answers.failForCluster(stream, ErrorKind.Overload, pool.bounds.name);
      return;
    }
    stream.frame = frame;
    stream.frameCapacity = bound;
    stream.frameLength = this.writer.write(
      message,
      this.requestId(stream, message),
      mutation,
      frame,
    );
    this.setTimer(stream, entry);
    pool.wait(stream);
  }

  /** A stream that waited gets its connection. */
  sendPending(stream: Stream, pool: Pool, connection: UpstreamConnection): void {
    const entry = stream.route;
    if (entry === null || !connection.output.append(stream.frame, stream.frameLength)) {
      this.answers.failForCluster(stream, ErrorKind.Overload, pool.bounds.name);
      return;
    }
    retireBlock(stream.frame, stream.frameCapacity);
    stream.frame = 0;
    queueUpstream(connection);
    this.onSent(stream, entry, pool, connection);
  }

  // ---- waiting for a filter

  /** Keeps the frame, as the filters have changed it so far, until the filter has made up its mind. */
  private pause(stream: Stream, message: Message): void {
    const mutation = this.chain.call.mutations.after(null);
    const bound = this.writer.bound(message, mutation);
    const frame = allocateBudgeted(bound);
    if (frame == 0) {
      this.answers.fail(stream, ErrorKind.Overload, 0, 0);
      return;
    }
    stream.frame = frame;
    stream.frameCapacity = bound;
    stream.frameLength = this.writer.write(message, message.id, mutation, frame);
    stream.state = StreamState.Paused;
    stream.owner = changetype<usize>(this);
    const delayMs = this.chain.call.delayMs;
    if (delayMs == 0) return;
    // Never shorter than it was asked for, however late the last tick was.
    const restMs = delayMs + clock.sinceTickMs();
    this.timers.set(stream, 1 + (restMs - 1) / TICK_MS + 1);
  }

  /** A filter lets a stream go on that it has paused. */
  resumePaused(stream: Stream): void {
    this.timers.cancel(stream);
    if (!this.decodeHeld(stream)) return;
    this.settle(stream, this.held, this.chain.run(stream, this.held));
  }

  private endDelay(stream: Stream): void {
    if (!this.decodeHeld(stream)) return;
    this.settle(stream, this.held, this.chain.runDelayed(stream, this.held));
  }

  /** A filter answers a stream that it has paused. */
  replyPaused(stream: Stream, kind: ErrorKind, code: u32, flag: ResponseFlag, text: Slice): void {
    this.chain.call.reply(kind, code, flag, text);
    this.answers.replyForFilter(stream, this.chain.call);
  }

  // ---- waiting for the first routes

  private awaitRoutes(stream: Stream, message: Message, binding: RouteBinding | null): void {
    const isStatic = this.configuration.discoveryCluster.byteLength == 0;
    if (binding === null || isStatic || binding.subscription.isMissing) {
      this.answers.failWithoutRoutes(stream, binding);
      return;
    }
    const isFull = this.awaitingRoutes >= this.configuration.limits.maxRequestsAwaitingRoutes;
    const frame: usize = isFull ? 0 : allocateBudgeted(message.frameLength);
    if (frame == 0) {
      if (isFull) stats.downstreamRqAwaitingOverflow++;
      this.answers.fail(stream, ErrorKind.Overload, 0, 0);
      return;
    }
    memory.copy(frame, message.frame, message.frameLength);
    stream.frame = frame;
    stream.frameLength = message.frameLength;
    stream.frameCapacity = message.frameLength;
    stream.state = StreamState.AwaitingRoutes;
    stream.owner = changetype<usize>(this);
    stream.pool = changetype<usize>(binding);
    this.awaitingRoutes++;
    binding.waiting.push(stream);
  }

  private leaveWaiting(stream: Stream): void {
    const binding = changetype<RouteBinding>(stream.pool);
    binding.waiting.remove(stream);
    stream.pool = 0;
    this.awaitingRoutes--;
  }

  /** Routes have come, or will not: everything that waits for them goes on. */
  releaseWaiting(binding: RouteBinding): void {
    const table = binding.table;
    // What waits again, or comes meanwhile, is behind these.
    for (let rest = binding.waiting.length; rest > 0 && binding.waiting.length > 0; rest--) {
      const stream = binding.waiting.first();
      this.leaveWaiting(stream);
      if (table === null) this.answers.failWithoutRoutes(stream, binding);
      else this.routeHeld(stream, table);
    }
  }

  private routeHeld(stream: Stream, table: RouteTable): void {
    if (this.decodeHeld(stream)) this.route(stream, this.held, table);
  }

  /** Reads the frame that a stream has kept into `held`; false: it is refused. */
  private decodeHeld(stream: Stream): bool {
    const message = this.held;
    const frame = stream.frame;
    message.reset(Origin.Downstream, frame);
    memory.fill(this.heldState, 0, this.codec.stateBytes);
    const status = this.codec.decode(message, frame, stream.frameLength, this.heldState);
    if (status != DecodeStatus.Done) {
      this.answers.fail(stream, ErrorKind.MalformedRequest, 0, 0);
      return false;
    }
    // The frame may be referred to until the end of this call; the stream may need the field.
    retireBlock(frame, stream.frameCapacity);
    stream.frame = 0;
    return true;
  }

  /** There will be no response; the stream is in no list of an upstream any more. */
  onStreamFailed(stream: Stream, kind: ErrorKind): void {
    const name = changetype<Pool>(stream.pool).bounds.name;
    this.answers.failForCluster(stream, kind, name);
  }

  /** Nobody waits for it, and no upstream has it any more. */
  onAbandonedEnd(stream: Stream): void {
    this.timers.cancel(stream);
    streams.release(stream);
  }

  onTimeout(stream: Stream): void {
    if (stream.state == StreamState.Paused) {
      this.endDelay(stream);
      return;
    }
    if (stream.state == StreamState.Pending) {
      changetype<Pool>(stream.pool).cancelWait(stream);
      this.onStreamFailed(stream, ErrorKind.Timeout);
      return;
    }
    if (stream.state == StreamState.InFlight) {
      const name = changetype<Pool>(stream.pool).bounds.name;
      this.answers.replyAhead(stream, ErrorKind.Timeout, name);
    }
    changetype<UpstreamConnection>(stream.upstream).abandon(stream, true);
  }

  private setTimer(stream: Stream, entry: RouteEntry): void {
    const configured = entry.timeoutMs;
    const timeoutMs =
      configured == ROUTE_TIMEOUT_DEFAULT ? this.configuration.defaultTimeoutMs : configured;
    stream.timeoutMs = timeoutMs;
    // One tick more, since part of the present one has passed already.
    if (timeoutMs > 0) this.timers.set(stream, 1 + (timeoutMs - 1) / TICK_MS + 1);
  }

  /** The client is gone. What it asked for is not sent any more, or its answer dropped. */
  onSourceClosed(source: RequestSource): void {
    while (source.requests.length > 0) this.cancel(source.requests.first());
  }

  private cancel(stream: Stream): void {
    if (stream.state != StreamState.Answered) stream.flag = ResponseFlag.DownstreamGone;
    if (stream.state == StreamState.InFlight) {
      this.chain.end(stream);
      this.answers.leavePool(stream);
      this.answers.leaveSource(stream);
      changetype<UpstreamConnection>(stream.upstream).abandon(stream, false);
      return;
    }
    if (stream.state == StreamState.Pending) changetype<Pool>(stream.pool).cancelWait(stream);
    else if (stream.state == StreamState.AwaitingRoutes) this.leaveWaiting(stream);
    this.answers.endAndRelease(stream);
  }

  /** Its plugin context goes, and with it whatever would end the oneway requests that still wait. */
  close(): void {
    for (let i: u32 = 0, stream = streams.at(0); stream !== null; stream = streams.at(++i)) {
      if (stream.owner != changetype<usize>(this)) continue;
      const isWaiting = stream.state == StreamState.AwaitingRoutes;
      if (isWaiting || stream.state == StreamState.Paused) this.cancel(stream);
    }
  }

  /** At the end of a VM call on a clean stack. */
  finish(): void {
    this.answers.settle();
    flush();
    clock.endCall();
  }
}
