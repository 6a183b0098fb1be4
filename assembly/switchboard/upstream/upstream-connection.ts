// One connection to an endpoint: an internal connection whose next filter is tcp_proxy.
//
//   Dialing   http_call was made; tcp_proxy is connecting
//   Ready     the first bytes were seen: tcp_proxy is connected
//   Draining  no new request; closed when the last one is answered
//   Closed    gone, or about to be
//
// Allocates: while a frame spans reads.
// Next: switchboard/router/answers.ts
import { Action, BufferType, PeerType } from "../../proxy-wasm-as/abi/enums";
import { setBuffer } from "../../proxy-wasm-as/host/buffers";
import { setEnvoyFilterState } from "../../proxy-wasm-as/host/foreign-function";
import { getProperty, getPropertyU64, PropertyPath } from "../../proxy-wasm-as/host/properties";
import { StaticBytes } from "../../proxy-wasm-as/memory/static-bytes";
import { Codec, ConnectionMode } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Message, MessageType, Origin, ResponseStatus, StreamEnd } from "../../codec/message";
import { clock } from "../clock";
import { Connection } from "../connection/connection";
import { closeUpstream, queueUpstream, unqueue } from "../connection/flush-list";
import { postWork } from "../connection/posted-work";
import { Stream, StreamState } from "../stream/stream";
import { StreamList } from "../stream/stream-list";
import { streams } from "../stream/stream-table";
import { stats } from "../telemetry/stats";
import { Endpoint } from "./endpoint";
import { isMatchedById } from "./matching";
import { ResponseSink } from "./response-sink";

export enum UpstreamState {
  Closed = 0,
  Dialing = 1,
  Ready = 2,
  Draining = 3,
}

/** Ids of probes: never an id of a stream. */
const PROBE_ID: u64 = 0x7fffffff;
const PROBE_BYTES: u32 = 64;
const STREAM_RESET_BYTES: u32 = 64;
/** Requests that were given up but may still be answered; beyond it the connection is given up too. */
const MAX_ABANDONED: u32 = 1024;

// CoreResponseFlag of envoy/stream_info/stream_info.h, as bits of `response.flags`.
const FLAG_NO_HEALTHY_UPSTREAM: u64 = 1 << 1;
const FLAG_UPSTREAM_OVERFLOW: u64 = 1 << 7;
const FLAG_NO_CLUSTER_FOUND: u64 = 1 << 24;

const clusterFilterState = new StaticBytes("envoy.tcp_proxy.cluster");
const destinationFilterState = new StaticBytes(
  "envoy.network.transport_socket.original_dst_address",
);
const upstreamAddress = new PropertyPath(["upstream", "address"]);
const responseFlags = new PropertyPath(["response", "flags"]);

function setFilterState(key: StaticBytes, value: ArrayBuffer): void {
  setEnvoyFilterState(key.ptr, key.len, changetype<usize>(value), <u32>value.byteLength);
}

/** What a connection tells the pool that it belongs to. */
export abstract class ConnectionOwner {
  /** Name of the Envoy cluster that tcp_proxy connects to. */
  abstract get clusterName(): ArrayBuffer;
  /** `ip:port` that a cluster of type ORIGINAL_DST connects to; empty: the cluster's balancer chooses. */
  abstract get destination(): ArrayBuffer;
  /** It can take requests. */
  abstract onConnected(connection: UpstreamConnection): void;
  /** It never got to Ready. */
  abstract onDialFailed(connection: UpstreamConnection, failure: ErrorKind): void;
  /** Likewise, but that says nothing about the cluster: the host has mixed it up with another dial. */
  abstract onDialAborted(connection: UpstreamConnection): void;
  /** A watched endpoint has answered, or has not in time (Error). */
  abstract onResult(endpoint: Endpoint, status: ResponseStatus): void;
  /** A request on it ended. */
  abstract onRoom(connection: UpstreamConnection): void;
  /** It takes no request any more, but is still open. */
  abstract onDraining(connection: UpstreamConnection): void;
  /** It is gone, after Ready or Draining. */
  abstract onClosed(connection: UpstreamConnection): void;
}

export class UpstreamConnection extends Connection {
  state: UpstreamState = UpstreamState.Closed;
  owner: ConnectionOwner | null = null;
  endpoint: Endpoint | null = null;
  /** In flight and abandoned, oldest first. */
  readonly inFlight: StreamList = new StreamList();
  abandoned: u32 = 0;
  /** Position in the endpoint's list of connections that can take a request; owner's business. */
  isAvailable: bool = false;
  /** It counts among the endpoint's connections; owner's business. */
  isCounted: bool = false;
  /** No request waited for it when it was dialled; owner's business. */
  isExploring: bool = false;
  /** The pool's count of endpoint changes when it was dialled; owner's business. */
  epoch: u32 = 0;
  dialedMs: u64 = 0;
  /** Of the dial's HTTP request; 0: none was sent. */
  dialToken: u32 = 0;
  /** When a request was last sent, and when bytes last came. */
  lastRequestMs: u64 = 0;
  lastReadMs: u64 = 0;
  private probedMs: u64 = 0;
  /** The RequestSource that alone uses it, or 0. */
  dedicatedTo: usize = 0;
  private readonly isById: bool;

  constructor(
    codec: Codec,
    message: Message,
    mode: ConnectionMode,
    private readonly sink: ResponseSink,
    maxFrameBytes: u32,
  ) {
    super(codec, message, Origin.Upstream, maxFrameBytes);
    this.isById = isMatchedById(codec, mode);
  }

  /** Before the dial: the object is new, or its last connection is gone. */
  prepare(owner: ConnectionOwner): void {
    this.reset();
    this.id = 0;
    this.open = false;
    this.state = UpstreamState.Dialing;
    this.owner = owner;
    this.endpoint = null;
    this.abandoned = 0;
    this.isAvailable = false;
    this.isCounted = false;
    this.dialedMs = clock.nowMs;
    this.dialToken = 0;
    this.lastRequestMs = clock.nowMs;
    this.lastReadMs = clock.nowMs;
    this.probedMs = 0;
    this.dedicatedTo = 0;
  }

  override onNewConnection(): Action {
    const owner = this.owner;
    if (owner !== null) {
      setFilterState(clusterFilterState, owner.clusterName);
      const destination = owner.destination;
      if (destination.byteLength > 0) setFilterState(destinationFilterState, destination);
    }
    return Action.Continue;
  }

  override onDownstreamData(size: u32, endOfStream: bool): Action {
    if (endOfStream) {
      // The dial's HTTP request has ended; Envoy 1.36 tells of it in no other way.
      const isDialing = this.state == UpstreamState.Dialing;
      this.close(isDialing ? ErrorKind.ConnectFailure : ErrorKind.UpstreamReset);
      return Action.Pause;
    }
    // The head of the dial's HTTP request, which nobody answers: tcp_proxy is connected.
    if (this.state == UpstreamState.Dialing) {
      this.open = true;
      this.state = UpstreamState.Ready;
      this.lastReadMs = clock.nowMs;
      const owner = this.owner;
      if (owner !== null) owner.onConnected(this);
      this.sink.finish();
    }
    return Action.Pause;
  }

  /** Whether `upstream.address` is known; its bytes are the host call's result. */
  readAddress(): bool {
    return getProperty(upstreamAddress) == 0;
  }

  override onUpstreamData(size: u32, endOfStream: bool): Action {
    if (size == 0 || this.state == UpstreamState.Closed) return Action.Continue;
    this.lastReadMs = clock.nowMs;
    this.receive(BufferType.UpstreamData, 0, size);
    this.claimHost();
    setBuffer(BufferType.UpstreamData, 0, size, 0, 0);
    this.sink.finish();
    return Action.Continue;
  }

  protected override onMessage(): void {
    const message = this.message;
    switch (message.type) {
      case MessageType.Response:
      case MessageType.StreamFrame: {
        const stream = this.match(message);
        if (stream === null) this.onUnmatched();
        else this.take(stream, message);
        break;
      }
      case MessageType.Heartbeat:
        this.answerHeartbeat();
        break;
      case MessageType.Event:
        break;
      default:
        if (this.dedicatedTo != 0) this.sink.onPush(this.dedicatedTo, message);
        else if (message.type == MessageType.GoAway) this.drain();
    }
  }

  private take(stream: Stream, message: Message): void {
    if (!stream.isStreaming) {
      if (message.type == MessageType.Response) this.answer(stream);
      else stats.upstreamRqUnmatched++;
      return;
    }
    if (message.streamEnd == StreamEnd.Half) stream.isServerDone = true;
    const isOver = message.streamEnd == StreamEnd.Whole;
    if (isOver || (stream.isServerDone && stream.isClientDone)) this.answer(stream);
    else if (stream.state != StreamState.Abandoned) this.sink.onStreamFrame(stream, message);
  }

  private answer(stream: Stream): void {
    const isAbandoned = stream.state == StreamState.Abandoned;
    this.detach(stream);
    if (!isAbandoned) this.judge(this.message.status);
    if (isAbandoned) {
      stats.upstreamRqLate++;
      this.sink.onAbandonedEnd(stream);
    } else {
      this.sink.onResponse(stream, this.message);
    }
  }

  private judge(status: ResponseStatus): void {
    const endpoint = this.endpoint;
    if (endpoint === null || !endpoint.isWatched) return;
    const owner = this.owner;
    if (owner !== null) owner.onResult(endpoint, status);
  }

  private match(message: Message): Stream | null {
    if (!this.isById) return this.inFlight.length == 0 ? null : this.inFlight.first();
    const stream = streams.find(message.id);
    if (stream === null || stream.upstream != changetype<usize>(this)) return null;
    return stream;
  }

  /** A response to nothing. By order of arrival no later one could be trusted either. */
  private onUnmatched(): void {
    if (this.dedicatedTo != 0) {
      this.sink.onPush(this.dedicatedTo, this.message);
      return;
    }
    stats.upstreamRqUnmatched++;
    if (!this.isById) this.close(ErrorKind.BadResponse);
  }

  private answerHeartbeat(): void {
    const out = this.output.reserve(PROBE_BYTES);
    if (out == 0) return;
    this.output.commit(this.codec.encodeHeartbeatReply(this.message, out));
    queueUpstream(this);
  }

  /** Sends a liveness probe if the protocol has one and the last was sent `intervalMs` ago. */
  probe(intervalMs: u64): void {
    if (clock.nowMs - this.probedMs < intervalMs) return;
    const out = this.output.reserve(PROBE_BYTES);
    if (out == 0) return;
    const length = this.codec.encodeHeartbeat(PROBE_ID, out);
    this.output.commit(length);
    if (length == 0) return;
    this.probedMs = clock.nowMs;
    queueUpstream(this);
  }

  /** A probe was sent and nothing came since. */
  get isProbed(): bool {
    return this.probedMs > this.lastReadMs;
  }

  /** Counts a stream whose bytes are in the output queue. */
  attach(stream: Stream): void {
    stream.state = StreamState.InFlight;
    stream.upstream = changetype<usize>(this);
    this.inFlight.push(stream);
    this.lastRequestMs = clock.nowMs;
    const endpoint = this.endpoint;
    if (endpoint !== null) endpoint.outstanding++;
  }

  /** Gives up a stream; its id may be used again at once, so that nothing new comes here. */
  cutOff(stream: Stream): void {
    this.tellReset(stream);
    this.detach(stream);
    if (this.isById) this.drain();
    else this.close(ErrorKind.UpstreamReset);
  }

  /** The server is told that a stream is over, if the protocol has a way to. */
  tellReset(stream: Stream): void {
    const out = this.output.reserve(STREAM_RESET_BYTES);
    if (out != 0) {
      const id = this.isById ? stream.upstreamId : stream.id;
      this.output.commit(this.codec.encodeStreamReset(id, out));
      queueUpstream(this);
      // The client may just be leaving, in a call in which nothing can be written.
      postWork();
    }
  }

  /** The stream is no business of this connection any more. */
  detach(stream: Stream): void {
    this.inFlight.remove(stream);
    stream.upstream = 0;
    if (stream.state == StreamState.Abandoned) this.abandoned--;
    const endpoint = this.endpoint;
    if (endpoint !== null) endpoint.outstanding--;
    if (this.state == UpstreamState.Draining) this.closeWhenDrained();
    const owner = this.owner;
    if (owner !== null) owner.onRoom(this);
  }

  /**
   * Nobody waits for this stream any more. Where responses are matched by id its id stays taken
   * until the server answers, as long as it does not take the room of others; elsewhere `isLate` (the
   * timeout passed) means that the server is stuck.
   */
  abandon(stream: Stream, isLate: bool): void {
    if (stream.state != StreamState.Abandoned) {
      stream.state = StreamState.Abandoned;
      this.abandoned++;
      if (isLate) this.judge(ResponseStatus.Error);
    }
    if (this.state == UpstreamState.Draining) {
      this.closeWhenDrained();
    } else if (!this.isById) {
      if (isLate) this.close(ErrorKind.UpstreamReset);
    } else if (this.abandoned > MAX_ABANDONED || (this.isFull && this.isForsaken)) {
      if (this.state == UpstreamState.Ready) stats.upstreamCxAbandoned++;
      this.drain();
    }
  }

  private get isFull(): bool {
    return !this.isAvailable && this.dedicatedTo == 0;
  }

  /** Nobody waits for anything on it. */
  private get isForsaken(): bool {
    return this.abandoned == this.inFlight.length;
  }

  /** No new requests; the connection ends with the last response that somebody waits for. */
  drain(): void {
    if (this.state != UpstreamState.Ready) return;
    this.state = UpstreamState.Draining;
    const owner = this.owner;
    if (owner !== null) owner.onDraining(this);
    this.closeWhenDrained();
  }

  private closeWhenDrained(): void {
    if (this.isForsaken) closeUpstream(this);
  }

  protected override onMalformed(): void {
    stats.upstreamDecodeError++;
    this.close(ErrorKind.BadResponse);
  }

  protected override onTooLarge(): void {
    stats.upstreamDecodeError++;
    this.close(ErrorKind.BadResponse);
  }

  /**
   * The dial's HTTP request got no connection or lost it. The host drops all requests that wait in its
   * HTTP pool when one internal connection fails at once; the others connect all the same, and the next
   * request would be given such a connection, which leads somewhere else: it must go.
   */
  abortDial(): void {
    if (this.state != UpstreamState.Dialing) return;
    this.state = UpstreamState.Closed;
    this.discard();
    const owner = this.owner;
    if (owner !== null) owner.onDialAborted(this);
    if (this.id == 0) return;
    this.open = true;
    closeUpstream(this);
    postWork();
  }

  /** Ends the connection now; requests that are in flight fail with `failure`. */
  close(failure: ErrorKind): void {
    if (this.state == UpstreamState.Closed) return;
    this.end(failure);
    this.open = this.id != 0;
    closeUpstream(this);
    postWork();
  }

  override onDownstreamClose(peer: PeerType): void {
    this.onEnded();
  }

  override onUpstreamClose(peer: PeerType): void {
    this.onEnded();
  }

  override onDelete(): void {
    this.onEnded();
    unqueue(this);
    this.sink.onConnectionDeleted(this);
  }

  /** The peer closed it, or the dial failed. Nothing may be written from here: replies are posted. */
  private onEnded(): void {
    this.open = false;
    if (this.state == UpstreamState.Closed) return;
    const failure = this.state == UpstreamState.Dialing ? dialFailure() : ErrorKind.UpstreamReset;
    this.end(failure);
    postWork();
  }

  private end(failure: ErrorKind): void {
    const wasDialing = this.state == UpstreamState.Dialing;
    this.state = UpstreamState.Closed;
    this.discard();
    const owner = this.owner;
    const endpoint = this.endpoint;
    if (endpoint !== null) endpoint.outstanding -= this.inFlight.length;
    if (owner !== null) {
      if (wasDialing) owner.onDialFailed(this, failure);
      else owner.onClosed(this);
    }
    const source = this.dedicatedTo;
    this.dedicatedTo = 0;
    if (source != 0) this.sink.onDedicatedLost(source);
    while (this.inFlight.length > 0) {
      const stream = this.inFlight.first();
      const isAbandoned = stream.state == StreamState.Abandoned;
      this.inFlight.remove(stream);
      stream.upstream = 0;
      if (isAbandoned) this.sink.onAbandonedEnd(stream);
      else this.sink.onStreamFailed(stream, failure);
    }
    this.abandoned = 0;
  }
}

/** Why tcp_proxy did not connect. */
function dialFailure(): ErrorKind {
  const flags = getPropertyU64(responseFlags, 0);
  if ((flags & FLAG_NO_CLUSTER_FOUND) != 0) return ErrorKind.UnknownCluster;
  if ((flags & FLAG_NO_HEALTHY_UPSTREAM) != 0) return ErrorKind.NoHealthyUpstream;
  if ((flags & FLAG_UPSTREAM_OVERFLOW) != 0) return ErrorKind.Overload;
  return ErrorKind.ConnectFailure;
}
