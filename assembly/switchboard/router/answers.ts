// What goes back to clients: responses, local replies, and the order among them.
//
// Where a protocol's clients take responses in the order of their requests, an answer that is early
// is kept in its stream until those to earlier requests have gone.
//
// Allocates: copies of answers that have to wait; otherwise never.
// Next: switchboard/router/local-reply.ts
import { Codec } from "../../codec/codec";
import { ErrorKind, NO_ERROR_CODE } from "../../codec/error-kind";
import { Message, MessageType, ResponseStatus, Slice, TransactionStep } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { PointerVector } from "../../containers/pointer-vector";
import { TimerWheel } from "../../containers/timer-wheel";
import { FILTER_SLOT_BYTES } from "../../filter/filter";
import { installedFilters } from "../../filter/installed";
import { NO_CAPTURE } from "../../format/format";
import { flagOf, ResponseFlag } from "../../filter/response-flag";
import { closeDownstream, deferDownstream, queueDownstream } from "../connection/flush-list";
import { allocateBudgeted } from "../connection/memory-budget";
import { retireBlock } from "../connection/retired-blocks";
import { FilterChain } from "../filter/filter-chain";
import { StreamCall } from "../filter/stream-call";
import { RouteTable } from "../route/table";
import { Stream, STREAM_BYTES, StreamState } from "../stream/stream";
import { openStreams } from "../stream/stream-index";
import { streams } from "../stream/stream-table";
import { stats } from "../telemetry/stats";
import { Cluster } from "../upstream/cluster";
import { Pool } from "../upstream/pool";
import { FrameWriter } from "./frame-writer";
import { countLocalReply, LocalReplies } from "./local-reply";
import { ReplyText } from "./reply-text";
import { RequestSource, sourceOf } from "./request-source";
import { RouteBinding } from "./route-binding";

export class Answers {
  private readonly replies: LocalReplies;
  private readonly text: ReplyText = new ReplyText();
  /** Connections of which a request has ended that others waited for. */
  private readonly unsettled: PointerVector = new PointerVector();
  /** For filters, of a request that there is no stream for. */
  private readonly refused: Stream;

  constructor(
    codec: Codec,
    private readonly writer: FrameWriter,
    private readonly timers: TimerWheel,
    private readonly chain: FilterChain,
  ) {
    this.replies = new LocalReplies(codec);
    const record = heap.alloc(STREAM_BYTES);
    memory.fill(record, 0, STREAM_BYTES);
    this.refused = changetype<Stream>(record);
    this.refused.status = ResponseStatus.Error;
  }

  /** The response is complete; the stream is in no upstream list any more. */
  onResponse(stream: Stream, message: Message): void {
    stats.upstreamRqCompleted++;
    this.timers.cancel(stream);
    this.leavePool(stream);
    stream.status = message.status;
    stream.responseBytes += message.frameLength;
    if (stream.downstream != 0) this.deliver(stream, message);
    if (stream.state != StreamState.Answered) this.endAndRelease(stream);
  }

  /** Writes the response, or keeps it while those to earlier requests are missing. */
  private deliver(stream: Stream, message: Message): void {
    const source = changetype<RequestSource>(stream.downstream);
    if (source.closeWhenFlushed) return;
    let mutation: Mutation | null = null;
    if (!stream.isOpen) mutation = this.chain.respond(stream, message);
    if (source.isOrdered && !source.requests.isFirst(stream)) {
      this.keepAnswer(stream, message, mutation);
      return;
    }
    if (!this.writer.queue(message, stream.id, mutation, source.output)) {
      this.giveUp(source);
      return;
    }
    // Others of this client are in flight, and their answers may be here already.
    if (source.isOrdered && source.requests.length > 1) deferDownstream(source);
    else queueDownstream(source);
  }

  private keepAnswer(stream: Stream, message: Message, mutation: Mutation | null): void {
    const bound = this.writer.bound(message, mutation);
    const frame = allocateBudgeted(bound);
    if (frame != 0) {
      const length = this.writer.write(message, stream.id, mutation, frame);
      this.answerLater(stream, frame, bound, length);
    } else {
      this.giveUp(changetype<RequestSource>(stream.downstream));
    }
  }

  /**
   * No memory is left for an answer. A client that waited for it in vain would be worse off. Nothing
   * more is written to it: an answer would be missing before it.
   */
  giveUp(source: RequestSource): void {
    source.output.seal();
    closeDownstream(source);
  }

  private answerLater(stream: Stream, frame: usize, capacity: u32, length: u32): void {
    streams.releaseFrame(stream);
    stream.frame = frame;
    stream.frameCapacity = capacity;
    stream.frameLength = length;
    stream.state = StreamState.Answered;
  }

  /** After the answer to the oldest request: those that waited for it. */
  deliverAnswered(source: RequestSource): void {
    while (source.requests.length > 0) {
      const stream = source.requests.first();
      if (stream.state != StreamState.Answered) return;
      const isWritten = stream.frameLength > 0;
      if (!isWritten || !source.output.append(stream.frame, stream.frameLength)) {
        this.giveUp(source);
        return;
      }
      retireBlock(stream.frame, stream.frameCapacity);
      stream.frame = 0;
      deferDownstream(source);
      this.endAndRelease(stream);
    }
  }

  /** Answers a request for which there is no stream. */
  refuse(source: RequestSource, message: Message, kind: ErrorKind): void {
    countLocalReply(kind);
    this.tell(source, kind, message.transaction > TransactionStep.Begin);
    const isOneway = message.type == MessageType.Oneway;
    if (!isOneway && source.isOrdered && source.requests.length > 0) {
      this.refuseInTurn(source, message, kind);
      return;
    }
    const record = this.refused;
    record.responseBytes = 0;
    if (!isOneway) {
      this.replies.prepare(kind, NO_ERROR_CODE, this.text.compose(kind, 0, 0, 0), false);
      this.replies.forMessage(message);
      record.responseBytes = this.sendReply(source, message.id);
    }
    const binding = source.binding;
    if (binding === null) return;
    const table = binding.table;
    if (table === null) return;
    record.isOneway = isOneway;
    record.requestBytes = message.frameLength;
    record.source = changetype<usize>(source);
    record.sourceId = source.id;
    record.flag = flagOf(kind);
    this.chain.refuse(record, table);
  }

  /** Likewise, behind answers to earlier requests that are missing. */
  private refuseInTurn(source: RequestSource, message: Message, kind: ErrorKind): void {
    const stream = streams.acquire();
    if (stream === null) {
      this.giveUp(source);
      return;
    }
    stats.downstreamRqActive++;
    stream.id = message.id;
    stream.isOneway = false;
    stream.downstream = changetype<usize>(source);
    stream.source = changetype<usize>(source);
    stream.sourceId = source.id;
    stream.requestBytes = message.frameLength;
    stream.flag = flagOf(kind);
    source.requests.push(stream);
    const binding = source.binding;
    let table: RouteTable | null = null;
    if (binding !== null) table = binding.table;
    if (table !== null) {
      table.retain();
      stream.table = table;
      this.chain.prepare(stream, table.filters);
    }
    this.replies.prepare(kind, NO_ERROR_CODE, this.text.compose(kind, 0, 0, 0), false);
    this.replies.forMessage(message);
    this.replyLater(stream, source);
  }

  /** There are no routes to match, and none will come in time. */
  failWithoutRoutes(stream: Stream, binding: RouteBinding | null): void {
    countLocalReply(ErrorKind.NoRoute);
    let ptr: usize = 0;
    let length: u32 = 0;
    if (binding !== null) {
      const name = binding.subscription.name;
      ptr = changetype<usize>(name);
      length = <u32>name.byteLength;
    }
    const text = this.text.composeNoRoutes(ptr, length);
    this.replyAndRelease(stream, ErrorKind.NoRoute, NO_ERROR_CODE, text);
  }

  /** Takes the stream out of its downstream connection and of all counts and timers. */
  private end(stream: Stream): void {
    this.timers.cancel(stream);
    this.leavePool(stream);
    this.leaveSource(stream);
  }

  endAndRelease(stream: Stream): void {
    this.chain.end(stream);
    this.end(stream);
    streams.release(stream);
  }

  /** Nothing of its client may be sent before this stream: its place in the order decides what it means. */
  holdBack(stream: Stream, source: RequestSource): void {
    stream.holdsBack = true;
    source.blocker = changetype<usize>(stream);
    source.paused = true;
  }

  /** It has been sent, or never will be. */
  letGoOn(stream: Stream): void {
    stream.holdsBack = false;
    const source = sourceOf(stream);
    if (source === null || source.blocker != changetype<usize>(stream)) return;
    source.blocker = 0;
    this.unsettled.push(changetype<usize>(source));
  }

  /** Closes a client's connection as soon as its requests have their answers. */
  forsake(source: RequestSource): void {
    source.isForsaken = true;
    source.paused = true;
    this.unsettled.push(changetype<usize>(source));
  }

  /** A request is answered with an error of ours. */
  private tell(source: RequestSource, kind: ErrorKind, endsTransaction: bool): void {
    source.transaction.onRefused(kind);
    if (endsTransaction) this.forsake(source);
  }

  /** It is no business of its cluster any more, or not before it is sent again. */
  leavePool(stream: Stream): void {
    if (stream.pool != 0) {
      const bounds = changetype<Pool>(stream.pool).bounds;
      if (stream.isShadow) bounds.shadows--;
      else bounds.outstanding--;
      stream.pool = 0;
    }
    if (stream.isRetry) {
      stream.isRetry = false;
      clusterOf(stream).bounds.retries--;
    }
    this.letClusterGo(stream);
  }

  /** The stream will need its cluster, and is nowhere in it. */
  holdCluster(stream: Stream): void {
    if (stream.cluster === null) return;
    stream.holdsCluster = true;
    clusterOf(stream).held++;
  }

  letClusterGo(stream: Stream): void {
    if (!stream.holdsCluster) return;
    stream.holdsCluster = false;
    clusterOf(stream).held--;
  }

  leaveSource(stream: Stream): void {
    if (stream.isShadow) return;
    if (stream.holdsBack) this.letGoOn(stream);
    if (stream.isStreaming) openStreams.remove(stream);
    stats.downstreamRqActive--;
    if (stream.downstream == 0) return;
    const source = changetype<RequestSource>(stream.downstream);
    const wasFirst = source.requests.isFirst(stream);
    source.requests.remove(stream);
    stream.downstream = 0;
    if (source.paused || (wasFirst && source.isOrdered && source.requests.length > 0)) {
      this.unsettled.push(changetype<usize>(source));
    }
  }

  /** Ends a stream that no list of an upstream holds with a local reply. */
  fail(stream: Stream, kind: ErrorKind, namePtr: usize, nameLen: u32): void {
    if (stream.isShadow) {
      stats.mirrorRqFailed++;
      this.endAndRelease(stream);
      return;
    }
    countLocalReply(kind);
    const text = this.text.compose(kind, namePtr, nameLen, stream.timeoutMs);
    this.replyAndRelease(stream, kind, NO_ERROR_CODE, text);
  }

  /** Ends a stream with the answer that a filter has made up. */
  replyForFilter(stream: Stream, call: StreamCall): void {
    if (call.replyFlag == ResponseFlag.FaultInjected) stats.localReplyFi++;
    else countLocalReply(call.replyKind);
    stream.flag = call.replyFlag;
    const text = this.text.composeText(call.replyText.ptr, call.replyText.len);
    this.replyAndRelease(stream, call.replyKind, call.replyCode, text);
  }

  private replyAndRelease(stream: Stream, kind: ErrorKind, code: u32, text: Slice): void {
    if (stream.flag == ResponseFlag.None) stream.flag = flagOf(kind);
    stream.status = ResponseStatus.Error;
    this.timers.cancel(stream);
    this.leavePool(stream);
    this.reply(stream, kind, code, text);
    if (stream.state != StreamState.Answered) this.endAndRelease(stream);
  }

  private reply(stream: Stream, kind: ErrorKind, code: u32, text: Slice): void {
    if (stream.downstream == 0 || stream.isOneway) return;
    const source = changetype<RequestSource>(stream.downstream);
    if (source.closeWhenFlushed) return;
    this.tell(source, kind, stream.endsTransaction);
    this.replies.prepare(kind, code, text, stream.isOpen);
    this.replies.forCaptured(stream.context, stream.contextLength);
    if (source.isOrdered && !source.requests.isFirst(stream)) {
      this.replyLater(stream, source);
    } else {
      stream.responseBytes = this.sendReply(source, stream.id);
    }
  }

  /** Where the order tells what an answer belongs to, one that the protocol does not have ends the connection. */
  private sendReply(source: RequestSource, id: u64): u32 {
    const length = this.replies.send(source, id);
    if (length == 0 && source.isOrdered) closeDownstream(source);
    return length;
  }

  /** Answers to earlier requests of the client are missing: what is prepared has to wait. */
  private replyLater(stream: Stream, source: RequestSource): void {
    const capacity = this.replies.bound;
    const frame = allocateBudgeted(capacity);
    if (frame == 0) {
      this.giveUp(source);
      return;
    }
    const length = this.replies.write(stream.id, frame);
    stream.responseBytes = length;
    this.answerLater(stream, frame, capacity, length);
  }

  failForCluster(stream: Stream, kind: ErrorKind, name: ArrayBuffer): void {
    this.fail(stream, kind, changetype<usize>(name), <u32>name.byteLength);
  }

  /** Answers the client of a stream that its upstream connection still holds. */
  replyAhead(stream: Stream, kind: ErrorKind, name: ArrayBuffer): void {
    const substitute = this.substitute(stream);
    if (substitute === null) {
      if (stream.isShadow) stats.mirrorRqFailed++;
      stream.flag = flagOf(kind);
      this.chain.end(stream);
      if (stream.downstream != 0) this.giveUp(changetype<RequestSource>(stream.downstream));
      this.leavePool(stream);
      this.leaveSource(stream);
      return;
    }
    this.failForCluster(substitute, kind, name);
  }

  /**
   * Another record takes the place of a stream that its upstream connection still holds: in the order of
   * answers, and in all else but there. Null: nobody waits for it, or there are too many.
   */
  substitute(stream: Stream): Stream | null {
    if (stream.downstream == 0) return null;
    const substitute = streams.acquire();
    if (substitute === null) return null;
    const source = changetype<RequestSource>(stream.downstream);
    source.requests.replace(stream, substitute);
    substitute.state = StreamState.InFlight;
    substitute.downstream = stream.downstream;
    substitute.isOneway = false;
    substitute.id = stream.id;
    substitute.timeoutMs = stream.timeoutMs;
    substitute.contextLength = stream.contextLength;
    memory.copy(substitute.context, stream.context, stream.contextLength);
    this.handOver(stream, substitute);
    stream.downstream = 0;
    this.leavePool(stream);
    return substitute;
  }

  /** What filters know of the stream becomes the substitute's. */
  private handOver(stream: Stream, substitute: Stream): void {
    substitute.table = stream.table;
    substitute.route = stream.route;
    stream.table = null;
    stream.route = null;
    substitute.cluster = stream.cluster;
    substitute.source = stream.source;
    substitute.sourceId = stream.sourceId;
    substitute.requestBytes = stream.requestBytes;
    substitute.startNs = stream.startNs;
    substitute.sentNs = stream.sentNs;
    substitute.tries = stream.tries;
    substitute.endpoint = stream.endpoint;
    stream.endpoint = 0;
    substitute.avoidedEndpoint = stream.avoidedEndpoint;
    substitute.retries = stream.retries;
    substitute.deadlineMs = stream.deadlineMs;
    substitute.dialect = stream.dialect;
    substitute.hash = stream.hash;
    substitute.session = stream.session;
    substitute.sessionEndpoint = stream.sessionEndpoint;
    substitute.wantedEndpoint = stream.wantedEndpoint;
    stream.session = null;
    substitute.keepsFrame = stream.keepsFrame;
    substitute.needsNewId = true;
    substitute.frame = stream.frame;
    substitute.frameLength = stream.frameLength;
    substitute.frameCapacity = stream.frameCapacity;
    stream.frame = 0;
    stream.keepsFrame = false;
    substitute.capture = stream.capture;
    stream.capture = NO_CAPTURE;
    substitute.filters = stream.filters;
    stream.filters = 0;
    if (substitute.filters == 0) return;
    memory.copy(substitute.slots, stream.slots, installedFilters() * FILTER_SLOT_BYTES);
  }

  /** At the end of a VM call: answers whose turn has come, and requests that there is room for now. */
  settle(): void {
    while (this.unsettled.length > 0) {
      const source = changetype<RequestSource>(this.unsettled.pop());
      if (!source.open || source.closeWhenFlushed) continue;
      if (source.isOrdered) this.deliverAnswered(source);
      if (source.isForsaken) {
        if (source.requests.length == 0) closeDownstream(source);
      } else if (source.paused && source.canGoOn) {
        source.resume();
      }
    }
  }
}

/** Of a stream that has one. */
function clusterOf(stream: Stream): Cluster {
  return changetype<Cluster>(stream.cluster!.userData);
}
