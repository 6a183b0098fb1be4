package demo.peer;

import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONObject;
import com.alibaba.fastjson2.JSONWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The control channel of a peer: one JSON object per line, commands in, results and events out. */
final class JsonLines {
    private final PrintStream out;

    /** Takes standard output over: whatever else prints there goes to standard error. */
    JsonLines() {
        this.out = System.out;
        System.setOut(System.err);
    }

    private void write(Map<String, ?> message) {
        String line = JSON.toJSONString(message, JSONWriter.Feature.WriteMapNullValue);
        synchronized (out) {
            out.println(line);
            out.flush();
        }
    }

    void ready() {
        write(Map.of("event", "ready"));
    }

    void succeed(Object id, Object value) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("id", id);
        result.put("ok", true);
        result.put("value", value);
        write(result);
    }

    /** Tells a failure as the client's own code would have caught it. */
    void fail(Object id, Throwable thrown) {
        List<Map<String, Object>> chain = new ArrayList<>();
        for (Throwable cause = thrown; cause != null && chain.size() < 16; cause = cause.getCause()) {
            chain.add(Map.of("class", cause.getClass().getName(), "message", String.valueOf(cause.getMessage())));
        }
        Map<String, Object> error = new LinkedHashMap<>();
        error.put("message", String.valueOf(thrown.getMessage()));
        error.put("code", null);
        error.put("chain", chain);
        write(Map.of("id", id, "ok", false, "error", error));
    }

    /** Hands each command over; returns when standard input ends, that is when the test is gone. */
    void readCommands(Consumer<JSONObject> handler) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (!line.isBlank()) {
                handler.accept(JSON.parseObject(line));
            }
        }
    }
}
