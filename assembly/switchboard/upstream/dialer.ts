// Opens upstream connections: an HTTP request to the internal listener that is never answered.
//
// The host runs the new connection's first callbacks before `http_call` returns; whatever stream
// context is created meanwhile is the connection that is being dialled.
// Allocates: a connection object when no used one is left.
// Next: switchboard/router/frame-writer.ts
import { Codec, ConnectionMode } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Message } from "../../codec/message";
import { PointerVector } from "../../containers/pointer-vector";
import { Status } from "../../proxy-wasm-as/abi/enums";
import { HttpCallRequest, httpCallToken } from "../../proxy-wasm-as/host/http-call";
import { setEffectiveContext } from "../../proxy-wasm-as/host/stream";
import { Pool } from "./pool";
import { ResponseSink } from "./response-sink";
import { UpstreamConnection } from "./upstream-connection";

/** The longest that the host takes. */
const DIAL_TIMEOUT_MS: u32 = 0x7fffffff;

let dialing: UpstreamConnection | null = null;

/** The connection that a stream context created right now belongs to; null: nobody dials. */
export function takeDialing(): UpstreamConnection | null {
  const connection = dialing;
  dialing = null;
  return connection;
}

export class Dialer {
  private readonly unused: Array<UpstreamConnection> = new Array<UpstreamConnection>();
  /** Connections that the host has not deleted yet. */
  private readonly dialed: PointerVector = new PointerVector();
  private readonly request: HttpCallRequest;
  /** One for all connections: only one frame is decoded at a time. */
  private readonly message: Message = new Message();

  /** `pluginContextId`: lives as long as the connections; a dial under any other ends with it. */
  constructor(
    private readonly codec: Codec,
    private readonly mode: ConnectionMode,
    private readonly sink: ResponseSink,
    private readonly maxFrameBytes: u32,
    dialCluster: string,
    private readonly pluginContextId: u32,
  ) {
    const headers = [":method", "GET", ":path", "/", ":authority", "metaproto"];
    this.request = new HttpCallRequest(dialCluster, headers);
  }

  /** Only from a posted call or a tick, before anything is queued. False: there is no such cluster. */
  dial(pool: Pool): bool {
    const connection = this.take();
    connection.prepare(pool);
    pool.onDialing(connection);
    dialing = connection;
    setEffectiveContext(this.pluginContextId);
    const status = this.request.send(DIAL_TIMEOUT_MS);
    dialing = null;
    if (status == Status.Ok && connection.id != 0) {
      connection.dialToken = httpCallToken;
      this.dialed.push(changetype<usize>(connection));
      return true;
    }
    // No new connection, although there is the cluster: the host took one that an aborted dial has left.
    if (status == Status.Ok) connection.abortDial();
    else connection.close(ErrorKind.UnknownCluster);
    if (connection.id == 0) this.give(connection);
    return status == Status.Ok;
  }

  /** The HTTP request of a dial has ended. The connection itself has told so before, if it has ended too. */
  onDialEnded(token: u32): void {
    for (let i: u32 = 0; i < this.dialed.length; i++) {
      const connection = changetype<UpstreamConnection>(this.dialed.at(i));
      if (connection.dialToken != token) continue;
      connection.abortDial();
      return;
    }
  }

  /** The host is done with the connection. */
  give(connection: UpstreamConnection): void {
    this.dialed.remove(changetype<usize>(connection));
    this.unused.push(connection);
  }

  private take(): UpstreamConnection {
    if (this.unused.length > 0) return this.unused.pop();
    const limit = this.maxFrameBytes;
    // eslint-disable-next-line no-restricted-syntax -- when no used object is left
    return new UpstreamConnection(this.codec, this.message, this.mode, this.sink, limit);
  }
}
