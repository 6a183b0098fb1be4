// Takes requests and responses through the filters of their route.
// Allocates: never after construction.
// Next: filter/filter.ts
import { Codec } from "../../codec/codec";
import { Message } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { FILTER_SLOT_BYTES, FilterConfig, FilterStatus } from "../../filter/filter";
import { installedFilter, installedFilters } from "../../filter/installed";
import { LIVE } from "../../format/format";
import { clock } from "../clock";
import { RouteEntry } from "../route/route-entry";
import { RouteTable } from "../route/table";
import { Stream } from "../stream/stream";
import { ExpandedMutation } from "./expanded-mutation";
import { MutationFormat } from "./mutation-format";
import { writeSession } from "./session-token";
import { StreamCall } from "./stream-call";

export class FilterChain {
  /** One for all requests: a filter is done with it when it returns. */
  readonly call: StreamCall;
  private readonly expanded: ExpandedMutation = new ExpandedMutation();

  constructor(codec: Codec) {
    this.call = new StreamCall(codec);
  }

  /** Which filters the stream is to meet; before `run`. */
  prepare(stream: Stream, filters: usize): void {
    stream.filters = filters;
    if (filters == 0) return;
    stream.nextFilter = 0;
    stream.startNs = clock.preciseNs();
    const end = stream.slots + <usize>installedFilters() * FILTER_SLOT_BYTES;
    for (let slot = stream.slots; slot < end; slot += FILTER_SLOT_BYTES) store<u64>(slot, 0);
  }

  /**
   * The request, complete at `message`, meets the filters that it has not met yet. With Pause the filter
   * has been left behind: the next `run` goes on with the one after it.
   */
  run(stream: Stream, message: Message): FilterStatus {
    this.call.mutations.clear();
    if (stream.filters == 0) return FilterStatus.Continue;
    this.call.show(stream);
    this.call.message = message;
    return this.runRest(stream);
  }

  /** The filter that paused the request has waited as long as it wanted to; see `run`. */
  runDelayed(stream: Stream, message: Message): FilterStatus {
    const call = this.call;
    call.mutations.clear();
    call.show(stream);
    call.message = message;
    const index = stream.nextFilter - 1;
    call.slot = stream.slots + <usize>index * FILTER_SLOT_BYTES;
    const config = changetype<FilterConfig>(this.configOf(stream, index));
    const status = installedFilter(index).onDelayed(call, config);
    return status == FilterStatus.Continue ? this.runRest(stream) : status;
  }

  private runRest(stream: Stream): FilterStatus {
    const call = this.call;
    const count = installedFilters();
    while (stream.nextFilter < count) {
      const index = stream.nextFilter++;
      const config = this.configOf(stream, index);
      if (config == 0) continue;
      call.slot = stream.slots + <usize>index * FILTER_SLOT_BYTES;
      const filter = installedFilter(index);
      const status = filter.onRequest(call, changetype<FilterConfig>(config));
      if (status != FilterStatus.Continue) return status;
    }
    return FilterStatus.Continue;
  }

  private configOf(stream: Stream, index: u32): usize {
    return load<usize>(stream.filters + <usize>index * sizeof<usize>());
  }

  /** Keeps what the values of a route's mutations will need of the request; before `run`. */
  capture(stream: Stream, message: Message, entry: RouteEntry): void {
    if (stream.startNs == 0) stream.startNs = clock.preciseNs();
    if (entry.responseFormat == 0) return;
    this.call.show(stream);
    this.call.message = message;
    stream.capture = changetype<MutationFormat>(entry.responseFormat).format.capture(this.call);
  }

  /** What the route changes in the request; valid until the next call. */
  mutationOfRoute(stream: Stream, message: Message, entry: RouteEntry): Mutation | null {
    const ofRoute = entry.requestMutation;
    if (entry.requestFormat == 0 || ofRoute === null) return ofRoute;
    return this.expand(stream, message, ofRoute, entry.requestFormat, LIVE);
  }

  private expand(
    stream: Stream,
    message: Message,
    mutation: Mutation,
    format: usize,
    capture: usize,
  ): Mutation | null {
    this.call.show(stream);
    this.call.message = message;
    return this.expanded.expand(mutation, changetype<MutationFormat>(format), this.call, capture);
  }

  /** The response of a server: what is to be changed in it, by its route and by filters. */
  respond(stream: Stream, message: Message): Mutation | null {
    const entry = stream.route;
    let ofRoute: Mutation | null = null;
    if (entry !== null) ofRoute = entry.responseMutation;
    if (entry !== null && ofRoute !== null && entry.responseFormat != 0) {
      ofRoute = this.expand(stream, message, ofRoute, entry.responseFormat, stream.capture);
    }
    const session = stream.session;
    if (stream.filters == 0 && session === null) return ofRoute;
    const call = this.call;
    call.mutations.clear();
    if (stream.filters != 0) this.respondRest(stream, message);
    if (session !== null) writeSession(session, stream, call.mutations);
    return call.mutations.after(ofRoute);
  }

  private respondRest(stream: Stream, message: Message): void {
    const call = this.call;
    call.show(stream);
    call.message = message;
    // The last filter is the nearest to the server.
    for (let index = installedFilters(); index > 0; index--) {
      const config = this.configOf(stream, index - 1);
      if (config == 0) continue;
      call.slot = stream.slots + <usize>(index - 1) * FILTER_SLOT_BYTES;
      installedFilter(index - 1).onResponse(call, changetype<FilterConfig>(config));
    }
  }

  /** The stream is over; it is still in its lists, and what it refers to still there. */
  end(stream: Stream): void {
    if (stream.filters == 0 || stream.isReported) return;
    stream.isReported = true;
    this.report(stream);
  }

  /** A request for which there is no stream: it is `record` that tells of it. */
  refuse(record: Stream, table: RouteTable): void {
    this.prepare(record, table.filters);
    if (record.filters == 0) return;
    record.table = table;
    this.report(record);
    record.table = null;
  }

  private report(stream: Stream): void {
    const call = this.call;
    call.show(stream);
    call.showEnd();
    const count = installedFilters();
    for (let index: u32 = 0; index < count; index++) {
      const config = this.configOf(stream, index);
      if (config == 0) continue;
      call.slot = stream.slots + <usize>index * FILTER_SLOT_BYTES;
      installedFilter(index).onEnd(call, changetype<FilterConfig>(config));
    }
  }
}
