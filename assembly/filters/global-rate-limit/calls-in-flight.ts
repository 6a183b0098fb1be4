// Calls that the service has not answered, by the token that the host gave them: a hash table with open
// addressing, whose tokens count up.
//
//   0..3 token (0: free)   4..7 plugin context   8..15 handle of the request   16..19 GlobalRateLimit   20..23 unused
//
// Allocates: at construction.
import { GlobalRateLimit } from "./config";

/** Of a worker; as many requests as Envoy's circuit breaker of a cluster allows unless told otherwise. */
export const MAX_CALLS_IN_FLIGHT: u32 = 1024;

const CAPACITY: u32 = 2 * MAX_CALLS_IN_FLIGHT;
const LAST: u32 = CAPACITY - 1;
/** The host's tokens differ by this much. */
const TOKEN_STEP_BITS: u32 = 2;

@unmanaged
class CallInFlight {
  token: u32;
  contextId: u32;
  handle: u64;
  limit: usize;
}

const CALL_BYTES: usize = 24;

export class CallsInFlight {
  // Of the call that `take` has found.
  contextId: u32 = 0;
  handle: u64 = 0;
  private limit: usize = 0;
  private count: u32 = 0;
  private readonly table: usize = heap.alloc(<usize>CAPACITY * CALL_BYTES);

  constructor() {
    memory.fill(this.table, 0, <usize>CAPACITY * CALL_BYTES);
  }

  get isFull(): bool {
    return this.count == MAX_CALLS_IN_FLIGHT;
  }

  /** Of the call that `take` has found; it lives as long as its request. */
  get config(): GlobalRateLimit {
    return changetype<GlobalRateLimit>(this.limit);
  }

  /** Not while it is full. */
  add(token: u32, contextId: u32, handle: u64, limit: GlobalRateLimit): void {
    let slot = home(token);
    while (this.at(slot).token != 0) slot = (slot + 1) & LAST;
    const call = this.at(slot);
    call.token = token;
    call.contextId = contextId;
    call.handle = handle;
    call.limit = changetype<usize>(limit);
    this.count++;
  }

  /** Takes it out; false: there is none. */
  take(token: u32): bool {
    if (token == 0) return false;
    let slot = home(token);
    while (this.at(slot).token != token) {
      if (this.at(slot).token == 0) return false;
      slot = (slot + 1) & LAST;
    }
    const call = this.at(slot);
    this.contextId = call.contextId;
    this.handle = call.handle;
    this.limit = call.limit;
    this.count--;
    this.close(slot);
    return true;
  }

  /** Moves those that stand behind a free slot to where they are looked for. */
  private close(free: u32): void {
    for (let slot = (free + 1) & LAST; this.at(slot).token != 0; slot = (slot + 1) & LAST) {
      const distance = (slot - home(this.at(slot).token)) & LAST;
      if (distance < ((slot - free) & LAST)) continue;
      memory.copy(this.address(free), this.address(slot), CALL_BYTES);
      free = slot;
    }
    this.at(free).token = 0;
  }

  private address(slot: u32): usize {
    return this.table + <usize>slot * CALL_BYTES;
  }

  private at(slot: u32): CallInFlight {
    return changetype<CallInFlight>(this.address(slot));
  }
}

function home(token: u32): u32 {
  return (token >> TOKEN_STEP_BITS) & LAST;
}
