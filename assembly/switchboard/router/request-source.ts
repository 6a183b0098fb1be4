// A connection that requests come from, as far as the router has to know it.
import { Codec } from "../../codec/codec";
import { Message, Origin } from "../../codec/message";
import { Connection } from "../connection/connection";
import { Stream } from "../stream/stream";
import { DownstreamStreamList } from "../stream/stream-list";
import { Peer } from "./peer";
import { RouteBinding } from "./route-binding";
import { Transaction } from "./transaction";

export abstract class RequestSource extends Connection {
  /** Streams that have no answer yet; oneway ones are not among them. */
  readonly requests: DownstreamStreamList = new DownstreamStreamList();
  binding: RouteBinding | null = null;

  readonly peer: Peer = new Peer();
  readonly transaction: Transaction = new Transaction();
  /** The UpstreamConnection that is its alone, or 0. */
  dedicated: usize = 0;
  /** The connection that was its alone has ended: it closes when its requests have their answers. */
  isForsaken: bool = false;
  /** The stream that has to be sent before anything behind it, or 0. */
  blocker: usize = 0;

  /** Answers must go out in the order of the requests. */
  readonly isOrdered: bool;

  /** Its next frame may be worked on. */
  get canGoOn(): bool {
    return this.blocker == 0 && this.requests.length < this.maxRequests;
  }

  constructor(
    codec: Codec,
    message: Message,
    maxFrameBytes: u32,
    /** Streams that it may have at once. */
    readonly maxRequests: u32,
  ) {
    super(codec, message, Origin.Downstream, maxFrameBytes);
    this.isOrdered = codec.orderedDownstream;
  }
}

/** The connection that a stream came from; null: it is gone, which a oneway request may outlive. */
export function sourceOf(stream: Stream): RequestSource | null {
  if (stream.source == 0) return null;
  const source = changetype<RequestSource>(stream.source);
  // The object may serve another connection by now.
  return source.id == stream.sourceId ? source : null;
}
