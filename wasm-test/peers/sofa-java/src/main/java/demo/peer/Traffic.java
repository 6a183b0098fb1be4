package demo.peer;

import com.alibaba.fastjson2.JSONArray;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

/** Requests in turn, from so many threads, until stopped or until there were enough, and what came of them. */
final class Traffic {
    private final Target target;
    private final JSONArray requests;
    private final long limit;
    private final List<Thread> threads = new ArrayList<>();
    private final AtomicLong next = new AtomicLong();
    private final long startNanos = System.nanoTime();
    private volatile boolean isStopped;

    // Guarded by this.
    private final Map<String, Map<String, Long>> counts = new TreeMap<>();
    private final Map<String, Long> errors = new TreeMap<>();
    private final List<Long> nanos = new ArrayList<>();
    private long failed;

    Traffic(Target target, JSONArray requests, int concurrency, long limit) {
        this.target = target;
        this.requests = requests;
        this.limit = limit;
        for (int i = 0; i < concurrency; i++) {
            Thread thread = new Thread(this::sendUntilStopped, "request-" + i);
            thread.setDaemon(true);
            threads.add(thread);
        }
    }

    void start() {
        threads.forEach(Thread::start);
    }

    private void sendUntilStopped() {
        while (!isStopped) {
            long number = next.getAndIncrement();
            if (number >= limit) {
                return;
            }
            send((int) (number % requests.size()));
        }
    }

    private void send(int index) {
        long start = System.nanoTime();
        String label = null;
        String error = null;
        try {
            label = target.call(requests.getJSONObject(index)).label();
        } catch (Throwable thrown) {
            // Addresses, ids and times differ from one failure to the next of the same kind.
            String text = String.valueOf(thrown.getMessage()).replaceAll("\\d[\\d.:,-]{2,}", "#");
            error = thrown.getClass().getSimpleName() + ": " + text;
        }
        record(requests.getJSONObject(index).getString("method"), label, error, System.nanoTime() - start);
    }

    private synchronized void record(String method, String label, String error, long elapsed) {
        nanos.add(elapsed);
        if (error == null) {
            counts.computeIfAbsent(method, name -> new TreeMap<>()).merge(label, 1L, Long::sum);
        } else {
            failed++;
            errors.merge(error, 1L, Long::sum);
        }
    }

    /** Lets no further request leave, waits for every answer, and returns what came of all of them. */
    Map<String, Object> stop() throws InterruptedException {
        isStopped = true;
        return finish();
    }

    /** Waits for the limit to be reached; the fields are those that the tests declare as TrafficTally. */
    Map<String, Object> finish() throws InterruptedException {
        for (Thread thread : threads) {
            thread.join();
        }
        synchronized (this) {
            long[] sorted = nanos.stream().mapToLong(Long::longValue).sorted().toArray();
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("requests", (long) sorted.length);
            fields.put("succeeded", sorted.length - failed);
            fields.put("failed", failed);
            fields.put("counts", counts);
            fields.put("errors", errors);
            fields.put("p50Ms", quantileMs(sorted, 0.5));
            fields.put("p99Ms", quantileMs(sorted, 0.99));
            fields.put("maxMs", quantileMs(sorted, 1));
            fields.put("elapsedMs", (System.nanoTime() - startNanos) / 1e6);
            return fields;
        }
    }

    private static double quantileMs(long[] sorted, double quantile) {
        return sorted.length == 0 ? 0 : sorted[(int) Math.ceil(sorted.length * quantile) - 1] / 1e6;
    }
}
