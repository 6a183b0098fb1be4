package demo.peer;

import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import com.alipay.remoting.BizContext;
import com.alipay.remoting.rpc.RpcServer;
import com.alipay.remoting.rpc.protocol.SyncUserProcessor;
import com.alipay.sofa.rpc.config.ProviderConfig;
import com.alipay.sofa.rpc.config.ServerConfig;
import demo.Ask;
import demo.Greeter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Servers in one process. Its only argument is a JSON object: {@code endpoints} [{port, label, kind}],
 * of SOFARPC or, with the kind {@code bolt}, of Bolt alone. It ends with its standard input.
 */
public final class Server {
    private final Map<String, GreeterService> services = new LinkedHashMap<>();

    private Server(JSONArray endpoints) {
        for (int i = 0; i < endpoints.size(); i++) {
            JSONObject endpoint = endpoints.getJSONObject(i);
            GreeterService service = new GreeterService(endpoint.getString("label"));
            services.put(endpoint.getString("label"), service);
            if ("bolt".equals(endpoint.getString("kind"))) {
                startBolt(endpoint.getIntValue("port"), service);
            } else {
                export(endpoint.getIntValue("port"), service);
            }
        }
    }

    private static void export(int port, GreeterService service) {
        ServerConfig server = new ServerConfig()
                .setProtocol("bolt")
                .setHost("127.0.0.1")
                .setPort(port)
                .setDaemon(true);
        new ProviderConfig<Greeter>()
                .setInterfaceId(Greeter.class.getName())
                .setRef(service)
                .setServer(server)
                .setRegister(false)
                .setRepeatedExportLimit(-1)
                .export();
    }

    private static void startBolt(int port, GreeterService service) {
        RpcServer server = new RpcServer("127.0.0.1", port);
        server.registerUserProcessor(new SyncUserProcessor<Ask>() {
            @Override
            public Object handleRequest(BizContext context, Ask ask) {
                return service.seen("ask", "Hello " + ask.name);
            }

            @Override
            public String interest() {
                return Ask.class.getName();
            }
        });
        server.startup();
    }

    private Map<String, ?> statistics() {
        Map<String, Object> result = new LinkedHashMap<>();
        services.forEach((label, service) -> {
            Map<String, Long> calls = new LinkedHashMap<>();
            service.calls.forEach((method, count) -> calls.put(method, count.sum()));
            result.put(label, Map.of("calls", calls, "fired", List.copyOf(service.fired)));
        });
        return result;
    }

    public static void main(String[] arguments) throws Exception {
        JsonLines lines = new JsonLines();
        Server server = new Server(JSONObject.parseObject(arguments[0]).getJSONArray("endpoints"));
        lines.ready();
        lines.readCommands(command -> {
            if ("statistics".equals(command.getString("op"))) {
                lines.succeed(command.get("id"), server.statistics());
            } else {
                lines.fail(command.get("id"), new IllegalArgumentException("unknown op"));
            }
        });
        // Whoever gave the commands is gone: no graceful shutdown, which takes seconds.
        Runtime.getRuntime().halt(0);
    }
}
