// Takes requests and responses through the filters of their route.
// Allocates: never after construction.
// Next: filter/filter.ts
import { Codec } from "../../codec/codec";
import { Message } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { FILTER_SLOT_BYTES, FilterConfig, FilterStatus } from "../../filter/filter";
import { installedFilter, installedFilters } from "../../filter/installed";
import { clock } from "../clock";
import { RouteTable } from "../route/table";
import { Stream } from "../stream/stream";
import { StreamCall } from "./stream-call";

export class FilterChain {
  /** One for all requests: a filter is done with it when it returns. */
  readonly call: StreamCall;

  constructor(codec: Codec) {
    this.call = new StreamCall(codec);
  }

  /** Which filters the stream is to meet; before `run`. */
  prepare(stream: Stream, filters: usize): void {
    stream.filters = filters;
    if (filters == 0) return;
    stream.nextFilter = 0;
    stream.startNs = clock.preciseNs();
    memory.fill(stream.slots, 0, installedFilters() * FILTER_SLOT_BYTES);
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

  /** The response of a server: what is to be changed in it, besides what the route changes. */
  respond(stream: Stream, message: Message, ofRoute: Mutation | null): Mutation | null {
    if (stream.filters == 0) return ofRoute;
    const call = this.call;
    call.mutations.clear();
    call.show(stream);
    call.message = message;
    // The last filter is the nearest to the server.
    for (let index = installedFilters(); index > 0; index--) {
      const config = this.configOf(stream, index - 1);
      if (config == 0) continue;
      call.slot = stream.slots + <usize>(index - 1) * FILTER_SLOT_BYTES;
      installedFilter(index - 1).onResponse(call, changetype<FilterConfig>(config));
    }
    return call.mutations.after(ofRoute);
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
