// What becomes of requests that were sent: told by connections and pools, answered by the router.
import { ErrorKind } from "../../codec/error-kind";
import { Message } from "../../codec/message";
import { Connection } from "../connection/connection";
import { Stream } from "../stream/stream";

export abstract class ResponseSink {
  /** The response is complete, at `message.frame`; the stream is in no list of upstreams. */
  abstract onResponse(stream: Stream, message: Message): void;
  /** A frame of an open stream that does not end it. */
  abstract onStreamFrame(stream: Stream, message: Message): void;
  /** A frame that nobody asked for, on the connection that is this RequestSource's alone. */
  abstract onPush(source: usize, message: Message): void;
  /** The connection that was this RequestSource's alone has ended, or is about to. */
  abstract onDedicatedLost(source: usize): void;
  /** There will be no response. May be called where nothing may be written at once. */
  abstract onStreamFailed(stream: Stream, failure: ErrorKind): void;
  /** Nobody waited for this stream, and now the server has answered or is gone: give it back. */
  abstract onAbandonedEnd(stream: Stream): void;
  /** The host is done with the connection: the object may serve another one. */
  abstract onConnectionDeleted(connection: Connection): void;
  /** At the end of a callback on a clean stack: writes what was queued. */
  abstract finish(): void;
}
