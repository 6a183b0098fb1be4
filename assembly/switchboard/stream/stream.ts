// One request and its response, from its arrival until nobody can ask for it any more.
//
//   state           held in
//   AwaitingRoutes  the binding's list, with a copy of the frame
//   Paused          no list, with a copy of the frame: a filter will say how it goes on
//   Backoff         no list, with the encoded frame: it will be sent again
//   Pending         the pool's list, with the encoded frame
//   InFlight        the upstream connection's list
//   Abandoned       the upstream connection's list: the client has its answer or is gone, but the
//                   server may still respond; the id is not used again before that
//   Answered        no list but the downstream connection's: its answer waits in `frame` for those of
//                   earlier requests
//
// A stream is in its downstream connection's list in each state but Abandoned.
// Allocates: never; records come from `streams`.
// Next: switchboard/route/table.ts
import { MAX_REPLY_CONTEXT } from "../../codec/codec";
import { ResponseStatus } from "../../codec/message";
import { TimerNode } from "../../containers/timer-wheel";
import { FILTER_SLOT_BYTES, MAX_FILTERS } from "../../filter/filter";
import { ResponseFlag } from "../../filter/response-flag";
import { RouteCluster } from "../route/cluster";
import { RouteEntry } from "../route/route-entry";
import { StickySession } from "../route/sticky-session";
import { RouteTable } from "../route/table";

export enum StreamState {
  Free = 0,
  AwaitingRoutes = 1,
  Pending = 2,
  InFlight = 3,
  Abandoned = 4,
  Answered = 5,
  Paused = 6,
  Backoff = 7,
}

/** Bytes of a stream's record. */
export const STREAM_BYTES: u32 =
  ((<u32>offsetof<Stream>() + 7) & ~7) + MAX_REPLY_CONTEXT + MAX_FILTERS * FILTER_SLOT_BYTES;

@unmanaged
export class Stream extends TimerNode {
  state: StreamState;
  /** Differs between uses of one record. */
  generation: u32;
  isOneway: bool;
  /** The request id as the client sent it. */
  id: u64;
  /** The id on the upstream connection. */
  upstreamId: u64;
  /** Coarse time of arrival, ms. */
  startMs: u64;
  timeoutMs: u32;
  /** The downstream connection, or 0. */
  downstream: usize;
  nextOfDownstream: usize;
  previousOfDownstream: usize;
  /** Where it came from, oneway ones too, or 0: the connection `sourceId`, unless that is another one by now. */
  source: usize;
  sourceId: u32;
  /** The pool it was given to, or 0. */
  pool: usize;
  /** The upstream connection, or 0. */
  upstream: usize;
  /** Links of the list that `state` names. */
  nextInList: usize;
  previousInList: usize;
  /** One reference is held; null before it is routed. */
  table: RouteTable | null;
  route: RouteEntry | null;
  /** A budgeted block of `frameCapacity` bytes while a frame, or its answer, is held, or 0. */
  frame: usize;
  frameLength: u32;
  frameCapacity: u32;
  contextLength: u32;
  /** The router that it waits in, while it awaits routes or is paused, or 0. */
  owner: usize;
  /** The table's, or 0: one FilterConfig or 0 for each installed filter. */
  filters: usize;
  /** The first filter that has not seen the request yet. */
  nextFilter: u32;
  /** `onEnd` has been called. */
  isReported: bool;
  /** A copy for a mirror: nobody is told what becomes of it. */
  isShadow: bool;
  /** `frame` stays until the response, so that it can be sent again. */
  keepsFrame: bool;
  /** `frame` has the id of another stream. */
  needsNewId: bool;
  /** The timer that is set is that of the try alone. */
  isTryTimed: bool;
  /** It counts among the retries of its cluster. */
  isRetry: bool;
  /** It keeps its cluster from being forgotten. */
  holdsCluster: bool;
  /** It has a further frame before its end: `OpenStreams` has it. */
  isStreaming: bool;
  /** The client has a first answer of the server's. */
  isOpen: bool;
  // The sides that will send no more.
  isClientDone: bool;
  isServerDone: bool;
  /** It is to be sent on an upstream connection that no other client uses. */
  needsOwn: bool;
  /** Its source is not read any further before it has been sent. */
  holdsBack: bool;
  /** It commits a transaction or rolls it back. */
  endsTransaction: bool;
  retries: u32;
  /** When its last frame came, once it is open. */
  activeMs: u64;
  /** Coarse time at which it fails whatever it is doing; 0: never. */
  deadlineMs: u64;
  dialect: u32;
  /** Of what decides on its endpoint, or NO_HASH. */
  hash: u32;
  /** The table's: its endpoint is to be told to the client, who names it; null: neither. */
  session: StickySession | null;
  /** `Endpoint.hash` of the endpoint that the client named; 0: none. */
  sessionEndpoint: u32;
  /** Likewise, as long as the request is to go there. */
  wantedEndpoint: u32;
  /** `Endpoint.hash` of the endpoint that it waits for, though others may be free; 0: it does not. */
  awaitedEndpoint: u32;
  /** Where it is to go. */
  cluster: RouteCluster | null;
  // What filters are told. Where nobody asks, the times are 0.
  requestBytes: u32;
  responseBytes: u32;
  status: ResponseStatus;
  flag: ResponseFlag;
  startNs: u64;
  sentNs: u64;
  tries: u32;
  /** Of the last try: an Endpoint that is retained, or 0. */
  endpoint: usize;
  /** `Endpoint.hash` of the try before; 0: none. */
  avoidedEndpoint: u32;
  /** What the values of the route's mutations of the response need of the request, or 0. */
  capture: usize;

  /** MAX_REPLY_CONTEXT bytes, what the codec needs for an error reply. */
  get context(): usize {
    return changetype<usize>(this) + offsetof<Stream>();
  }

  /** FILTER_SLOT_BYTES for each filter. */
  get slots(): usize {
    return changetype<usize>(this) + offsetof<Stream>() + MAX_REPLY_CONTEXT;
  }
}
