package demo.peer;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Requests in turn, from so many threads, until stopped or until there were enough. With a rate they
 * leave at fixed times and each latency counts from the time the request should have left, so a stall
 * is not hidden by the requests that it held back.
 */
final class Traffic {
    private final List<Caller> callers;
    private final double ratePerSecond;
    private final long limit;
    private final Consumer<Map<String, Object>> events;
    private final List<Thread> threads = new ArrayList<>();
    private final AtomicLong next = new AtomicLong();
    private final Tally total = new Tally();
    private final AtomicReference<Tally> window = new AtomicReference<>(new Tally());
    private final Set<String> seenSinceMark = ConcurrentHashMap.newKeySet();
    private final long startNanos = System.nanoTime();
    private volatile boolean isStopped;

    /**
     * @param ratePerSecond requests per second over all threads; 0 for as fast as answers come
     * @param limit number of requests after which it ends by itself
     * @param events receives the events "stats" (once a second) and "first" (first answer of a label
     *     to a request name since the last mark)
     */
    Traffic(
            List<Caller> callers,
            int concurrency,
            double ratePerSecond,
            long limit,
            Consumer<Map<String, Object>> events) {
        this.callers = List.copyOf(callers);
        this.ratePerSecond = ratePerSecond;
        this.limit = limit;
        this.events = events;
        for (int i = 0; i < concurrency; i++) {
            threads.add(daemon("request-" + i, this::sendUntilStopped));
        }
    }

    private static Thread daemon(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        return thread;
    }

    void start() {
        threads.forEach(Thread::start);
        if (events != null) {
            daemon("stats", this::reportEverySecond).start();
        }
    }

    private void sendUntilStopped() {
        while (!isStopped) {
            long number = next.getAndIncrement();
            if (number >= limit) {
                return;
            }
            long start = ratePerSecond > 0 ? waitForTurn(number) : System.nanoTime();
            if (isStopped) {
                return;
            }
            send(callers.get((int) (number % callers.size())), start);
        }
    }

    private long waitForTurn(long number) {
        long due = startNanos + (long) (number * 1e9 / ratePerSecond);
        for (long rest = due - System.nanoTime(); rest > 0 && !isStopped; rest = due - System.nanoTime()) {
            LockSupport.parkNanos(Math.min(rest, 50_000_000));
        }
        return due;
    }

    private void send(Caller caller, long startNanos) {
        try {
            Caller.Outcome outcome = caller.call();
            long nanos = System.nanoTime() - startNanos;
            total.success(caller.name, outcome.label(), nanos);
            window.get().success(caller.name, outcome.label(), nanos);
            if (seenSinceMark.add(caller.name + '\0' + outcome.label()) && events != null) {
                events.accept(event("first", Map.of("name", caller.name, "label", outcome.label(), "atMs", epochMs())));
            }
        } catch (Throwable thrown) {
            long nanos = System.nanoTime() - startNanos;
            total.failure(thrown, nanos);
            window.get().failure(thrown, nanos);
        }
    }

    private void reportEverySecond() {
        long due = startNanos;
        while (!isStopped) {
            due += 1_000_000_000L;
            LockSupport.parkNanos(due - System.nanoTime());
            if (System.nanoTime() < due) {
                continue;
            }
            if (!isStopped) {
                Map<String, Object> fields = window.getAndSet(new Tally()).describe();
                fields.put("elapsedMs", elapsedMs());
                events.accept(event("stats", fields));
            }
        }
    }

    private static Map<String, Object> event(String kind, Map<String, Object> fields) {
        Map<String, Object> event = new LinkedHashMap<>(fields);
        event.put("event", kind);
        return event;
    }

    /** From here on the first answer of each label is reported again. Returns the time, epoch ms. */
    double mark() {
        // Taken first: whoever is told the time forgets what was reported before it, which is not reported again.
        double atMs = epochMs();
        seenSinceMark.clear();
        return atMs;
    }

    /** Lets no further request leave, waits for every answer, and returns what came of all of them. */
    Map<String, Object> stop() throws InterruptedException {
        isStopped = true;
        return finish();
    }

    /** Waits for the limit to be reached. */
    Map<String, Object> finish() throws InterruptedException {
        for (Thread thread : threads) {
            LockSupport.unpark(thread);
            thread.join();
        }
        isStopped = true;
        Map<String, Object> fields = total.describe();
        fields.put("elapsedMs", elapsedMs());
        return fields;
    }

    private double elapsedMs() {
        return Duration.ofNanos(System.nanoTime() - startNanos).toNanos() / 1e6;
    }

    private static double epochMs() {
        Instant now = Instant.now();
        return TimeUnit.SECONDS.toMillis(now.getEpochSecond()) + now.getNano() / 1e6;
    }
}
