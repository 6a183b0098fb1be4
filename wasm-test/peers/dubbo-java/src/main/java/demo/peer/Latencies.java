package demo.peer;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Latencies by count, from 1 microsecond to about 70 minutes, in steps of at most 1/32 of the value.
 * Buckets: 32 of one microsecond each, then 32 per power of two.
 */
final class Latencies {
    private static final int STEP_BITS = 5;
    private static final int STEPS = 1 << STEP_BITS;
    private static final int BUCKETS = STEPS * 28;

    private final AtomicLongArray counts = new AtomicLongArray(BUCKETS);

    void record(long nanos) {
        counts.incrementAndGet(bucket(Math.max(0, nanos / 1_000)));
    }

    private static int bucket(long micros) {
        if (micros < STEPS) {
            return (int) micros;
        }
        int shift = 63 - Long.numberOfLeadingZeros(micros) - STEP_BITS;
        return Math.min(BUCKETS - 1, (shift + 1) * STEPS + (int) ((micros >> shift) - STEPS));
    }

    private static double upperBoundMicros(int bucket) {
        if (bucket < STEPS) {
            return bucket + 1.0;
        }
        int shift = bucket / STEPS - 1;
        return (double) (bucket % STEPS + STEPS + 1L) * (1L << shift);
    }

    /** Upper bound of the bucket that holds the quantile, in milliseconds; 0 without any record. */
    double quantileMs(double quantile) {
        long total = 0;
        for (int i = 0; i < BUCKETS; i++) {
            total += counts.get(i);
        }
        long rank = (long) Math.ceil(total * quantile);
        for (int i = 0; i < BUCKETS && rank > 0; i++) {
            rank -= counts.get(i);
            if (rank <= 0) {
                return upperBoundMicros(i) / 1_000.0;
            }
        }
        return 0;
    }
}
