// The time as of the last tick: reading it costs a host call, and no timeout needs more than a tick.
// Allocates: never.
import { nowNanoseconds } from "../proxy-wasm-as/host/clock";

/** Resolution of all timeouts. */
export const TICK_MS: u32 = 10;

export class CoarseClock {
  /** Milliseconds since 1970; never goes back, even if the host's clock does. */
  nowMs: u64 = 0;

  /** At each tick and at start. */
  read(): void {
    const now = nowNanoseconds() / 1000000;
    if (now > this.nowMs) this.nowMs = now;
  }
}

export const clock = new CoarseClock();
