package demo.peer;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** What came of a number of requests; threads record at the same time. */
final class Tally {
    private static final int MAX_ERROR_TEXTS = 50;

    private final LongAdder succeeded = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final Map<String, Map<String, LongAdder>> counts = new ConcurrentHashMap<>();
    private final Map<String, LongAdder> errors = new ConcurrentHashMap<>();
    private final Latencies latencies = new Latencies();

    void success(String name, String label, long nanos) {
        succeeded.increment();
        counts.computeIfAbsent(name, key -> new ConcurrentHashMap<>())
                .computeIfAbsent(label, key -> new LongAdder())
                .increment();
        latencies.record(nanos);
    }

    void failure(Throwable thrown, long nanos) {
        failed.increment();
        String key = Failures.key(thrown);
        boolean isKept = errors.containsKey(key) || errors.size() < MAX_ERROR_TEXTS;
        errors.computeIfAbsent(isKept ? key : "others", text -> new LongAdder()).increment();
        latencies.record(nanos);
    }

    /** The fields that the wrappers of the tests declare as TrafficTally. */
    Map<String, Object> describe() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("requests", succeeded.sum() + failed.sum());
        fields.put("succeeded", succeeded.sum());
        fields.put("failed", failed.sum());
        Map<String, Map<String, Long>> byName = new LinkedHashMap<>();
        counts.forEach((name, labels) -> byName.put(name, sums(labels)));
        fields.put("counts", byName);
        fields.put("errors", sums(errors));
        fields.put("p50Ms", latencies.quantileMs(0.5));
        fields.put("p99Ms", latencies.quantileMs(0.99));
        fields.put("maxMs", latencies.quantileMs(1));
        return fields;
    }

    private static Map<String, Long> sums(Map<String, LongAdder> adders) {
        Map<String, Long> sums = new LinkedHashMap<>();
        adders.forEach((key, adder) -> sums.put(key, adder.sum()));
        return sums;
    }
}
