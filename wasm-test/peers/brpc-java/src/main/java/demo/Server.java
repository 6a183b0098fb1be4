package demo;

import com.alibaba.fastjson2.JSONObject;
import com.baidu.brpc.RpcContext;
import com.baidu.brpc.server.RpcServer;
import com.baidu.brpc.server.RpcServerOptions;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** A server; its only argument is a JSON object: {@code port}, {@code label}. It ends with its standard input. */
public final class Server {
    /** Answers with who it is and what came with the request; the names of the calls are counted. */
    static final class Service implements Greeter {
        private final String label;
        final Map<String, Long> calls = new ConcurrentHashMap<>();

        Service(String label) {
            this.label = label;
        }

        private Text answer(String method) {
            calls.merge(method, 1L, Long::sum);
            Map<String, Object> told = new TreeMap<>();
            RpcContext context = RpcContext.getContext();
            if (context.getRequestKvAttachment() != null) {
                told.putAll(context.getRequestKvAttachment());
            }
            return new Text(new JSONObject(Map.of("label", label, "metadata", told)).toString());
        }

        @Override
        public Text echo(Text request) {
            return answer("Echo");
        }

        @Override
        public Text other(Text request) {
            return answer("Other");
        }

        @Override
        public Text silent(Text request) {
            Text answer = answer("Silent");
            try {
                Thread.sleep(20_000);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
            return answer;
        }

        @Override
        public Text fail(Text request) {
            answer("Fail");
            throw new IllegalStateException(request.text);
        }
    }

    private Server() {}

    public static void main(String[] arguments) throws Exception {
        Lines lines = new Lines();
        JSONObject options = JSONObject.parseObject(arguments[0]);
        Service service = new Service(options.getString("label"));
        RpcServerOptions settings = new RpcServerOptions();
        // Each Silent holds one.
        settings.setWorkThreadNum(16);
        RpcServer server = new RpcServer("127.0.0.1", options.getIntValue("port"), settings);
        server.registerService(service);
        server.start();
        lines.ready();
        lines.readCommands(command -> lines.succeed(command.get("id"), Map.of("calls", service.calls)));
        Runtime.getRuntime().halt(0);
    }
}
