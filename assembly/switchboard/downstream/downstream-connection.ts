// A client's connection: listener -> [wasm, echo].
//
// What it reads stays in the host's buffer, already taken, until a response replaces it: `echo` then
// writes the response to the client.
//
// Allocates: while a frame spans reads.
// Next: switchboard/connection/connection.ts
import { Action, BufferType, PeerType } from "../../proxy-wasm-as/abi/enums";
import { setBuffer } from "../../proxy-wasm-as/host/buffers";
import { getProperty, PropertyPath } from "../../proxy-wasm-as/host/properties";
import { bytesLen, bytesPtr } from "../../proxy-wasm-as/memory/host-bytes";
import { Codec } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Message, MessageType } from "../../codec/message";
import { clock } from "../clock";
import { Limits } from "../config/plugin-configuration";
import { closeDownstream, queueDownstream, unqueue } from "../connection/flush-list";
import { RequestSource } from "../router/request-source";
import { Router } from "../router/router";
import { stats } from "../telemetry/stats";
import { ConnectionRegistry } from "./connection-registry";

/** More than this is not left in the host's buffer, where it would count against its limit. */
const MAX_STALE_BYTES: u32 = 16 * 1024;
const HEARTBEAT_BYTES: u32 = 64;
/** A refused client that sends nothing for this long has read the answer, or never will. */
const LINGER_IDLE_MS: u64 = 1000;
const LINGER_MS: u64 = 30000;

const routeConfigurationKey = new PropertyPath([
  "xds",
  "listener_metadata",
  "filter_metadata",
  "metaproto",
  "route_configuration",
]);

export class DownstreamConnection extends RequestSource {
  private isCounted: bool = false;
  /** It is in the registry's list of those with an incomplete frame; kept from one connection to the next. */
  private isWatched: bool = false;
  private lingerUntilMs: u64 = 0;
  private lingerIdleMs: u64 = 0;
  /** It was refused because it sends too slowly: that it goes on earns it no more time. */
  private isSlow: bool = false;

  constructor(
    codec: Codec,
    message: Message,
    private readonly router: Router,
    private readonly registry: ConnectionRegistry,
    limits: Limits,
  ) {
    super(codec, message, limits.maxFrameBytes, limits.maxRequestsPerDownstreamConnection);
  }

  /** For a new connection; the object is new, or its last connection is gone. */
  prepare(contextId: u32): void {
    this.reset();
    this.peer.forget(contextId);
    this.transaction.reset();
    this.binding = null;
    this.isSlow = false;
    this.dedicated = 0;
    this.isForsaken = false;
    this.blocker = 0;
    this.isCounted = true;
    stats.downstreamCxTotal++;
    stats.downstreamCxActive++;
  }

  override onNewConnection(): Action {
    const isNamed = getProperty(routeConfigurationKey) == 0 && bytesLen > 0;
    this.binding = this.registry.bind(bytesPtr, isNamed ? bytesLen : 0);
    return Action.Continue;
  }

  override onDownstreamData(size: u32, endOfStream: bool): Action {
    const stale = this.staleBytes;
    if (!this.open || size <= stale) return Action.Pause;
    if (this.closeWhenFlushed) return Action.Pause;
    if (this.registry.isResting) this.registry.wake();
    if (this.isRefused) {
      this.drop(size - stale, size);
      return Action.Pause;
    }
    this.staleBytes = size;
    this.receive(BufferType.DownstreamData, stale, size - stale);
    if (!this.isWatched && this.input.length > 0) {
      this.isWatched = true;
      this.registry.watch(this);
    }
    if (this.staleBytes > MAX_STALE_BYTES) {
      this.claimHost();
      setBuffer(BufferType.DownstreamData, 0, size, 0, 0);
      this.staleBytes = 0;
    }
    this.router.finish();
    return Action.Pause;
  }

  protected override onMessage(): void {
    const message = this.message;
    switch (message.type) {
      case MessageType.Request:
      case MessageType.Oneway:
        this.router.onRequest(this, message);
        break;
      case MessageType.StreamFrame:
        this.router.open.onClientFrame(this, message);
        break;
      case MessageType.Heartbeat:
        this.answerHeartbeat();
        break;
      case MessageType.Push:
      case MessageType.Response:
        this.router.dedicated.onClientPush(this, message);
        break;
      default:
    }
  }

  /** What makes the connection another one waits for the answers of what it was before. */
  protected override admits(): bool {
    if (!this.message.needsOwnConnection || this.dedicated != 0) return true;
    return this.requests.length == 0;
  }

  private answerHeartbeat(): void {
    stats.heartbeatTotal++;
    const out = this.output.reserve(HEARTBEAT_BYTES);
    if (out == 0) return;
    this.output.commit(this.codec.encodeHeartbeatReply(this.message, out));
    queueDownstream(this);
  }

  protected override onMalformed(): void {
    stats.downstreamDecodeError++;
    this.refuse(ErrorKind.MalformedRequest);
  }

  protected override onTooLarge(): void {
    stats.downstreamDecodeError++;
    this.refuse(ErrorKind.MalformedRequest);
  }

  /** Refuses a frame that takes too long; true: none is incomplete, it need not be asked again. */
  endLateFrame(timeoutMs: u64): bool {
    if (this.isFrameLate(timeoutMs)) {
      stats.downstreamFrameTimeout++;
      this.isSlow = true;
      this.describeInput();
      this.refuse(ErrorKind.RequestTimeout);
    }
    this.isWatched = this.open && this.input.length > 0;
    return !this.isWatched;
  }

  /** Nothing after these bytes can be understood: answer what can be answered, then close. */
  private refuse(kind: ErrorKind): void {
    this.paused = true;
    const idKnown = this.message.idKnown;
    if (idKnown) this.router.answers.refuse(this, this.message, kind);
    if (idKnown || this.requests.length > 0) this.linger();
    else closeDownstream(this);
  }

  /**
   * A socket that is closed with bytes unread is reset, and the client would lose the answer with it:
   * what it still sends is read and dropped, to the end of the refused frame or until it pauses. Its
   * earlier requests are answered first.
   */
  private linger(): void {
    if (this.isRefused) return;
    this.isRefused = true;
    this.input.clear();
    this.lingerUntilMs = clock.nowMs + LINGER_MS;
    this.lingerIdleMs = clock.nowMs + LINGER_IDLE_MS;
    this.registry.linger(this);
  }

  /** Drops everything in the host's buffer, `fresh` bytes of which have just come. */
  private drop(fresh: u32, size: u32): void {
    setBuffer(BufferType.DownstreamData, 0, size, 0, 0);
    this.staleBytes = 0;
    if (!this.isSlow) this.lingerIdleMs = clock.nowMs + LINGER_IDLE_MS;
    if (this.missingBytes == 0) return;
    if (fresh < this.missingBytes) {
      this.missingBytes -= fresh;
      return;
    }
    this.missingBytes = 0;
    if (this.requests.length > 0) return;
    closeDownstream(this);
    this.router.finish();
  }

  /** Closes it when it has lingered long enough; true: it need not be asked again. */
  endLinger(): bool {
    if (!this.open || !this.isRefused || this.closeWhenFlushed) return true;
    const now = clock.nowMs;
    const isBusy = now < this.lingerIdleMs || this.requests.length > 0;
    if (now < this.lingerUntilMs && isBusy) return false;
    closeDownstream(this);
    return true;
  }

  override onDownstreamClose(peer: PeerType): void {
    this.onEnded();
  }

  override onDelete(): void {
    this.onEnded();
    unqueue(this);
    this.registry.give(this);
  }

  private onEnded(): void {
    if (!this.isCounted) return;
    this.isCounted = false;
    stats.downstreamCxActive--;
    this.discard();
    this.router.onSourceClosed(this);
  }
}
