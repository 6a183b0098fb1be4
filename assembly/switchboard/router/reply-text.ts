// The sentence that a user reads in the exception of a local reply.
// Allocates: never after construction.
import { StaticBytes } from "../../proxy-wasm-as/memory/static-bytes";
import { ErrorKind } from "../../codec/error-kind";
import { Slice } from "../../codec/message";
import { writeDecimal } from "../../wire/bytes";

const CAPACITY: u32 = 512;
const DECIMAL_BYTES: u32 = 20;

const prefix = new StaticBytes("metaproto: ");
const noRoute = new StaticBytes("no route of ");
const matches = new StaticBytes(" matches this request");
const noRoutes = new StaticBytes("no routes have been received for ");
const cluster = new StaticBytes("cluster ");
const isUnknown = new StaticBytes(" is unknown");
const hasNoHealthyEndpoint = new StaticBytes(" has no healthy endpoint");
const connectionFailed = new StaticBytes("cannot connect to an endpoint of cluster ");
const reset = new StaticBytes("the connection ended before the response, cluster ");
const overload = new StaticBytes("too many requests are outstanding");
const forCluster = new StaticBytes(" for cluster ");
const timeout = new StaticBytes("no response within ");
const milliseconds = new StaticBytes(" ms from cluster ");
const malformed = new StaticBytes("the request is malformed or too large");
const incomplete = new StaticBytes("the request did not arrive in time");
const badResponse = new StaticBytes("the response is malformed, cluster ");

export class ReplyText {
  private readonly buffer: usize = heap.alloc(CAPACITY);
  private length: u32 = 0;
  readonly slice: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));

  /**
   * `name`: of the cluster, or of the route configuration for NoRoute; may be empty.
   * The text is at `slice` until the next call.
   */
  compose(kind: ErrorKind, namePtr: usize, nameLen: u32, timeoutMs: u32): Slice {
    this.length = 0;
    this.add(prefix);
    switch (kind) {
      case ErrorKind.NoRoute:
        this.around(noRoute, namePtr, nameLen, matches);
        break;
      case ErrorKind.UnknownCluster:
        this.around(cluster, namePtr, nameLen, isUnknown);
        break;
      case ErrorKind.NoHealthyUpstream:
        this.around(cluster, namePtr, nameLen, hasNoHealthyEndpoint);
        break;
      case ErrorKind.ConnectFailure:
        this.around(connectionFailed, namePtr, nameLen, null);
        break;
      case ErrorKind.UpstreamReset:
        this.around(reset, namePtr, nameLen, null);
        break;
      case ErrorKind.Overload:
        this.add(overload);
        if (nameLen > 0) this.around(forCluster, namePtr, nameLen, null);
        break;
      case ErrorKind.Timeout:
        this.add(timeout);
        this.addDecimal(timeoutMs);
        this.around(milliseconds, namePtr, nameLen, null);
        break;
      case ErrorKind.MalformedRequest:
        this.add(malformed);
        break;
      case ErrorKind.RequestTimeout:
        this.add(incomplete);
        break;
      default:
        this.around(badResponse, namePtr, nameLen, null);
    }
    return this.finish();
  }

  /** For requests that waited in vain for the first route configuration. */
  composeNoRoutes(namePtr: usize, nameLen: u32): Slice {
    this.length = 0;
    this.add(prefix);
    this.around(noRoutes, namePtr, nameLen, null);
    return this.finish();
  }

  /** What a filter says. */
  composeText(ptr: usize, len: u32): Slice {
    this.length = 0;
    this.add(prefix);
    this.addBytes(ptr, len);
    return this.finish();
  }

  private finish(): Slice {
    this.slice.ptr = this.buffer;
    this.slice.len = this.length;
    return this.slice;
  }

  private around(before: StaticBytes, ptr: usize, len: u32, after: StaticBytes | null): void {
    this.add(before);
    this.addBytes(ptr, len);
    if (after !== null) this.add(after);
  }

  private add(text: StaticBytes): void {
    this.addBytes(text.ptr, text.len);
  }

  private addDecimal(value: u32): void {
    if (CAPACITY - this.length < DECIMAL_BYTES) return;
    this.length += writeDecimal(this.buffer + this.length, value);
  }

  /** ASCII only: names may come from users, and each protocol has its own idea of text. */
  private addBytes(ptr: usize, len: u32): void {
    const room = CAPACITY - this.length;
    const count = len < room ? len : room;
    for (let i: u32 = 0; i < count; i++) {
      const byte = load<u8>(ptr + i);
      store<u8>(this.buffer + this.length + i, byte < 0x20 || byte > 0x7e ? <u8>0x3f : byte);
    }
    this.length += count;
  }
}
