// A stream as filters see it.
// Allocates: never after construction.
import { Codec } from "../../codec/codec";
import { ErrorKind } from "../../codec/error-kind";
import { Slice } from "../../codec/message";
import { MutationOperation } from "../../codec/mutation";
import { Call } from "../../filter/call";
import { ResponseFlag } from "../../filter/response-flag";
import { clock } from "../clock";
import { RequestSource, sourceOf } from "../router/request-source";
import { Stream } from "../stream/stream";
import { stats } from "../telemetry/stats";
import { Endpoint } from "../upstream/endpoint";
import { MutationScratch } from "./mutation-scratch";

/** The longest text of a filter's answer. */
const MAX_FILTER_TEXT: u32 = 500;

export class StreamCall extends Call {
  readonly mutations: MutationScratch = new MutationScratch();
  replyKind: ErrorKind = ErrorKind.Internal;
  replyCode: u32 = 0;
  replyFlag: ResponseFlag = ResponseFlag.None;
  readonly replyText: Slice = new Slice();
  private readonly textBytes: usize = heap.alloc(MAX_FILTER_TEXT);
  private source: usize = 0;
  private endpoint: usize = 0;

  constructor(codec: Codec) {
    super(codec);
  }

  /** Fills in what is known of the stream. */
  show(stream: Stream): void {
    this.source = changetype<usize>(sourceOf(stream));
    this.endpoint = stream.endpoint;
    this.isOneway = stream.isOneway;
    this.handle = stream.upstreamId;
    this.requestBytes = stream.requestBytes;
    this.startNs = stream.startNs;
    this.responseBytes = stream.responseBytes;
    this.status = stream.status;
    this.flag = stream.flag;
    this.sentNs = stream.sentNs;
    this.tries = stream.tries;
    this.delayMs = 0;
    this.peer = 0;
    this.traceIdHigh = 0;
    this.traceIdLow = 0;
    this.spanId = 0;
    const route = stream.route;
    this.routeName.len = route === null ? 0 : route.nameLen;
    if (route !== null) this.routeName.ptr = route.namePtr;
    const table = stream.table;
    this.tableName.len = table === null ? 0 : table.nameLen;
    if (table !== null) this.tableName.ptr = table.namePtr;
    const cluster = stream.cluster;
    this.clusterName.len = cluster === null ? 0 : cluster.nameLen;
    if (cluster !== null) this.clusterName.ptr = cluster.namePtr;
  }

  /** The request is over. */
  showEnd(): void {
    const now = clock.preciseNs();
    this.endNs = now > this.startNs ? now : this.startNs;
  }

  override sourceAddress(out: Slice): bool {
    if (this.source == 0) return false;
    return changetype<RequestSource>(this.source).peer.address(out);
  }

  override destinationAddress(out: Slice): bool {
    if (this.source == 0) return false;
    return changetype<RequestSource>(this.source).peer.localAddress(out);
  }

  override sourcePrincipal(out: Slice): bool {
    if (this.source == 0) return false;
    return changetype<RequestSource>(this.source).peer.principal(out);
  }

  override upstreamAddress(out: Slice): bool {
    if (this.endpoint == 0) return false;
    const address = changetype<Endpoint>(this.endpoint).address;
    out.ptr = changetype<usize>(address);
    out.len = <u32>address.byteLength;
    return out.len > 0;
  }

  override mutate(operation: MutationOperation, key: Slice, value: Slice): bool {
    if (this.mutations.add(operation, key, value)) return true;
    stats.mutationSkipped++;
    return false;
  }

  override reply(kind: ErrorKind, code: u32, flag: ResponseFlag, text: Slice): void {
    this.replyKind = kind;
    this.replyCode = code;
    this.replyFlag = flag;
    const length = text.len < MAX_FILTER_TEXT ? text.len : MAX_FILTER_TEXT;
    memory.copy(this.textBytes, text.ptr, length);
    this.replyText.ptr = this.textBytes;
    this.replyText.len = length;
  }
}
