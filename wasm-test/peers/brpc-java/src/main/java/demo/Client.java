package demo;

import com.alibaba.fastjson2.JSONObject;
import com.baidu.brpc.RpcContext;
import com.baidu.brpc.client.BrpcProxy;
import com.baidu.brpc.client.RpcClient;
import com.baidu.brpc.client.RpcClientOptions;
import com.baidu.brpc.client.channel.ChannelType;
import com.baidu.brpc.client.channel.Endpoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A client, driven by JSON lines: {@code call} with port, method, text, metadata; {@code burst}, calls of Echo, 16 at a
 * time, until there were {@code count} or {@code durationMs} is over. All calls to a port share one connection, and none
 * is tried again.
 */
public final class Client {
    private static final int WORKERS = 16;

    private final Lines lines = new Lines();
    private final Map<Integer, Greeter> greeters = new ConcurrentHashMap<>();

    private Greeter greeter(int port) {
        return greeters.computeIfAbsent(port, unused -> {
            RpcClientOptions options = new RpcClientOptions();
            options.setChannelType(ChannelType.SINGLE_CONNECTION);
            options.setMaxTryTimes(1);
            options.setReadTimeoutMillis(15_000);
            RpcClient client = new RpcClient(new Endpoint("127.0.0.1", port), options);
            return BrpcProxy.getProxy(client, Greeter.class);
        });
    }

    private JSONObject call(int port, String method, String text, Map<String, Object> metadata) {
        Greeter greeter = greeter(port);
        RpcContext context = RpcContext.getContext();
        context.reset();
        if (metadata != null && !metadata.isEmpty()) {
            context.setRequestKvAttachment(metadata);
        }
        Text request = new Text(text);
        return JSONObject.parseObject(invoke(greeter, method, request).text);
    }

    private static Text invoke(Greeter greeter, String method, Text request) {
        switch (method) {
            case "Echo":
                return greeter.echo(request);
            case "Other":
                return greeter.other(request);
            case "Silent":
                return greeter.silent(request);
            default:
                return greeter.fail(request);
        }
    }

    private Map<String, Object> burst(JSONObject command) throws InterruptedException {
        int port = command.getIntValue("port");
        long count = command.getLongValue("count", Long.MAX_VALUE);
        long end = System.nanoTime() + command.getLongValue("durationMs", 60_000) * 1_000_000;
        AtomicLong sent = new AtomicLong();
        Map<String, Long> labels = new ConcurrentHashMap<>();
        Map<String, Long> errors = new ConcurrentHashMap<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < WORKERS; i++) {
            Thread thread = new Thread(() -> {
                while (sent.incrementAndGet() <= count && System.nanoTime() < end) {
                    try {
                        labels.merge(call(port, "Echo", "", Map.of()).getString("label"), 1L, Long::sum);
                    } catch (RuntimeException thrown) {
                        Throwable cause = thrown.getCause() == null ? thrown : thrown.getCause();
                        errors.merge(String.valueOf(cause.getMessage()), 1L, Long::sum);
                    }
                }
            });
            thread.setDaemon(true);
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return Map.of("labels", new TreeMap<>(labels), "errors", new TreeMap<>(errors));
    }

    private void handle(JSONObject command) {
        Object id = command.get("id");
        try {
            lines.succeed(id, "burst".equals(command.getString("op"))
                    ? burst(command)
                    : call(command.getIntValue("port"), command.getString("method"), command.getString("text"),
                            command.getJSONObject("metadata")));
        } catch (Throwable thrown) {
            lines.fail(id, thrown);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Client client = new Client();
        ExecutorService pool = Executors.newCachedThreadPool(work -> {
            Thread thread = new Thread(work);
            thread.setDaemon(true);
            return thread;
        });
        client.lines.ready();
        client.lines.readCommands(command -> pool.execute(() -> client.handle(command)));
        Runtime.getRuntime().halt(0);
    }
}
