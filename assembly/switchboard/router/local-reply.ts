// Answers that the proxy gives itself, in the protocol's own words.
// Allocates: chunks of output queues.
// Next: switchboard/router/retries.ts
import { Codec, MAX_REPLY_CONTEXT } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { ErrorReply } from "../../codec/error-reply";
import { Message, Slice } from "../../codec/message";
import { Connection } from "../connection/connection";
import { closeDownstream, queueDownstream } from "../connection/flush-list";
import { stats } from "../telemetry/stats";

/** What encodeError may need besides the text and the context. */
const FIXED_BYTES: u32 = 512;

export class LocalReplies {
  private readonly error: ErrorReply = new ErrorReply();
  private readonly scratch: usize = heap.alloc(MAX_REPLY_CONTEXT);

  constructor(private readonly codec: Codec) {}

  /** What the next `send` or `write` says. */
  prepare(kind: ErrorKind, code: u32, text: Slice, endsStream: bool): void {
    const error = this.error;
    error.endsStream = endsStream;
    error.kind = kind;
    error.code = code;
    error.text.ptr = text.ptr;
    error.text.len = text.len;
  }

  /** The request that it is for was captured at `ptr`. */
  forCaptured(ptr: usize, len: u32): void {
    this.error.context.ptr = ptr;
    this.error.context.len = len;
  }

  /** The request that it is for is still here. */
  forMessage(message: Message): void {
    this.forCaptured(this.scratch, this.codec.captureContext(message, this.scratch));
  }

  /**
   * Queues the error reply to request `id`. Where no memory is left for it the connection is closed: an
   * error of its own kind, and no silence. Returns the reply's length.
   */
  send(connection: Connection, id: u64): u32 {
    const capacity = this.bound;
    const out = connection.output.reserve(capacity);
    if (out == 0) {
      connection.output.seal();
      closeDownstream(connection);
      return 0;
    }
    const length = this.codec.encodeError(this.error, id, out, capacity);
    connection.output.commit(length);
    if (length > 0) queueDownstream(connection);
    return length;
  }

  /** Room that the reply fits into, in bytes. */
  get bound(): u32 {
    return FIXED_BYTES + this.error.text.len + this.error.context.len;
  }

  /** Writes it at `out`, which has room for `bound` bytes; returns its length. */
  write(id: u64, out: usize): u32 {
    return this.codec.encodeError(this.error, id, out, this.bound);
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
    case ErrorKind.RateLimited:
      stats.localReplyRl++;
      break;
    case ErrorKind.PermissionDenied:
      stats.localReplyUaex++;
      break;
    default:
      stats.localReplyUpe++;
  }
}
