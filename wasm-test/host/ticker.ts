import type { EventLoop } from "./event-loop.js";

/** proxy_on_tick of each root context. A new period of a running timer holds from its next tick on, as in Envoy. */
export class Ticker {
  readonly #loop: EventLoop;
  readonly #onTick: (rootId: number) => void;
  readonly #periods = new Map<number, number>();

  constructor(loop: EventLoop, onTick: (rootId: number) => void) {
    this.#loop = loop;
    this.#onTick = onTick;
  }

  /** Milliseconds; 0 stops. */
  setPeriod(rootId: number, periodMs: number): void {
    const wasRunning = (this.#periods.get(rootId) ?? 0) > 0;
    this.#periods.set(rootId, periodMs);
    if (!wasRunning && periodMs > 0) this.#schedule(rootId, periodMs);
  }

  #schedule(rootId: number, periodMs: number): void {
    this.#loop.setTimer(periodMs, () => {
      this.#onTick(rootId);
      const next = this.#periods.get(rootId) ?? 0;
      if (next > 0) this.#schedule(rootId, next);
    });
  }
}
