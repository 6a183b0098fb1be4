// What a pool needs of the engine around it.
import { ErrorKind } from "../../codec/error-kind";
import { Stream } from "../stream/stream";
import { ConnectionOwner, UpstreamConnection } from "./upstream-connection";

export abstract class PoolHost {
  /** Requests in flight on one connection. */
  maxRequestsPerConnection: u32 = 1;
  /** Each connection is one client's alone. */
  isDedicated: bool = false;
  connectTimeoutMs: u32 = 10000;
  /** 0: no probes. */
  heartbeatMs: u32 = 30000;
  idleTimeoutMs: u32 = 60000;
  /** 0: no bound. */
  frameTimeoutMs: u32 = 30000;

  /** Asks for a call of the pool's `dialsWanted` on a clean stack, soon. */
  abstract requestDials(pool: ConnectionOwner): void;
  /** Writes a request that waited, and no longer does, to a connection. */
  abstract sendPending(stream: Stream, pool: ConnectionOwner, connection: UpstreamConnection): void;
  /** A request that waited will get no connection. */
  abstract onPendingFailed(stream: Stream, failure: ErrorKind): void;
}
