// What a codec makes an error reply of. Reused.
// Allocates: never after construction.
import { ErrorKind, NO_ERROR_CODE } from "./error-kind";
import { Slice } from "./message";

export class ErrorReply {
  kind: ErrorKind = ErrorKind.Internal;
  /** The protocol's own code for the error, or NO_ERROR_CODE: the one that says `kind`. */
  code: u32 = NO_ERROR_CODE;
  /** The client has had an answer already: this ends the stream that its request has opened. */
  endsStream: bool = false;
  /** What `Codec.captureContext` saved; empty: nothing is known of the request but its id. */
  readonly context: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
  /** What the user will see: ASCII, at most 512 bytes. */
  readonly text: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
}
