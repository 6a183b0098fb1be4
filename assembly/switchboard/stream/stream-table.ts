// All streams of a worker, found by the id that they have on upstream connections.
//
//   64-bit ids:  generation (31 bits) | index (32 bits)       never negative as a signed number
//   32-bit ids:  generation (13 bits) | index (18 bits)
//
// No generation is 0: small ids have a meaning of their own in some protocols.
//
// An id that a server may still answer is not given to another stream (StreamState.Abandoned), so
// that the generation is a second line of defence only.
// Allocates: on growth.
import { Slab } from "../../containers/slab";
import { retireBlock } from "../connection/retired-blocks";
import { NO_HASH } from "../route/hash-policy";
import { ResponseStatus } from "../../codec/message";
import { ResponseFlag } from "../../filter/response-flag";
import { NO_CAPTURE, releaseCapture } from "../../format/format";
import { Retained } from "./retained";
import { Stream, STREAM_BYTES, StreamState } from "./stream";

const INDEX_BITS_WIDE: u64 = 32;
const INDEX_BITS_NARROW: u64 = 18;
const GENERATION_MASK_WIDE: u32 = 0x7fffffff;
const GENERATION_MASK_NARROW: u32 = 0x1fff;
const MAX_STREAMS: u32 = 1 << 18;

export class StreamTable {
  private readonly slab: Slab = new Slab(STREAM_BYTES, MAX_STREAMS);
  private indexBits: u64 = INDEX_BITS_WIDE;
  private generationMask: u32 = GENERATION_MASK_WIDE;

  /** `idBits`: width of the protocol's request id. */
  setIdBits(idBits: u32): void {
    const isWide = idBits >= 64;
    this.indexBits = isWide ? INDEX_BITS_WIDE : INDEX_BITS_NARROW;
    this.generationMask = isWide ? GENERATION_MASK_WIDE : GENERATION_MASK_NARROW;
  }

  /** Streams that are not free. */
  get used(): u32 {
    return this.slab.used;
  }

  /** A stream with an id of its own and nothing else set, or null: there are too many. */
  acquire(): Stream | null {
    const record = this.slab.acquire();
    if (record == 0) return null;
    const stream = changetype<Stream>(record);
    stream.generation = stream.generation < this.generationMask ? stream.generation + 1 : 1;
    stream.upstreamId =
      ((<u64>stream.generation) << this.indexBits) | (<u64>this.slab.indexOf(record));
    stream.isOneway = false;
    stream.downstream = 0;
    stream.nextOfDownstream = 0;
    stream.previousOfDownstream = 0;
    stream.source = 0;
    stream.pool = 0;
    stream.upstream = 0;
    stream.nextInList = 0;
    stream.previousInList = 0;
    stream.table = null;
    stream.route = null;
    stream.frame = 0;
    stream.contextLength = 0;
    stream.owner = 0;
    stream.filters = 0;
    stream.isReported = false;
    stream.isShadow = false;
    stream.keepsFrame = false;
    stream.needsNewId = false;
    stream.isTryTimed = false;
    stream.isRetry = false;
    stream.holdsCluster = false;
    stream.isStreaming = false;
    stream.isOpen = false;
    stream.isClientDone = false;
    stream.isServerDone = false;
    stream.needsOwn = false;
    stream.holdsBack = false;
    stream.endsTransaction = false;
    stream.retries = 0;
    stream.deadlineMs = 0;
    stream.hash = NO_HASH;
    stream.session = null;
    stream.sessionEndpoint = 0;
    stream.wantedEndpoint = 0;
    stream.awaitedEndpoint = 0;
    stream.avoidedEndpoint = 0;
    stream.cluster = null;
    stream.responseBytes = 0;
    stream.status = ResponseStatus.Error;
    stream.flag = ResponseFlag.None;
    stream.startNs = 0;
    stream.sentNs = 0;
    stream.tries = 0;
    stream.endpoint = 0;
    stream.capture = NO_CAPTURE;
    return stream;
  }

  /** Gives back the record, its frame and its table; it is in no list and no timer is set. */
  release(stream: Stream): void {
    stream.state = StreamState.Free;
    this.releaseFrame(stream);
    this.releaseEndpoint(stream);
    if (stream.capture != NO_CAPTURE) {
      releaseCapture(stream.capture);
      stream.capture = NO_CAPTURE;
    }
    const table = stream.table;
    if (table !== null) {
      stream.table = null;
      table.release();
    }
    stream.route = null;
    stream.session = null;
    this.slab.release(changetype<usize>(stream));
  }

  releaseFrame(stream: Stream): void {
    if (stream.frame == 0) return;
    // An output queue may refer to it.
    retireBlock(stream.frame, stream.frameCapacity);
    stream.frame = 0;
  }

  /** The endpoint that it was sent to lives as long as somebody may be told of it. */
  retainEndpoint(stream: Stream, endpoint: Retained): void {
    this.releaseEndpoint(stream);
    endpoint.retain();
    stream.endpoint = changetype<usize>(endpoint);
  }

  releaseEndpoint(stream: Stream): void {
    if (stream.endpoint == 0) return;
    changetype<Retained>(stream.endpoint).release();
    stream.endpoint = 0;
  }

  /** The stream of this index, used or not; null: there are not as many. */
  at(index: u32): Stream | null {
    return this.slab.has(index) ? changetype<Stream>(this.slab.at(index)) : null;
  }

  /** The stream that was sent under this id, or null: it is unknown, or was given back. */
  find(upstreamId: u64): Stream | null {
    const index = <u32>(upstreamId & (((<u64>1) << this.indexBits) - 1));
    if (!this.slab.has(index)) return null;
    const stream = changetype<Stream>(this.slab.at(index));
    if (stream.state == StreamState.Free || stream.upstreamId != upstreamId) return null;
    return stream;
  }
}

export const streams = new StreamTable();
