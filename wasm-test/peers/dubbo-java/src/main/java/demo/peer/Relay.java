package demo.peer;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Calls that a test answers, so that the test decides what a service does with them: each is an event
 * {@code {"id", "event": "call", "call", "argument", "metadata"}} under the id of the command that asked for it.
 */
final class Relay {
    private static final int SECONDS = 10;

    private final JsonLines lines;
    private final Map<Integer, CompletableFuture<String>> waiting = new ConcurrentHashMap<>();
    private final AtomicInteger calls = new AtomicInteger();
    private volatile Object id;

    Relay(JsonLines lines) {
        this.lines = lines;
    }

    boolean isOpen() {
        return id != null;
    }

    /** From now on; {@code id} of the command. */
    void open(Object id) {
        this.id = id;
    }

    /** What the test answers. */
    String ask(String argument, Map<String, String> metadata) {
        int call = calls.incrementAndGet();
        CompletableFuture<String> answer = new CompletableFuture<>();
        waiting.put(call, answer);
        lines.write(Map.of("id", id, "event", "call", "call", call, "argument", argument, "metadata", metadata));
        try {
            return answer.get(SECONDS, TimeUnit.SECONDS);
        } catch (Exception failed) {
            throw new IllegalStateException("the test did not answer", failed);
        } finally {
            waiting.remove(call);
        }
    }

    void tell(int call, String value) {
        CompletableFuture<String> answer = waiting.get(call);
        if (answer != null) {
            answer.complete(value);
        }
    }
}
