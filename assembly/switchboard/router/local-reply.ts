// Answers that the proxy gives itself, in the protocol's own words.
// Allocates: chunks of output queues.
// Next: switchboard/telemetry/stats.ts
import { Codec, MAX_REPLY_CONTEXT } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Message, Slice } from "../../codec/message";
import { Connection } from "../connection/connection";
import { closeDownstream, queueDownstream } from "../connection/flush-list";
import { stats } from "../telemetry/stats";

/** What encodeError may need besides the text and the context. */
const FIXED_BYTES: u32 = 512;

export class LocalReplies {
  private readonly context: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
  private readonly scratch: usize = heap.alloc(MAX_REPLY_CONTEXT);

  constructor(private readonly codec: Codec) {}

  /**
   * Queues an error reply to request `id`, whose reply context was captured at `contextPtr`. Where no
   * memory is left for it the connection is closed: an error of its own kind, and no silence.
   */
  send(connection: Connection, kind: ErrorKind, id: u64, text: Slice, context: Slice): void {
    const capacity = this.bound(text, context);
    const out = connection.output.reserve(capacity);
    if (out == 0) {
      connection.output.seal();
      closeDownstream(connection);
      return;
    }
    const length = this.codec.encodeError(kind, id, context, text, out, capacity);
    connection.output.commit(length);
    if (length > 0) queueDownstream(connection);
  }

  /** Room that any error reply with this text and context fits into, in bytes. */
  bound(text: Slice, context: Slice): u32 {
    return FIXED_BYTES + text.len + context.len;
  }

  /** The context of a captured request. */
  captured(ptr: usize, len: u32): Slice {
    this.context.ptr = ptr;
    this.context.len = len;
    return this.context;
  }

  /** The context of a request that is still here. */
  capture(message: Message): Slice {
    return this.captured(this.scratch, this.codec.captureContext(message, this.scratch));
  }
}

/** Counts a local reply, or what would have been one to a oneway request. */
export function countLocalReply(kind: ErrorKind): void {
  switch (kind) {
    case ErrorKind.NoRoute:
      stats.localReplyNr++;
      break;
    case ErrorKind.UnknownCluster:
      stats.localReplyNc++;
      break;
    case ErrorKind.NoHealthyUpstream:
      stats.localReplyUh++;
      break;
    case ErrorKind.ConnectFailure:
      stats.localReplyUf++;
      break;
    case ErrorKind.UpstreamReset:
      stats.localReplyUc++;
      break;
    case ErrorKind.Overload:
      stats.localReplyUo++;
      break;
    case ErrorKind.Timeout:
      stats.localReplyUt++;
      break;
    case ErrorKind.MalformedRequest:
    case ErrorKind.RequestTimeout:
      stats.localReplyDpe++;
      break;
    default:
      stats.localReplyUpe++;
  }
}
