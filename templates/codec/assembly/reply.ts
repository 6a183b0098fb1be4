// Frames that the proxy writes itself: errors, pings and pongs.
import { ErrorKind, ErrorReply, NO_ERROR_CODE, storeU16Be, storeU32Be } from "metaproto-as/codec";
import { ID_AT, Kind, KIND_AT, LEAST_BYTES, LENGTH_AT, MAGIC, Status, STATUS_AT } from "./frame";

/** Writes a frame without method and tags, before a body of `bodyLength` bytes; returns its length with that. */
export function writeFrame(out: usize, kind: Kind, status: u32, id: u64, bodyLength: u32): u32 {
  const length = LEAST_BYTES + bodyLength;
  memory.fill(out, 0, LEAST_BYTES);
  storeU16Be(out, MAGIC);
  store<u8>(out + KIND_AT, <u8>kind);
  store<u8>(out + STATUS_AT, <u8>status);
  storeU32Be(out + LENGTH_AT, length);
  storeU32Be(out + ID_AT, <u32>id);
  return length;
}

/** What a client takes for an error: a response with a status, and the text as its body. 0: no room. */
export function writeError(reply: ErrorReply, id: u64, out: usize, capacity: u32): u32 {
  const text = reply.text;
  if (capacity < LEAST_BYTES || capacity - LEAST_BYTES < text.len) return 0;
  memory.copy(out + LEAST_BYTES, text.ptr, text.len);
  return writeFrame(out, Kind.Response, statusOf(reply), id, text.len);
}

function statusOf(reply: ErrorReply): u32 {
  // A code that routes or filters give; one whose low 8 bits are 0 would look like success.
  if (reply.code != NO_ERROR_CODE && (reply.code & 0xff) != 0) return reply.code & 0xff;
  switch (reply.kind) {
    case ErrorKind.NoRoute:
    case ErrorKind.UnknownCluster:
      return Status.NotFound;
    case ErrorKind.Timeout:
    case ErrorKind.RequestTimeout:
      return Status.Timeout;
    case ErrorKind.Overload:
    case ErrorKind.RateLimited:
      return Status.Busy;
    case ErrorKind.PermissionDenied:
      return Status.Forbidden;
    case ErrorKind.MalformedRequest:
      return Status.Malformed;
    default:
      return Status.Failed;
  }
}
