// Latencies in nanoseconds, to within 1/128 of the value, from 1 ns to about 146 hours.
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 7
#define HISTOGRAM_BUCKETS ((64 - 15 - HISTOGRAM_STEP_BITS) << HISTOGRAM_STEP_BITS)

struct histogram {
  uint64_t counts[HISTOGRAM_BUCKETS];
  uint64_t total;
  uint64_t sum_ns;
  uint64_t max_ns;
};

void histogram_record(struct histogram *histogram, uint64_t ns);

// Upper bound of the bucket that holds the quantile, in microseconds; 0 when nothing was recorded.
double histogram_quantile_us(const struct histogram *histogram, double quantile);

#endif
