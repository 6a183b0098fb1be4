package demo.peer;

import com.alibaba.fastjson2.JSONObject;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A client driven by commands on standard input, one JSON object per line with {@code id} and {@code op};
 * each gets one result line with the same id.
 *
 * <ul>
 *   <li>{@code call}: target fields (see {@link Target}) and one request: method, args, baggage
 *   <li>{@code burst}: target, {@code requests}, {@code count}, {@code concurrency}
 *   <li>{@code traffic}: target, {@code requests}, {@code concurrency}, until {@code stop}
 *   <li>{@code stop}: {@code traffic} is the id of the traffic
 * </ul>
 */
public final class Client {
    private static final List<String> TARGET = List.of("port", "timeoutMs", "kind");

    private final JsonLines lines = new JsonLines();
    private final ExecutorService pool = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    });
    private final Map<Object, Traffic> traffics = new ConcurrentHashMap<>();
    private final Map<String, Target> targets = new ConcurrentHashMap<>();

    private Target target(JSONObject command) {
        JSONObject key = new JSONObject();
        TARGET.forEach(name -> key.put(name, command.get(name)));
        return targets.computeIfAbsent(key.toString(), unused -> new Target(command));
    }

    private void handle(JSONObject command) {
        Object id = command.get("id");
        try {
            lines.succeed(id, perform(command));
        } catch (Throwable thrown) {
            lines.fail(id, thrown);
        }
    }

    private Object perform(JSONObject command) throws Exception {
        switch (command.getString("op")) {
            case "call":
                return call(command);
            case "burst":
                Traffic burst = traffic(command, command.getLongValue("count", 1));
                burst.start();
                return burst.finish();
            case "traffic":
                Traffic traffic = traffic(command, Long.MAX_VALUE);
                traffics.put(command.get("id"), traffic);
                traffic.start();
                return Map.of("started", true);
            case "stop":
                return traffics.remove(command.get("traffic")).stop();
            default:
                throw new IllegalArgumentException("unknown op " + command.getString("op"));
        }
    }

    private Traffic traffic(JSONObject command, long limit) {
        int concurrency = command.getIntValue("concurrency", 1);
        return new Traffic(target(command), command.getJSONArray("requests"), concurrency, limit);
    }

    private Map<String, Object> call(JSONObject command) throws Exception {
        Target target = target(command);
        long start = System.nanoTime();
        Target.Outcome outcome = target.call(command);
        Map<String, Object> fields = new TreeMap<>();
        fields.put("elapsedMs", (System.nanoTime() - start) / 1e6);
        fields.put("value", outcome.value());
        fields.put("label", outcome.label());
        fields.put("attachments", outcome.baggage());
        return fields;
    }

    public static void main(String[] arguments) throws Exception {
        Client client = new Client();
        client.lines.ready();
        client.lines.readCommands(command -> client.pool.execute(() -> client.handle(command)));
        // Whoever gave the commands is gone: no graceful shutdown, which takes seconds.
        Runtime.getRuntime().halt(0);
    }
}
