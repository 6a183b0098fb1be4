// Takes each request to an upstream connection, and each response back.
//
// Allocates: copies of frames that have to wait; otherwise never.
// Next: upstream/pool.ts
import { Codec, ConnectionMode } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Message, MessageType, Origin, Slice } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { DecodeStatus } from "../../codec/decode-status";
import { PointerVector } from "../../containers/pointer-vector";
import { Random } from "../../containers/random";
import { TimerNode, TimerWheel } from "../../containers/timer-wheel";
import { clock, TICK_MS } from "../clock";
import { PluginConfiguration } from "../config/plugin-configuration";
import { flush, queueDownstream, queueUpstream } from "../connection/flush-list";
import { allocateBudgeted } from "../connection/memory-budget";
import { OutputQueue } from "../connection/output-queue";
import { retireBlock } from "../connection/retired-blocks";
import { ROUTE_TIMEOUT_DEFAULT, RouteEntry } from "../route/route-entry";
import { RouteTable } from "../route/table";
import { Stream, StreamState } from "../stream/stream";
import { streams } from "../stream/stream-table";
import { stats } from "../telemetry/stats";
import { Cluster } from "../upstream/cluster";
import { Pool } from "../upstream/pool";
import { UpstreamConnection } from "../upstream/upstream-connection";
import { countLocalReply, LocalReplies } from "./local-reply";
import { ReplyText } from "./reply-text";
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
  private readonly replies: LocalReplies;
  private readonly text: ReplyText = new ReplyText();
  private readonly random: Random = new Random();
  /** Serial connections whose request has ended: their next one can go on. */
  private readonly resumable: PointerVector = new PointerVector();
  /** For frames that waited for routes and are looked at again. */
  private readonly held: Message = new Message();
  private readonly heldState: usize;
  private awaitingRoutes: u32 = 0;

  constructor(
    private readonly codec: Codec,
    private readonly configuration: PluginConfiguration,
    seed: u64,
  ) {
    this.replies = new LocalReplies(codec);
    this.timers = new StreamTimers(this);
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
    const limit = this.configuration.limits.maxRequestsPerDownstreamConnection;
    const stream = source.requests.length < limit ? streams.acquire() : null;
    if (stream === null) {
      this.refuse(source, message, ErrorKind.Overload);
      return;
    }
    stats.downstreamRqActive++;
    stream.isOneway = isOneway;
    stream.id = message.id;
    stream.startMs = clock.nowMs;
    stream.timeoutMs = 0;
    if (!isOneway) {
      stream.contextLength = this.codec.captureContext(message, stream.context);
      stream.downstream = changetype<usize>(source);
      source.requests.add(stream);
      if (this.codec.serialDownstream) source.paused = true;
    }
    const binding = source.binding;
    let table: RouteTable | null = null;
    if (binding !== null) table = binding.table;
    if (table !== null) this.route(stream, message, table);
    else this.awaitRoutes(stream, message, binding);
  }

  /** Answers a request for which there is no stream. */
  refuse(source: RequestSource, message: Message, kind: ErrorKind): void {
    countLocalReply(kind);
    if (message.type == MessageType.Oneway) return;
    const text = this.text.compose(kind, 0, 0, 0);
    this.replies.send(source, kind, message.id, text, this.replies.capture(message));
  }

  private route(stream: Stream, message: Message, table: RouteTable): void {
    const entry = table.lookup(this.codec, message);
    if (entry === null) {
      this.fail(stream, ErrorKind.NoRoute, table.namePtr, table.nameLen);
      return;
    }
    table.retain();
    stream.table = table;
    stream.route = entry;
    const cluster = changetype<Cluster>(table.cluster(entry.pick(this.random.nextU32())).userData);
    if (cluster.bounds.outstanding >= cluster.bounds.maxRequests) {
      this.failForCluster(stream, ErrorKind.Overload, cluster.bounds.name);
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
    if (!this.writeFrame(message, id, entry.requestMutation, connection.output)) {
      this.failForCluster(stream, ErrorKind.Overload, pool.bounds.name);
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
    if (stream.isOneway) {
      connection.lastRequestMs = clock.nowMs;
      this.end(stream);
      streams.release(stream);
      return;
    }
    pool.attach(stream, connection);
    if (!this.timers.isSet(stream)) this.setTimer(stream, entry);
  }

  private requestId(stream: Stream, message: Message): u64 {
    const isShared = this.configuration.connectionMode == ConnectionMode.Shared;
    return isShared ? stream.upstreamId : message.id;
  }

  /** Writes a frame with another id and a mutation; false: beyond the memory budget. */
  private writeFrame(
    message: Message,
    id: u64,
    mutation: Mutation | null,
    output: OutputQueue,
  ): bool {
    const codec = this.codec;
    if (mutation === null && (id == message.id || codec.patchId(message, id))) {
      return output.append(message.frame, message.frameLength);
    }
    const out = output.reserve(codec.encodedSizeBound(message, mutation));
    if (out == 0) return false;
    output.commit(codec.encode(message, id, mutation, out));
    if (mutation !== null && !codec.mutationApplied) stats.mutationSkipped++;
    return true;
  }

  /** Keeps the encoded frame until the pool has a connection for it. */
  private hold(stream: Stream, message: Message, entry: RouteEntry, pool: Pool): void {
    const codec = this.codec;
    const mutation = entry.requestMutation;
    const bound = codec.encodedSizeBound(message, mutation);
    const frame: usize = pool.canWait() ? allocateBudgeted(bound) : 0;
    if (frame == 0) {
      this.failForCluster(stream, ErrorKind.Overload, pool.bounds.name);
      return;
    }
    stream.frame = frame;
    stream.frameCapacity = bound;
    stream.frameLength = codec.encode(message, this.requestId(stream, message), mutation, frame);
    if (mutation !== null && !codec.mutationApplied) stats.mutationSkipped++;
    this.setTimer(stream, entry);
    pool.wait(stream);
  }

  /** A stream that waited gets its connection. */
  sendPending(stream: Stream, pool: Pool, connection: UpstreamConnection): void {
    const entry = stream.route;
    if (entry === null || !connection.output.append(stream.frame, stream.frameLength)) {
      this.failForCluster(stream, ErrorKind.Overload, pool.bounds.name);
      return;
    }
    retireBlock(stream.frame, stream.frameCapacity);
    stream.frame = 0;
    queueUpstream(connection);
    this.onSent(stream, entry, pool, connection);
  }

  // ---- waiting for the first routes

  private awaitRoutes(stream: Stream, message: Message, binding: RouteBinding | null): void {
    const isStatic = this.configuration.discoveryCluster.byteLength == 0;
    if (binding === null || isStatic || binding.subscription.isMissing) {
      this.failWithoutRoutes(stream, binding);
      return;
    }
    const isFull = this.awaitingRoutes >= this.configuration.limits.maxRequestsAwaitingRoutes;
    const frame: usize = isFull ? 0 : allocateBudgeted(message.frameLength);
    if (frame == 0) {
      this.fail(stream, ErrorKind.Overload, 0, 0);
      return;
    }
    memory.copy(frame, message.frame, message.frameLength);
    stream.frame = frame;
    stream.frameLength = message.frameLength;
    stream.frameCapacity = message.frameLength;
    stream.state = StreamState.AwaitingRoutes;
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
      if (table === null) this.failWithoutRoutes(stream, binding);
      else this.routeHeld(stream, table);
    }
  }

  private routeHeld(stream: Stream, table: RouteTable): void {
    const message = this.held;
    const frame = stream.frame;
    message.reset(Origin.Downstream, frame);
    memory.fill(this.heldState, 0, this.codec.stateBytes);
    const status = this.codec.decode(message, frame, stream.frameLength, this.heldState);
    if (status != DecodeStatus.Done) {
      this.fail(stream, ErrorKind.MalformedRequest, 0, 0);
      return;
    }
    // The frame may be referred to until the end of this call; the stream may need the field.
    retireBlock(frame, stream.frameCapacity);
    stream.frame = 0;
    this.route(stream, message, table);
  }

  private failWithoutRoutes(stream: Stream, binding: RouteBinding | null): void {
    countLocalReply(ErrorKind.NoRoute);
    let ptr: usize = 0;
    let length: u32 = 0;
    if (binding !== null) {
      const name = binding.subscription.name;
      ptr = changetype<usize>(name);
      length = <u32>name.byteLength;
    }
    const text = this.text.composeNoRoutes(ptr, length);
    this.replyAndRelease(stream, ErrorKind.NoRoute, text);
  }

  // ---- responses

  /** The stream is in no upstream list any more. */
  onResponse(stream: Stream, message: Message): void {
    stats.upstreamRqCompleted++;
    const address = stream.downstream;
    const entry = stream.route;
    this.end(stream);
    if (address != 0) {
      const source = changetype<RequestSource>(address);
      let mutation: Mutation | null = null;
      if (entry !== null) mutation = entry.responseMutation;
      if (this.writeFrame(message, stream.id, mutation, source.output)) queueDownstream(source);
    }
    streams.release(stream);
  }

  // ---- ends

  /** Takes the stream out of its downstream connection and of all counts and timers. */
  private end(stream: Stream): void {
    this.timers.cancel(stream);
    this.settle(stream);
  }

  private settle(stream: Stream): void {
    const address = stream.downstream;
    if (address != 0) {
      const source = changetype<RequestSource>(address);
      source.requests.remove(stream);
      stream.downstream = 0;
      if (source.paused) this.resumable.push(address);
    }
    if (stream.pool != 0) {
      changetype<Pool>(stream.pool).bounds.outstanding--;
      stream.pool = 0;
    }
    stats.downstreamRqActive--;
  }

  /** Ends a stream that no list of an upstream holds with a local reply. */
  private fail(stream: Stream, kind: ErrorKind, namePtr: usize, nameLen: u32): void {
    countLocalReply(kind);
    const text = this.text.compose(kind, namePtr, nameLen, stream.timeoutMs);
    this.replyAndRelease(stream, kind, text);
  }

  private replyAndRelease(stream: Stream, kind: ErrorKind, text: Slice): void {
    this.reply(stream, kind, text);
    this.end(stream);
    streams.release(stream);
  }

  private reply(stream: Stream, kind: ErrorKind, text: Slice): void {
    if (stream.downstream == 0 || stream.isOneway) return;
    const context = this.replies.captured(stream.context, stream.contextLength);
    const source = changetype<RequestSource>(stream.downstream);
    this.replies.send(source, kind, stream.id, text, context);
  }

  private failForCluster(stream: Stream, kind: ErrorKind, name: ArrayBuffer): void {
    this.fail(stream, kind, changetype<usize>(name), <u32>name.byteLength);
  }

  /** There will be no response; the stream is in no list of an upstream any more. */
  onStreamFailed(stream: Stream, kind: ErrorKind): void {
    const name = changetype<Pool>(stream.pool).bounds.name;
    this.failForCluster(stream, kind, name);
  }

  /** Nobody waits for it, and no upstream has it any more. */
  onAbandonedEnd(stream: Stream): void {
    this.timers.cancel(stream);
    streams.release(stream);
  }

  onTimeout(stream: Stream): void {
    if (stream.state == StreamState.Pending) {
      changetype<Pool>(stream.pool).cancelWait(stream);
      this.onStreamFailed(stream, ErrorKind.Timeout);
      return;
    }
    if (stream.state == StreamState.InFlight) {
      const name = changetype<Pool>(stream.pool).bounds.name;
      countLocalReply(ErrorKind.Timeout);
      const ptr = changetype<usize>(name);
      const length = <u32>name.byteLength;
      const text = this.text.compose(ErrorKind.Timeout, ptr, length, stream.timeoutMs);
      this.reply(stream, ErrorKind.Timeout, text);
      this.settle(stream);
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
    if (stream.state == StreamState.InFlight) {
      this.settle(stream);
      changetype<UpstreamConnection>(stream.upstream).abandon(stream, false);
      return;
    }
    if (stream.state == StreamState.Pending) changetype<Pool>(stream.pool).cancelWait(stream);
    else this.leaveWaiting(stream);
    this.end(stream);
    streams.release(stream);
  }

  /** At the end of a VM call on a clean stack. */
  finish(): void {
    while (this.resumable.length > 0) {
      const source = changetype<RequestSource>(this.resumable.pop());
      if (source.open && source.paused && source.requests.length == 0) source.resume();
    }
    flush();
  }
}
