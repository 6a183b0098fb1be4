/** So many at once, and then so many each second. */
export class RateLimit {
  private tokens: number;
  private filledAtMs: number;

  /** @param now milliseconds of a steady clock. */
  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.tokens = burst;
    this.filledAtMs = now();
  }

  /** Takes one, and says how long to wait before it may be used. Milliseconds. */
  take(): number {
    const now = this.now();
    const filled = this.tokens + ((now - this.filledAtMs) / 1000) * this.perSecond;
    this.tokens = Math.min(this.burst, filled) - 1;
    this.filledAtMs = now;
    return this.tokens >= 0 ? 0 : (-this.tokens / this.perSecond) * 1000;
  }
}
