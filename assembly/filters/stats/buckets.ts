// The buckets of a histogram: their upper ends in thousandths, so that 0.5 is one of them.
// Allocates: when the module starts; never afterwards.

/** Of durations in milliseconds and of sizes in bytes: what Envoy has by itself, and Istio with it. */
export const DEFAULT_ENDS: StaticArray<u64> = [
  500, 1000, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
  30000000, 60000000, 300000000, 600000000, 1800000000, 3600000000,
];

/** The first bucket that a value belongs to; `ends.length`: only the one without an end. */
export function bucketOf(ends: StaticArray<u64>, thousandths: u64): u32 {
  const count = ends.length;
  for (let i = 0; i < count; i++) if (thousandths <= unchecked(ends[i])) return <u32>i;
  return <u32>count;
}
