// xorshift64*: fast, and good enough to spread load; never for secrets.
// Allocates: never.

export class Random {
  private state: u64 = 0x9e3779b97f4a7c15;

  seed(seed: u64): void {
    this.state = seed == 0 ? 0x9e3779b97f4a7c15 : seed;
  }

  nextU32(): u32 {
    let x = this.state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    this.state = x;
    return <u32>((x * 0x2545f4914f6cdd1d) >> 32);
  }

  /** Uniform in 0 to `bound` - 1, `bound` at least 1. */
  below(bound: u32): u32 {
    return <u32>((<u64>this.nextU32() * <u64>bound) >> 32);
  }
}
