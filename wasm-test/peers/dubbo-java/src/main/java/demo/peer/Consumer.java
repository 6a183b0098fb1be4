package demo.peer;

import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A consumer driven by commands on standard input, one JSON object per line with {@code id} and
 * {@code op}; each gets one result line with the same id, {@code ok}, and {@code value} or
 * {@code error}. Its only argument is a JSON object, optionally with {@code tls} (see
 * {@link References}).
 *
 * <ul>
 *   <li>{@code call}: target fields (see {@link References}) and one request (see {@link Caller})
 *   <li>{@code burst}: target, {@code requests}, {@code count}, {@code concurrency}, {@code rate}
 *   <li>{@code traffic}: as burst, {@code inFlight} per connection, until {@code stop}; lines with
 *       the same id and {@code event} come meanwhile
 *   <li>{@code mark}, {@code stop}: {@code traffic} is the id of the traffic
 *   <li>{@code close}: {@code port}
 * </ul>
 */
public final class Consumer {
    private final JsonLines lines = new JsonLines();
    private final ExecutorService pool = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    });
    private final Map<Object, Traffic> traffics = new ConcurrentHashMap<>();
    private final References references;

    private Consumer(JSONObject tls) {
        references = new References(tls);
    }

    private void handle(JSONObject command) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("id", command.get("id"));
        try {
            Object value = perform(command);
            result.put("ok", true);
            result.put("value", value);
        } catch (Throwable thrown) {
            result.put("ok", false);
            result.put("error", Failures.describe(thrown));
        }
        lines.write(result);
    }

    private Object perform(JSONObject command) throws Throwable {
        switch (command.getString("op")) {
            case "call":
                return call(command);
            case "burst":
                Traffic burst = traffic(
                        command, command.getIntValue("concurrency", 1), command.getLongValue("count", 1), null);
                burst.start();
                return burst.finish();
            case "traffic":
                int perConnection = command.getIntValue("inFlight", 1);
                int concurrency = perConnection * Math.max(1, command.getIntValue("connections", 1));
                Object id = command.get("id");
                Traffic traffic = traffic(command, concurrency, Long.MAX_VALUE, event -> {
                    event.put("id", id);
                    lines.write(event);
                });
                traffics.put(id, traffic);
                traffic.start();
                return Map.of("started", true);
            case "mark":
                return Map.of("atMs", traffics.get(command.get("traffic")).mark());
            case "stop":
                return traffics.remove(command.get("traffic")).stop();
            case "close":
                references.close(command.getIntValue("port"));
                return null;
            default:
                throw new IllegalArgumentException("unknown op " + command.getString("op"));
        }
    }

    private Map<String, Object> call(JSONObject command) throws Throwable {
        Caller caller = new Caller(references, command, command);
        long start = System.nanoTime();
        Caller.Outcome outcome = caller.call();
        double elapsedMs = (System.nanoTime() - start) / 1e6;
        Map<String, Object> fields = caller.describe(outcome);
        fields.put("elapsedMs", elapsedMs);
        return fields;
    }

    private Traffic traffic(
            JSONObject command,
            int concurrency,
            long count,
            java.util.function.Consumer<Map<String, Object>> events) {
        JSONArray requests = command.getJSONArray("requests");
        List<Caller> callers = new ArrayList<>();
        for (int i = 0; i < requests.size(); i++) {
            callers.add(new Caller(references, command, requests.getJSONObject(i)));
        }
        return new Traffic(callers, concurrency, command.getDoubleValue("rate"), count, events);
    }

    public static void main(String[] arguments) throws Exception {
        JSONObject options = arguments.length > 0 ? JSONObject.parseObject(arguments[0]) : new JSONObject();
        Consumer consumer = new Consumer(options.getJSONObject("tls"));
        consumer.lines.write(Map.of("event", "ready"));
        consumer.lines.readCommands(command -> consumer.pool.execute(() -> consumer.handle(command)));
        // Whoever gave the commands is gone: no graceful shutdown, which takes seconds.
        Runtime.getRuntime().halt(0);
    }
}
