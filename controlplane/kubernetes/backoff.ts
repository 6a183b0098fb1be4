export interface BackoffOptions {
  /** Milliseconds. */
  readonly minMs: number;
  readonly maxMs: number;
  /** From 0 to 1, exclusive. Default: `Math.random`. */
  readonly random?: () => number;
}

/** Waits that double with each failure; a random half of each keeps many from coming back at once. */
export class Backoff {
  private failures = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** After one more failure. Milliseconds. */
  next(): number {
    const { minMs, maxMs, random = Math.random } = this.options;
    const full = Math.min(maxMs, minMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return full / 2 + (random() * full) / 2;
  }

  reset(): void {
    this.failures = 0;
  }
}
