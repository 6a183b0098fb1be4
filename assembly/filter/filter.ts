// The contract between the engine and a filter: built-in ones and users' own are alike.
//
// A module's entry file lists its filters. Each request meets those that its route (or the whole route
// configuration) has a configuration for, in the order of that list. One instance of a filter serves all
// requests of a worker: what belongs to a request is in the 8 bytes at `call.slot`, or in memory to which
// they lead.
//
// Allocates: at configuration.
// Next: switchboard/router/sender.ts
import { Call } from "./call";
import { FilterSetup } from "./filter-setup";

export enum FilterStatus {
  /** On to the next filter, or to the server. */
  Continue = 0,
  /**
   * The request waits until `FilterHost.resume` or `FilterHost.reply` is called for `call.handle`, or
   * `call.delayMs` have passed: then `onDelayed` is called.
   */
  Pause = 1,
  /** `call.reply` was called: the client gets that answer. */
  Reply = 2,
}

/** What a filter has made of one configuration; equal configurations of a table have one. */
export abstract class FilterConfig {}

/** Bytes at `Call.slot`. */
export const FILTER_SLOT_BYTES: u32 = 8;
/** Filters of a module. */
export const MAX_FILTERS: u32 = 12;

export abstract class Filter {
  /** `name`: what FilterConfig.name of a route configuration says. */
  constructor(readonly name: string) {}

  /** The `len` bytes at `ptr` are only there for now. Null: there was a fault, and `setup` was told. */
  abstract configure(ptr: usize, len: u32, setup: FilterSetup): FilterConfig | null;

  /** A request that is complete at `call.message`, which is only there for now. */
  onRequest(call: Call, config: FilterConfig): FilterStatus {
    return FilterStatus.Continue;
  }

  /**
   * `call.delayMs` have passed since this filter paused the request, which is at `call.message` again. Not
   * called for a request that is over or was resumed.
   */
  onDelayed(call: Call, config: FilterConfig): FilterStatus {
    return FilterStatus.Continue;
  }

  /** The response of a server, complete at `call.message`; not called for answers of the proxy itself. */
  onResponse(call: Call, config: FilterConfig): void {}

  /**
   * The request is over, whatever became of it: called once for each request that this filter has a
   * configuration for, even where an earlier filter kept `onRequest` from being called (the slot is zero
   * then). There is no `call.message` any more.
   */
  onEnd(call: Call, config: FilterConfig): void {}

  /** About once in 10 ms, on a clean stack; once in 100 ms after a second without a request. */
  onTick(nowMs: u64): void {}

  /** It has work for the next ticks: they are to come often, requests or none. */
  get needsTicks(): bool {
    return false;
  }

  /** The answer to a gRPC call; false: it is not this filter's. Read it by `getBuffer`. */
  onGrpcReceive(token: u32, size: u32): bool {
    return false;
  }

  /** The end of a gRPC call; false: it is not this filter's. */
  onGrpcClose(token: u32, status: u32): bool {
    return false;
  }
}
