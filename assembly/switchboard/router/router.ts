// Takes each request to an upstream connection, and each response back.
//
// Allocates: copies of frames that have to wait; otherwise never.
// Next: switchboard/stream/stream.ts
import { Codec, ConnectionMode } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Message, MessageType, ResponseStatus, Slice, TransactionStep } from "../../codec/message";
import { Random } from "../../containers/random";
import { TimerNode, TimerWheel } from "../../containers/timer-wheel";
import { cutPort } from "../../filter/cut-port";
import { FilterStatus } from "../../filter/filter";
import { ResponseFlag } from "../../filter/response-flag";
import { clock, ticksOf } from "../clock";
import { PluginConfiguration } from "../config/plugin-configuration";
import { flush } from "../connection/flush-list";
import { allocateBudgeted } from "../connection/memory-budget";
import { FilterChain } from "../filter/filter-chain";
import { readSession } from "../filter/session-token";
import { HashKey, HashPolicy, hashOf, NO_HASH } from "../route/hash-policy";
import { reasonOfStatus, RetryOn } from "../route/retry-policy";
import { ROUTE_TIMEOUT_DEFAULT, RouteEntry } from "../route/route-entry";
import { RouteTable } from "../route/table";
import { Stream, StreamState } from "../stream/stream";
import { openStreams } from "../stream/stream-index";
import { streams } from "../stream/stream-table";
import { stats } from "../telemetry/stats";
import { Cluster } from "../upstream/cluster";
import { isMatchedById } from "../upstream/matching";
import { Pool } from "../upstream/pool";
import { UpstreamConnection } from "../upstream/upstream-connection";
import { Answers } from "./answers";
import { DedicatedConnections } from "./dedicated-connections";
import { FrameWriter } from "./frame-writer";
import { HeldFrame } from "./held-frame";
import { OpenStreams } from "./open-streams";
import { RequestSource, sourceOf } from "./request-source";
import { Retries } from "./retries";
import { RouteBinding } from "./route-binding";
import { Sender } from "./sender";

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
  private readonly value: Slice = new Slice();
  private readonly held: HeldFrame;
  private readonly retries!: Retries;
  readonly sender!: Sender;
  readonly open!: OpenStreams;
  readonly dedicated!: DedicatedConnections;
  /** Each client has an upstream connection of its own. */
  private readonly isDedicated: bool;
  private awaitingRoutes: u32 = 0;

  constructor(
    private readonly codec: Codec,
    private readonly configuration: PluginConfiguration,
    seed: u64,
  ) {
    const writer = new FrameWriter(codec);
    const chain = new FilterChain(codec);
    this.writer = writer;
    this.chain = chain;
    this.held = new HeldFrame(codec);
    this.timers = new StreamTimers(this);
    this.answers = new Answers(codec, writer, this.timers, chain);
    const mode = configuration.connectionMode;
    this.isDedicated = mode == ConnectionMode.Dedicated;
    const isById = isMatchedById(codec, mode);
    this.retries = new Retries(codec, isById, writer, this.answers, this.timers, this.random);
    this.retries.owner = changetype<usize>(this);
    const mutations = chain.call.mutations;
    this.sender = new Sender(isById, writer, this.retries, this.timers, mutations, this.random);
    const idleMs = configuration.streamIdleTimeoutMs;
    this.open = new OpenStreams(isById, writer, this.timers, chain, this.answers, idleMs);
    this.open.isResetHeeded = codec.isResetHeeded;
    this.dedicated = new DedicatedConnections(this.answers);
    this.random.seed(seed);
    streams.setIdBits(codec.idBits);
  }

  // ---- requests

  /** A request or oneway request of `source`, complete at `message.frame`. */
  onRequest(source: RequestSource, message: Message): void {
    stats.downstreamRqTotal++;
    const isOneway = message.type == MessageType.Oneway;
    if (isOneway) stats.downstreamRqOneway++;
    const step = message.transaction;
    if (step != TransactionStep.None && !source.transaction.follow(step)) {
      this.answers.refuse(source, message, source.transaction.cause);
      return;
    }
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
    stream.endsTransaction = step > TransactionStep.Begin;
    stream.needsOwn = this.isDedicated || message.needsOwnConnection || source.dedicated != 0;
    if (message.opensStream && !isOneway) {
      if (!openStreams.add(stream)) {
        this.answers.fail(stream, ErrorKind.MalformedRequest, 0, 0);
        return;
      }
      stream.isStreaming = true;
    }
    const binding = source.binding;
    let table: RouteTable | null = null;
    if (binding !== null) table = binding.table;
    if (table !== null) this.route(stream, message, table);
    else this.awaitRoutes(stream, message, binding);
    if (stream.needsOwn || stream.isStreaming) this.keepOrder(stream, source);
  }

  /** What follows on its connection means something only behind it. */
  private keepOrder(stream: Stream, source: RequestSource): void {
    const state = stream.state;
    const isSent = state == StreamState.InFlight || state == StreamState.Abandoned;
    if (isSent || state == StreamState.Free || state == StreamState.Answered) return;
    this.answers.holdBack(stream, source);
  }

  private route(stream: Stream, message: Message, table: RouteTable): void {
    const entry = table.lookup(this.codec, message);
    table.retain();
    stream.table = table;
    stream.route = entry;
    if (entry !== null) stream.cluster = table.cluster(entry.pick(this.random.nextU32()));
    this.chain.prepare(stream, entry === null ? table.filters : entry.filters);
    if (entry !== null && entry.hasFormats) this.chain.capture(stream, message, entry);
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
    stream.dialect = message.dialect;
    stream.timeoutMs = this.timeoutOf(entry, message);
    let hashPolicy = entry.hashPolicy;
    if (hashPolicy === null) hashPolicy = target.hashPolicy;
    if (hashPolicy !== null) stream.hash = this.hashOf(hashPolicy, stream, message);
    let session = entry.stickySession;
    if (session === null) session = target.stickySession;
    if (session !== null) readSession(session, this.codec, stream, message);
    this.sender.ofRoute = this.chain.mutationOfRoute(stream, message, entry);
    if (!stream.needsOwn && !stream.isStreaming) {
      for (let i: u32 = 0; i < entry.mirrorCount; i++) {
        this.sender.mirror(stream, entry, message, i);
      }
    }
    const retryPolicy = entry.retryPolicy;
    const isBounded = entry.timeoutMs != ROUTE_TIMEOUT_DEFAULT && stream.isStreaming;
    if ((retryPolicy !== null || isBounded) && stream.timeoutMs > 0) {
      // Never earlier than it was asked for, however late the last tick was.
      stream.deadlineMs = clock.nowMs + <u64>clock.sinceTickMs() + <u64>stream.timeoutMs;
    }
    if (retryPolicy !== null) {
      this.sender.keep(stream, message, retryPolicy);
    }
    this.sender.dispatch(stream, entry, message);
  }

  /** Of a route that says so itself, and then the client may want it shorter. */
  private timeoutOf(entry: RouteEntry, message: Message): u32 {
    const configured = entry.timeoutMs;
    if (message.isUntimed && configured == ROUTE_TIMEOUT_DEFAULT) return 0;
    if (configured == ROUTE_TIMEOUT_DEFAULT && entry.retryPolicy === null) {
      return this.configuration.defaultTimeoutMs;
    }
    const isDefault = configured == ROUTE_TIMEOUT_DEFAULT;
    const timeoutMs = isDefault ? this.configuration.defaultTimeoutMs : configured;
    const asked = this.codec.timeoutMs(message);
    return asked > 0 && (timeoutMs == 0 || asked < timeoutMs) ? asked : timeoutMs;
  }

  private hashOf(policy: HashPolicy, stream: Stream, message: Message): u32 {
    if (policy.key == HashKey.Attribute) {
      return policy.hashOfAttribute(this.codec, message, this.value);
    }
    const address = this.value;
    const source = sourceOf(stream);
    if (source === null || !source.peer.address(address)) return NO_HASH;
    if (policy.key == HashKey.SourceAddress) cutPort(address);
    return hashOf(address.ptr, address.len);
  }

  // ---- after it was sent

  private resend(stream: Stream): void {
    const name = changetype<Cluster>(stream.cluster!.userData).bounds.name;
    if (stream.deadlineMs != 0 && clock.nowMs >= stream.deadlineMs) {
      this.answers.failForCluster(stream, ErrorKind.Timeout, name);
      return;
    }
    this.answers.letClusterGo(stream);
    if (stream.needsNewId && !this.retries.renumber(stream)) {
      this.answers.failForCluster(stream, ErrorKind.Overload, name);
      return;
    }
    this.sender.dispatch(stream, stream.route!, null);
  }

  /** A response, complete at `message`; the stream is in no list of an upstream any more. */
  onResponse(stream: Stream, message: Message): void {
    if (stream.keepsFrame && message.status != ResponseStatus.Ok) {
      if (this.retries.canRetry(stream, reasonOfStatus(message.status))) {
        stats.upstreamRqCompleted++;
        this.retries.retry(stream);
        return;
      }
    }
    if (stream.retries > 0 && message.status == ResponseStatus.Ok) stats.upstreamRqRetrySuccess++;
    this.answers.onResponse(stream, message);
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
    this.answers.holdCluster(stream);
    const delayMs = this.chain.call.delayMs;
    // Never shorter than it was asked for, however late the last tick was.
    if (delayMs > 0) this.timers.set(stream, ticksOf(delayMs + clock.sinceTickMs()));
  }

  /** A filter lets a stream go on that it has paused. */
  resumePaused(stream: Stream): void {
    this.timers.cancel(stream);
    this.answers.letClusterGo(stream);
    if (!this.decodeHeld(stream)) return;
    const message = this.held.message;
    this.settle(stream, message, this.chain.run(stream, message));
  }

  private endDelay(stream: Stream): void {
    this.answers.letClusterGo(stream);
    if (!this.decodeHeld(stream)) return;
    const message = this.held.message;
    this.settle(stream, message, this.chain.runDelayed(stream, message));
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
    if (this.decodeHeld(stream)) this.route(stream, this.held.message, table);
  }

  /** Reads the frame that a stream has kept into `held`; false: it is refused. */
  private decodeHeld(stream: Stream): bool {
    if (!this.held.decode(stream)) {
      this.answers.fail(stream, ErrorKind.MalformedRequest, 0, 0);
      return false;
    }
    // The frame may be referred to until the end of this call; the stream may need the field.
    streams.releaseFrame(stream);
    return true;
  }

  /** There will be no response; the stream is in no list of an upstream any more. */
  onStreamFailed(stream: Stream, kind: ErrorKind): void {
    this.retries.failOrRetry(stream, kind, changetype<Pool>(stream.pool).bounds.name);
  }

  /** Nobody waits for it, and no upstream has it any more. */
  onAbandonedEnd(stream: Stream): void {
    this.timers.cancel(stream);
    streams.release(stream);
  }

  onTimeout(stream: Stream): void {
    switch (stream.state) {
      case StreamState.Paused:
        this.endDelay(stream);
        return;
      case StreamState.Backoff:
        this.resend(stream);
        return;
      case StreamState.Pending:
        changetype<Pool>(stream.pool).cancelWait(stream);
        this.onStreamFailed(stream, ErrorKind.Timeout);
        return;
      case StreamState.InFlight:
        this.onLate(stream);
        return;
      default: {
        const upstream = changetype<UpstreamConnection>(stream.upstream);
        upstream.abandon(stream, true);
        if (stream.isStreaming) upstream.drain();
      }
    }
  }

  /** There is no response in time: of this try, or at all. */
  private onLate(stream: Stream): void {
    const upstream = changetype<UpstreamConnection>(stream.upstream);
    if (stream.isOpen && !this.open.isLate(stream)) return;
    if (stream.isStreaming) {
      upstream.cutOff(stream);
      this.onStreamFailed(stream, ErrorKind.Timeout);
      return;
    }
    const name = changetype<Pool>(stream.pool).bounds.name;
    if (stream.isTryTimed) {
      stats.upstreamRqPerTryTimeout++;
      stream.timeoutMs = stream.route!.retryPolicy!.perTryTimeoutMs;
    }
    const isRetried = stream.isTryTimed && this.retries.canRetry(stream, RetryOn.PerTryTimeout);
    const next = isRetried ? this.answers.substitute(stream) : null;
    if (next !== null) this.retries.retry(next);
    else this.answers.replyAhead(stream, ErrorKind.Timeout, name);
    upstream.abandon(stream, true);
  }

  /** The client is gone. What it asked for is not sent any more, or its answer dropped. */
  onSourceClosed(source: RequestSource): void {
    while (source.requests.length > 0) this.cancel(source.requests.first());
    this.dedicated.onSourceClosed(source);
  }

  private cancel(stream: Stream): void {
    if (stream.state != StreamState.Answered) stream.flag = ResponseFlag.DownstreamGone;
    if (stream.state == StreamState.InFlight && stream.isStreaming) {
      this.open.cancel(stream);
      return;
    }
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
      const state = stream.state;
      const isWaiting = state == StreamState.AwaitingRoutes || state == StreamState.Backoff;
      if (isWaiting || state == StreamState.Paused) this.cancel(stream);
    }
  }

  /** At the end of a VM call on a clean stack. */
  finish(): void {
    this.answers.settle();
    flush();
    clock.endCall();
  }
}
