// How long to wait before the next attempt to connect: exponential, with jitter, so that the proxies
// of a mesh do not come back to a restarted control plane all at once.
// Allocates: never.

/** Attempts are this far apart at least; Envoy's own xDS clients begin with the same. */
const LEAST_MS: u32 = 500;
/** And not farther than this; Envoy's is the same. */
const MOST_MS: u32 = 30000;

export class ReconnectBackoff {
  private ceilingMs: u32 = LEAST_MS * 2;

  /** Milliseconds until the next attempt: 0.5 s to 1 s, then 1 s to 2 s, up to 15 s to 30 s. */
  next(random: u32): u32 {
    const ceiling = this.ceilingMs;
    this.ceilingMs = min(ceiling * 2, MOST_MS);
    const floor = ceiling >> 1;
    return floor + (random % (ceiling - floor + 1));
  }

  /** The connection has proven to be good. */
  reset(): void {
    this.ceilingMs = LEAST_MS * 2;
  }
}
