// Time as a dependency, so that tests can hold it still.

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `callback` once after `delayMs`, unless the returned function was called before. */
  schedule(delayMs: number, callback: () => void): () => void;
}

/** Wall-clock time. A timer of it does not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
