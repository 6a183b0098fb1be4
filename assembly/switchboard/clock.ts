// The time as of the last tick: reading it costs a host call, and no timeout needs more than a tick.
// Allocates: never.
import { nowNanoseconds } from "../proxy-wasm-as/host/clock";

/** Resolution of all timeouts. */
export const TICK_MS: u32 = 10;

/** Of a worker that has nothing to do: ticks are what it costs at rest. */
export const REST_TICK_MS: u32 = 100;

/** So many ticks are at least so many milliseconds: part of the present one has passed already. */
export function ticksOf(ms: u32): u32 {
  return ms == 0 ? 1 : 1 + (ms - 1) / TICK_MS + 1;
}

/** A longer time between two ticks is taken for a jump of the host's clock. */
const MAX_STEP_MS: u64 = 1000;

export class CoarseClock {
  /**
   * Milliseconds that only ever grow. They start at the host's time, but a host whose clock is set
   * moves neither timeouts nor anything else here.
   */
  nowMs: u64 = 0;
  /** Of this VM call; 0: not asked for yet. */
  private callNs: u64 = 0;
  private readMs: u64 = 0;

  /** Once, before the first tick. */
  start(): void {
    if (this.nowMs > 0) return;
    this.readMs = nowNanoseconds() / 1000000;
    this.nowMs = this.readMs;
  }

  /** Nanoseconds since 1970, by a host's clock that may jump; one host call in a VM call. */
  preciseNs(): u64 {
    if (this.callNs == 0) this.callNs = nowNanoseconds();
    return this.callNs;
  }

  /** How far `nowMs` is behind; one host call in a VM call. */
  sinceTickMs(): u32 {
    const preciseMs = this.preciseNs() / 1000000;
    return preciseMs > this.readMs ? <u32>min(preciseMs - this.readMs, MAX_STEP_MS) : 0;
  }

  /** A VM call ends: the next one begins at another time. */
  endCall(): void {
    this.callNs = 0;
  }

  /** At each tick. */
  read(): void {
    this.endCall();
    const readMs = nowNanoseconds() / 1000000;
    const step = readMs > this.readMs ? readMs - this.readMs : readMs == this.readMs ? 0 : TICK_MS;
    this.nowMs += step < MAX_STEP_MS ? step : MAX_STEP_MS;
    this.readMs = readMs;
  }
}

export const clock = new CoarseClock();
