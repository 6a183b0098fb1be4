// A worker's event loop with a clock that only the test moves. Everything that Envoy does asynchronously
// is one turn here: deterministic, and never nested in a VM call.

type Turn = () => void;

interface Timer {
  readonly dueNs: bigint;
  readonly order: number;
  readonly turn: Turn;
  cancelled: boolean;
}

export interface TimerHandle {
  cancel(): void;
}

const NS_PER_MS = 1_000_000n;

/** Turns run in the order they were posted; timers run when `advance` passes their time. */
export class EventLoop {
  #turns: Turn[] = [];
  #head = 0;
  #timers: Timer[] = [];
  #order = 0;
  #nowNs: bigint;
  readonly #afterTurn: Turn[] = [];
  /** What the machine's wall clock is ahead of the loop's own time: timers do not follow it. */
  wallClockOffsetNs = 0n;

  constructor(startNs: bigint) {
    this.#nowNs = startNs;
  }

  get nowNs(): bigint {
    return this.#nowNs;
  }

  post(turn: Turn): void {
    this.#turns.push(turn);
  }

  /** Runs `turn` when the current turn has ended: where Envoy deletes closed connections. */
  atEndOfTurn(turn: Turn): void {
    this.#afterTurn.push(turn);
  }

  setTimer(delayMs: number, turn: Turn): TimerHandle {
    const timer: Timer = {
      dueNs: this.#nowNs + BigInt(Math.max(0, Math.round(delayMs * 1e6))),
      order: this.#order++,
      turn,
      cancelled: false,
    };
    let at = this.#timers.length;
    while (at > 0 && isLater(this.#timers[at - 1], timer)) at--;
    this.#timers.splice(at, 0, timer);
    return { cancel: () => this.#cancel(timer) };
  }

  /**
   * Runs posted turns until none is left, and returns how many ran.
   * @throws Error after `maxTurns` turns: the module or the test keeps itself busy for ever.
   */
  runUntilIdle(maxTurns = 10_000_000): number {
    let count = 0;
    while (this.#head < this.#turns.length) {
      if (count++ >= maxTurns) throw new Error(`still busy after ${String(maxTurns)} turns`);
      this.#runOne();
    }
    return count;
  }

  /** Moves the clock by `ms` milliseconds, firing each timer at its own time. */
  advance(ms: number): void {
    const targetNs = this.#nowNs + BigInt(Math.round(ms * 1e6));
    this.runUntilIdle();
    for (;;) {
      const timer = this.#timers[0];
      if (timer === undefined || timer.dueNs > targetNs) break;
      this.#timers.shift();
      if (timer.dueNs > this.#nowNs) this.#nowNs = timer.dueNs;
      this.post(timer.turn);
      this.runUntilIdle();
    }
    this.#nowNs = targetNs;
  }

  /** Milliseconds since the epoch, rounded down. */
  get nowMs(): number {
    return Number(this.#nowNs / NS_PER_MS);
  }

  #runOne(): void {
    const turn = this.#turns[this.#head++];
    if (this.#head > 4096 && this.#head * 2 > this.#turns.length) {
      this.#turns = this.#turns.slice(this.#head);
      this.#head = 0;
    }
    try {
      turn?.();
    } finally {
      for (let next = this.#afterTurn.shift(); next !== undefined; next = this.#afterTurn.shift()) {
        next();
      }
    }
  }

  #cancel(timer: Timer): void {
    if (timer.cancelled) return;
    timer.cancelled = true;
    const at = this.#timers.indexOf(timer);
    if (at >= 0) this.#timers.splice(at, 1);
  }
}

function isLater(a: Timer | undefined, b: Timer): boolean {
  return a !== undefined && a.dueNs > b.dueNs;
}
