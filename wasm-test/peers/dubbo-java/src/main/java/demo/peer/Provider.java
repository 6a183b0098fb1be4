package demo.peer;

import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import demo.Greeter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.SslConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * Providers, one per endpoint, in one process. Its only argument is a JSON object: {@code endpoints}
 * [{port, label}], and optionally {@code group}, {@code version}, {@code serialization},
 * {@code heartbeatMs}, {@code threads}, {@code tls} {certificate, key, trust} (PEM files; with trust, clients need a certificate). It prints
 * {@code {"event":"ready"}} once all of them listen and ends with its
 * standard input at once, or on SIGTERM gracefully: it announces that to its consumers and waits.
 */
public final class Provider {
    private static final int MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;

    private final Map<String, GreeterService> services = new LinkedHashMap<>();
    private final List<ServiceConfig<Greeter>> exported = new ArrayList<>();

    private Provider(JSONObject options, JsonLines lines) {
        ApplicationConfig application = new ApplicationConfig("demo-provider");
        application.setQosEnable(false);
        // Without this it exports a metadata service, which listens on one more port.
        application.setRegisterMode("interface");
        DubboBootstrap bootstrap = DubboBootstrap.getInstance().application(application);
        JSONObject tls = options.getJSONObject("tls");
        if (tls != null) {
            SslConfig ssl = new SslConfig();
            ssl.setServerKeyCertChainPath(tls.getString("certificate"));
            ssl.setServerPrivateKeyPath(tls.getString("key"));
            ssl.setServerTrustCertCollectionPath(tls.getString("trust"));
            bootstrap.ssl(ssl);
        }
        JSONArray endpoints = options.getJSONArray("endpoints");
        for (int i = 0; i < endpoints.size(); i++) {
            JSONObject endpoint = endpoints.getJSONObject(i);
            GreeterService service = new GreeterService(endpoint.getString("label"), new Relay(lines));
            services.put(endpoint.getString("label"), service);
            ServiceConfig<Greeter> config = service(options, service);
            config.setProtocol(protocol(options, endpoint, tls != null));
            exported.add(config);
        }
    }

    private static ProtocolConfig protocol(JSONObject options, JSONObject endpoint, boolean isTls) {
        int port = endpoint.getIntValue("port");
        String host = endpoint.getString("host");
        ProtocolConfig protocol = new ProtocolConfig("dubbo", port);
        protocol.setId("dubbo-" + port);
        protocol.setHost(host == null ? "127.0.0.1" : host);
        protocol.setPayload(MAX_PAYLOAD_BYTES);
        protocol.setThreads(options.getIntValue("threads", 200));
        if (options.containsKey("serialization")) {
            protocol.setSerialization(options.getString("serialization"));
        }
        if (isTls) {
            protocol.setSslEnabled(true);
        }
        protocol.setParameters(Map.of("heartbeat", String.valueOf(options.getIntValue("heartbeatMs", 60_000))));
        return protocol;
    }

    private static ServiceConfig<Greeter> service(JSONObject options, Greeter implementation) {
        ServiceConfig<Greeter> service = new ServiceConfig<>();
        service.setInterface(Greeter.class);
        service.setRef(implementation);
        service.setRegistry(new RegistryConfig("N/A"));
        if (options.containsKey("group")) {
            service.setGroup(options.getString("group"));
        }
        if (options.containsKey("version")) {
            service.setVersion(options.getString("version"));
        }
        return service;
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

    private void answer(JsonLines lines, JSONObject command) {
        Object id = command.get("id");
        switch (command.getString("op")) {
            case "statistics":
                lines.write(Map.of("id", id, "ok", true, "value", statistics()));
                break;
            case "relay":
                services.get(command.getString("label")).relay.open(id);
                lines.write(Map.of("id", id, "ok", true, "value", true));
                break;
            case "tell":
                services.get(command.getString("label"))
                        .relay
                        .tell(command.getIntValue("call"), command.getString("value"));
                lines.write(Map.of("id", id, "ok", true, "value", true));
                break;
            default:
                lines.write(Map.of("id", id, "ok", false, "error", Failures.describe("unknown op")));
        }
    }

    public static void main(String[] arguments) throws Exception {
        JsonLines lines = new JsonLines();
        Provider provider = new Provider(JSONObject.parseObject(arguments[0]), lines);
        provider.exported.forEach(ServiceConfig::export);
        lines.write(Map.of("event", "ready"));
        lines.readCommands(command -> provider.answer(lines, command));
        // Whoever gave the commands is gone: no graceful shutdown, which takes seconds.
        Runtime.getRuntime().halt(0);
    }
}
