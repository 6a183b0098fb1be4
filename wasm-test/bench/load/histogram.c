#include "histogram.h"

#define STEPS (1u << HISTOGRAM_STEP_BITS)

static uint64_t bucket_of(uint64_t ns) {
  if (ns < STEPS) return ns;
  unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_STEP_BITS;
  uint64_t bucket = ((uint64_t)(shift + 1) << HISTOGRAM_STEP_BITS) + (ns >> shift) - STEPS;
  return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static double upper_bound_ns(uint64_t bucket) {
  if (bucket < STEPS) return (double)(bucket + 1);
  unsigned shift = (unsigned)(bucket >> HISTOGRAM_STEP_BITS) - 1;
  return (double)((bucket & (STEPS - 1)) + STEPS + 1) * (double)(1ull << shift);
}

void histogram_record(struct histogram *histogram, uint64_t ns) {
  histogram->counts[bucket_of(ns)]++;
  histogram->total++;
  histogram->sum_ns += ns;
  if (ns > histogram->max_ns) histogram->max_ns = ns;
}

double histogram_quantile_us(const struct histogram *histogram, double quantile) {
  if (histogram->total == 0) return 0;
  uint64_t rank = (uint64_t)((double)histogram->total * quantile);
  uint64_t seen = 0;
  for (uint64_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
    seen += histogram->counts[bucket];
    if (seen > rank) return upper_bound_ns(bucket) / 1e3;
  }
  return (double)histogram->max_ns / 1e3;
}
