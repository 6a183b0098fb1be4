// Gives requests to upstream connections, and copies of them to mirrors.
// Allocates: copies of frames that have to wait or may be sent again; otherwise never.
// Next: switchboard/upstream/pool.ts
import { ErrorKind } from "../../codec/error-kind";
import { Message, Slice } from "../../codec/message";
import { Mutation, MutationOperation } from "../../codec/mutation";
import { Random } from "../../containers/random";
import { TimerWheel } from "../../containers/timer-wheel";
import { StaticText } from "../../wire/static-text";
import { clock, ticksOf } from "../clock";
import { queueUpstream } from "../connection/flush-list";
import { allocateBudgeted } from "../connection/memory-budget";
import { MutationScratch } from "../filter/mutation-scratch";
import { Mirror } from "../route/mirror";
import { RetryPolicy } from "../route/retry-policy";
import { RouteEntry } from "../route/route-entry";
import { Stream } from "../stream/stream";
import { streams } from "../stream/stream-table";
import { stats } from "../telemetry/stats";
import { Cluster } from "../upstream/cluster";
import { Pool } from "../upstream/pool";
import { UpstreamConnection } from "../upstream/upstream-connection";
import { FrameWriter } from "./frame-writer";
import { RequestSource, sourceOf } from "./request-source";
import { Retries } from "./retries";

const MILLION: u32 = 1000000;

const shadowKey = new StaticText("metaproto-shadow");
const shadowValue = new StaticText("true");

function sliceOf(text: StaticText): Slice {
  const slice = new Slice();
  slice.ptr = text.ptr;
  slice.len = text.len;
  return slice;
}

export class Sender {
  /** What the route changes in the request at hand, and in copies of it. */
  ofRoute: Mutation | null = null;
  private readonly destination: Slice = new Slice();
  private readonly shadowKey: Slice = sliceOf(shadowKey);
  private readonly shadowValue: Slice = sliceOf(shadowValue);

  constructor(
    /** Requests have ids of ours on upstream connections. */
    private readonly isById: bool,
    private readonly writer: FrameWriter,
    private readonly retries: Retries,
    private readonly timers: TimerWheel,
    /** What filters change in the frame at hand. */
    private readonly mutations: MutationScratch,
    private readonly random: Random,
  ) {}

  /** `message`: the frame; null: the stream has it. */
  dispatch(stream: Stream, entry: RouteEntry, message: Message | null): void {
    const source = sourceOf(stream);
    if (source !== null && source.dedicated != 0) this.rejoin(stream, source);
    const cluster = changetype<Cluster>(stream.cluster!.userData);
    const bounds = cluster.bounds;
    if (source !== null && source.isForsaken) {
      this.retries.answers.failForCluster(stream, ErrorKind.UpstreamReset, bounds.name);
      return;
    }
    const used = stream.isShadow ? bounds.shadows : bounds.outstanding;
    if (used >= bounds.maxRequests) {
      stats.upstreamRqOverflow++;
      this.retries.failOrRetry(stream, ErrorKind.Overload, bounds.name);
      return;
    }
    let pool: Pool;
    let connection: UpstreamConnection | null;
    if (source !== null && source.dedicated != 0) {
      connection = changetype<UpstreamConnection>(source.dedicated);
      pool = changetype<Pool>(connection.owner);
    } else {
      const found = this.poolOf(cluster, stream, source);
      if (found === null) {
        this.retries.answers.failForCluster(stream, ErrorKind.NoHealthyUpstream, bounds.name);
        return;
      }
      pool = found;
      connection = pool.pick(stream);
    }
    stream.pool = changetype<usize>(pool);
    if (stream.isShadow) bounds.shadows++;
    else bounds.outstanding++;
    if (connection === null) this.hold(stream, message, pool);
    else if (stream.frame == 0 && message !== null) {
      this.sendNow(stream, entry, message, pool, connection);
    } else {
      this.sendPending(stream, pool, connection);
    }
  }

  /** Null: it is to go where its client connected to, and nobody knows where that is. */
  private poolOf(cluster: Cluster, stream: Stream, source: RequestSource | null): Pool | null {
    if (!cluster.bounds.isOriginalDestination) return cluster.pool(stream.dialect);
    const address = this.destination;
    if (source === null || !source.peer.localAddress(address)) return null;
    return cluster.poolTo(address.ptr, address.len, stream.dialect);
  }

  /** Its client's server has been chosen, whatever the route says of the cluster. */
  private rejoin(stream: Stream, source: RequestSource): void {
    const connection = changetype<UpstreamConnection>(source.dedicated);
    const bounds = changetype<Pool>(connection.owner).bounds;
    if (changetype<Cluster>(stream.cluster!.userData).bounds === bounds) return;
    const table = stream.table!;
    for (let i: u32 = 0; i < table.clusterCount; i++) {
      const cluster = table.cluster(i);
      if (changetype<Cluster>(cluster.userData).bounds !== bounds) continue;
      stream.cluster = cluster;
      return;
    }
  }

  private sendNow(
    stream: Stream,
    entry: RouteEntry,
    message: Message,
    pool: Pool,
    connection: UpstreamConnection,
  ): void {
    const id = this.requestId(stream, message);
    const mutation = this.mutations.after(this.ofRoute);
    if (!this.writer.queue(message, id, mutation, connection.output)) {
      this.retries.answers.failForCluster(stream, ErrorKind.Overload, pool.bounds.name);
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
    if (stream.holdsBack) this.retries.answers.letGoOn(stream);
    if (stream.needsOwn) this.dedicate(stream, pool, connection);
    const isAsked = stream.filters != 0 || entry.responseFormat != 0 || stream.session !== null;
    const endpoint = connection.endpoint;
    if (endpoint !== null && (isAsked || stream.keepsFrame)) {
      streams.retainEndpoint(stream, endpoint);
    }
    if (stream.filters != 0) stream.sentNs = clock.preciseNs();
    if (stream.isOneway) {
      connection.lastRequestMs = clock.nowMs;
      this.retries.answers.endAndRelease(stream);
      return;
    }
    pool.attach(stream, connection);
    // A copy has one try, which nobody measures.
    let policy: RetryPolicy | null = null;
    if (!stream.isShadow) policy = entry.retryPolicy;
    if (policy !== null && policy.perTryTimeoutMs > 0) this.timers.cancel(stream);
    if (!this.timers.isSet(stream)) this.setTimer(stream, policy);
  }

  /** From its first request on a client's connection has this server. */
  private dedicate(stream: Stream, pool: Pool, connection: UpstreamConnection): void {
    if (stream.keepsFrame) {
      stream.keepsFrame = false;
      streams.releaseFrame(stream);
    }
    if (connection.dedicatedTo != 0) return;
    const source = sourceOf(stream);
    if (source === null) {
      connection.drain();
      return;
    }
    source.dedicated = changetype<usize>(connection);
    pool.dedicate(connection, changetype<usize>(source));
  }

  private requestId(stream: Stream, message: Message): u64 {
    return this.isById ? stream.upstreamId : message.id;
  }

  /** Writes the frame as it is sent to memory of the stream's; false: there is none left. */
  private encode(stream: Stream, message: Message): bool {
    const mutation = this.mutations.after(this.ofRoute);
    const bound = this.writer.bound(message, mutation);
    const frame = allocateBudgeted(bound);
    if (frame == 0) return false;
    const id = this.requestId(stream, message);
    stream.frame = frame;
    stream.frameCapacity = bound;
    stream.frameLength = this.writer.write(message, id, mutation, frame);
    return true;
  }

  /** Keeps the encoded frame until the pool has a connection for it. */
  private hold(stream: Stream, message: Message | null, pool: Pool): void {
    if (pool.isBarred || pool.isLost(stream)) {
      this.retries.failOrRetry(stream, ErrorKind.NoHealthyUpstream, pool.bounds.name);
      return;
    }
    let isHeld = pool.canWait();
    if (isHeld && stream.frame == 0) {
      isHeld = message !== null && this.encode(stream, message);
    }
    if (!isHeld) {
      this.retries.failOrRetry(stream, ErrorKind.Overload, pool.bounds.name);
      return;
    }
    if (!this.timers.isSet(stream)) this.setTimer(stream, null);
    pool.wait(stream);
  }

  /** A stream that has kept its frame gets a connection. */
  sendPending(stream: Stream, pool: Pool, connection: UpstreamConnection): void {
    const entry = stream.route;
    if (entry === null || !connection.output.append(stream.frame, stream.frameLength)) {
      this.retries.answers.failForCluster(stream, ErrorKind.Overload, pool.bounds.name);
      return;
    }
    if (!stream.keepsFrame) streams.releaseFrame(stream);
    queueUpstream(connection);
    this.onSent(stream, entry, pool, connection);
  }

  /** Sends a copy that is nobody's: what becomes of it is only counted. */
  mirror(stream: Stream, entry: RouteEntry, message: Message, index: u32): void {
    const mirror = changetype<Mirror>(entry.mirrors + <usize>index * offsetof<Mirror>());
    if (this.random.below(MILLION) >= mirror.perMillion) return;
    const table = stream.table!;
    const target = table.cluster(mirror.cluster);
    const bounds = changetype<Cluster>(target.userData).bounds;
    const isWithin = bounds.shadows < bounds.maxRequests;
    const shadow = isWithin ? streams.acquire() : null;
    stats.mirrorRqTotal++;
    if (shadow === null) {
      stats.mirrorRqOverflow++;
      return;
    }
    shadow.isShadow = true;
    shadow.isOneway = stream.isOneway;
    shadow.id = stream.id;
    shadow.dialect = stream.dialect;
    shadow.timeoutMs = stream.timeoutMs;
    shadow.cluster = target;
    shadow.route = entry;
    table.retain();
    shadow.table = table;
    // The copy is another frame than the one that is sent, whether or not it can carry the mark.
    const mutations = this.mutations;
    mutations.add(MutationOperation.Set, this.shadowKey, this.shadowValue);
    if (this.encode(shadow, message)) {
      mutations.removeLast();
      this.dispatch(shadow, entry, null);
    } else {
      mutations.removeLast();
      this.retries.answers.fail(shadow, ErrorKind.Overload, 0, 0);
    }
  }

  /** Keeps the frame so that it can be sent again, if the policy lets it and there is memory. */
  keep(stream: Stream, message: Message, policy: RetryPolicy): void {
    if (policy.attempts == 0 || message.frameLength > policy.maxRequestBytes) return;
    if (stream.isOneway && !policy.retryOneway) return;
    stream.keepsFrame = this.encode(stream, message);
  }

  /** `policy`: of a request that is on its way; null: it only has to be answered in time. */
  private setTimer(stream: Stream, policy: RetryPolicy | null): void {
    let ms = stream.timeoutMs;
    if (stream.deadlineMs != 0) {
      const now = clock.nowMs;
      ms = now < stream.deadlineMs ? <u32>(stream.deadlineMs - now) : 1;
    }
    stream.isTryTimed = false;
    if (policy !== null && policy.perTryTimeoutMs > 0) {
      stream.isTryTimed = ms == 0 || policy.perTryTimeoutMs < ms;
      if (stream.isTryTimed) ms = policy.perTryTimeoutMs;
    }
    if (ms > 0) this.timers.set(stream, ticksOf(ms));
  }
}
