// A token bucket as all workers see it: the value of an item of shared data.
//
//   0..3 tokens   4..7 headroom   8..15 time of the last fill, nanoseconds since 1970     little-endian
//
// Fills come at whole intervals after the first use. Tokens that a worker has taken in advance and brings
// back must not be more than would be there had they never been taken: `headroom` is what the last fill
// left free.
// Allocates: never.

/** A clock that reads this much less than the last fill was set back; less is another worker's delay. */
const SET_BACK_NS: u64 = 1000000000;

/** What a bucket is; never changes. */
export class BucketShape {
  constructor(
    readonly maxTokens: u32,
    readonly tokensPerFill: u32,
    readonly intervalNs: u64,
  ) {}
}

@unmanaged
export class BucketRecord {
  tokens: u32;
  headroom: u32;
  fillNs: u64;

  /** Full. */
  begin(shape: BucketShape, nowNs: u64): void {
    this.tokens = shape.maxTokens;
    this.headroom = 0;
    this.fillNs = nowNs;
  }

  /** Fills it as often as is due. True: it has changed. */
  advance(shape: BucketShape, nowNs: u64): bool {
    if (nowNs < this.fillNs) {
      if (this.fillNs - nowNs < SET_BACK_NS) return false;
      // Otherwise nothing would be filled until the clock reads as late as before.
      this.fillNs = nowNs;
      this.headroom = 0;
      return true;
    }
    const fills = (nowNs - this.fillNs) / shape.intervalNs;
    if (fills == 0) return false;
    const missing = shape.maxTokens - this.tokens;
    const perFill = <u64>shape.tokensPerFill;
    this.tokens =
      fills > <u64>missing / perFill ? shape.maxTokens : this.tokens + <u32>(fills * perFill);
    this.headroom = shape.maxTokens - this.tokens;
    this.fillNs += fills * shape.intervalNs;
    return true;
  }

  /** Brings back tokens that were taken after the fill at `takenNs`, if the bucket is not full without them. */
  giveBack(shape: BucketShape, count: u32, takenNs: u64): void {
    const missing = shape.maxTokens - this.tokens;
    if (takenNs == this.fillNs) {
      this.tokens += min(count, missing);
    } else if (takenNs + shape.intervalNs == this.fillNs) {
      const kept = min(count, min(this.headroom, missing));
      this.tokens += kept;
      this.headroom -= kept;
    }
  }
}
