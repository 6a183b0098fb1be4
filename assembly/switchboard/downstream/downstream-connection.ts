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
import { Limits } from "../config/plugin-configuration";
import { closeDownstream, queueDownstream, unqueue } from "../connection/flush-list";
import { RequestSource } from "../router/request-source";
import { Router } from "../router/router";
import { stats } from "../telemetry/stats";
import { ConnectionRegistry } from "./connection-registry";

/** More than this is not left in the host's buffer, where it would count against its limit. */
const MAX_STALE_BYTES: u32 = 16 * 1024;
const HEARTBEAT_BYTES: u32 = 64;

const routeConfigurationKey = new PropertyPath([
  "xds",
  "listener_metadata",
  "filter_metadata",
  "metaproto",
  "route_configuration",
]);

export class DownstreamConnection extends RequestSource {
  private isCounted: bool = false;

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
  prepare(): void {
    this.reset();
    this.binding = null;
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
    this.staleBytes = size;
    this.receive(BufferType.DownstreamData, stale, size - stale);
    if (this.staleBytes > MAX_STALE_BYTES) {
      setBuffer(BufferType.DownstreamData, 0, size, 0, 0);
      this.staleBytes = 0;
    }
    this.router.finish();
    return Action.Pause;
  }

  protected override onMessage(): void {
    const message = this.message;
    if (message.type == MessageType.Request || message.type == MessageType.Oneway) {
      this.router.onRequest(this, message);
    } else if (message.type == MessageType.Heartbeat) {
      this.answerHeartbeat();
    }
  }

  private answerHeartbeat(): void {
    stats.heartbeatTotal++;
    const out = this.output.reserve(HEARTBEAT_BYTES);
    if (out == 0) return;
    this.output.commit(this.codec.encodeHeartbeatReply(this.message, out));
    queueDownstream(this);
  }

  protected override onMalformed(): void {
    this.refuse();
  }

  protected override onTooLarge(): void {
    this.refuse();
  }

  /** Nothing after these bytes can be understood: answer what can be answered, then close. */
  private refuse(): void {
    stats.downstreamDecodeError++;
    if (this.message.idKnown) {
      this.router.answers.refuse(this, this.message, ErrorKind.MalformedRequest);
    }
    this.paused = true;
    closeDownstream(this);
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
