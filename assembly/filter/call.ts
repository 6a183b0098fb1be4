// What a filter sees of a request, and what it can do with it. Reused: nothing of it stays valid after the
// filter has returned.
// Allocates: never.
import { Codec } from "../codec/codec";
import { ErrorKind } from "../codec/error-kind";
import { Message, ResponseStatus, Slice } from "../codec/message";
import { MutationOperation } from "../codec/mutation";
import { ResponseFlag } from "./response-flag";

export abstract class Call {
  /** In `onRequest` and `onResponse`: the frame. */
  message: Message = new Message();
  isOneway: bool = false;
  /** By which `FilterHost` knows the request while it is paused. */
  handle: u64 = 0;
  /** FILTER_SLOT_BYTES of this filter's own, zero at first. */
  slot: usize = 0;
  /** For FilterStatus.Pause: at most so many milliseconds, see `Filter.onDelayed`. 0: without an end. */
  delayMs: u32 = 0;
  /** Of the route; empty: none matches. UTF-8. */
  readonly routeName: Slice = new Slice();
  /** Of the route configuration, `<host>_<port>`. */
  readonly tableName: Slice = new Slice();
  /** Envoy's cluster; empty: there is no route. */
  readonly clusterName: Slice = new Slice();
  requestBytes: u32 = 0;
  /** Nanoseconds since 1970. */
  startNs: u64 = 0;
  /**
   * The trace that the request belongs to, and its span in it: what a filter has told in this pass over the
   * filters, for those behind it. 0: unknown. `traceFlags` are W3C's.
   */
  traceIdHigh: u64 = 0;
  traceIdLow: u64 = 0;
  spanId: u64 = 0;
  traceFlags: u32 = 0;

  // In `onResponse` and `onEnd`.
  /** Of the server's response, or of the proxy's answer. */
  responseBytes: u32 = 0;
  /** What the server's response is; an answer of the proxy itself is Error. */
  status: ResponseStatus = ResponseStatus.Ok;
  /** None: a server has responded, or the request was oneway and was sent. */
  flag: ResponseFlag = ResponseFlag.None;
  /** Nanoseconds since 1970, not before `startNs`. */
  endNs: u64 = 0;
  /** Nanoseconds since 1970; 0: it was never sent. Of the last try. */
  sentNs: u64 = 0;
  /** How often it was sent. */
  tries: u32 = 0;
  /** In `onEnd`, of filters behind metaproto.filters.peer_metadata: the PeerWorkload at the other end, or 0. */
  peer: usize = 0;

  constructor(readonly codec: Codec) {}

  /** An attribute of `message`; `id` and the name as `Codec.attribute` wants them. */
  attribute(id: i32, name: Slice, out: Slice): bool {
    return this.codec.attribute(this.message, id, name.ptr, name.len, out);
  }

  /** `ip:port` of the client; false: unknown. */
  abstract sourceAddress(out: Slice): bool;
  /** `ip:port` that the client connected to. */
  abstract destinationAddress(out: Slice): bool;
  /** The URI of the client's certificate, such as `spiffe://cluster.local/ns/a/sa/b`; false: there is none. */
  abstract sourcePrincipal(out: Slice): bool;
  /** `ip:port` of the endpoint that the request was sent to last; false: none. */
  abstract upstreamAddress(out: Slice): bool;

  /**
   * Changes an attribute of the frame before it goes on: of the request in `onRequest`, of the response in
   * `onResponse`. Key and value are copied. False: there is no room.
   */
  abstract mutate(operation: MutationOperation, key: Slice, value: Slice): bool;

  /**
   * Makes up the answer for FilterStatus.Reply. `text` is ASCII, of up to 500 bytes, and is what the user will
   * see behind `metaproto: `; `code` is the protocol's own or NO_ERROR_CODE.
   */
  abstract reply(kind: ErrorKind, code: u32, flag: ResponseFlag, text: Slice): void;
}
