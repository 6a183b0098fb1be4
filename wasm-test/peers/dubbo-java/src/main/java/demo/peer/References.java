package demo.peer;

import com.alibaba.fastjson2.JSONObject;
import demo.Greeter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.SslConfig;
import org.apache.dubbo.rpc.model.ApplicationModel;
import org.apache.dubbo.rpc.model.FrameworkModel;
import org.apache.dubbo.rpc.service.GenericService;

/**
 * The consumer's references, one per distinct target. A target is the part of a command that decides
 * about the connections: port, reference (any name, to have connections of one's own), connections,
 * interface, generic, group, version, timeoutMs, retries, heartbeatMs, reconnectMs,
 * serialization.
 */
final class References {
    private static final String MAX_PAYLOAD_BYTES = String.valueOf(64 * 1024 * 1024);
    private static final List<String> TARGET = List.of(
            "host",
            "port",
            "reference",
            "connections",
            "interface",
            "generic",
            "group",
            "version",
            "timeoutMs",
            "retries",
            "heartbeatMs",
            "reconnectMs",
            "serialization");

    /** One open reference: the config to destroy, and the proxy to call. */
    private record Reference(int port, ReferenceConfig<?> config, Object proxy) {}

    private final ApplicationModel application;
    private final Map<String, Reference> references = new HashMap<>();

    /**
     * With {@code tls}, an object of PEM files {@code trust}, {@code certificate} and {@code key}, every
     * connection uses TLS: Dubbo decides that by application and asks for a client certificate.
     */
    References(JSONObject tls) {
        application = FrameworkModel.defaultModel().newApplication();
        ApplicationConfig config = new ApplicationConfig(application, "demo-consumer");
        config.setQosEnable(false);
        config.setRegisterMode("interface");
        application.getApplicationConfigManager().setApplication(config);
        if (tls != null) {
            SslConfig ssl = new SslConfig(application);
            ssl.setClientTrustCertCollectionPath(tls.getString("trust"));
            ssl.setClientKeyCertChainPath(tls.getString("certificate"));
            ssl.setClientPrivateKeyPath(tls.getString("key"));
            application.getApplicationConfigManager().setSsl(ssl);
        }
    }

    Greeter greeter(JSONObject target) {
        return (Greeter) reference(target, false);
    }

    GenericService generic(JSONObject target) {
        return (GenericService) reference(target, true);
    }

    private synchronized Object reference(JSONObject command, boolean isGeneric) {
        JSONObject target = new JSONObject();
        TARGET.forEach(name -> target.put(name, command.get(name)));
        return references
                .computeIfAbsent(target.toString() + isGeneric, key -> open(target, isGeneric))
                .proxy();
    }

    private Reference open(JSONObject target, boolean isGeneric) {
        // Dubbo allows one reference per interface, group and version in a module, hence one module each.
        ReferenceConfig<Object> config = new ReferenceConfig<>(application.newModule());
        config.setRegistry(new RegistryConfig("N/A"));
        String host = target.getString("host");
        config.setUrl("dubbo://" + (host == null ? "127.0.0.1" : host) + ":" + target.getIntValue("port"));
        if (isGeneric) {
            config.setInterface(target.containsKey("interface") && target.get("interface") != null
                    ? target.getString("interface")
                    : Greeter.class.getName());
            config.setGeneric("true");
        } else {
            config.setInterface(Greeter.class);
            MethodConfig oneway = new MethodConfig();
            oneway.setName("fire");
            oneway.setReturn(false);
            config.setMethods(List.of(oneway));
        }
        config.setGroup(target.getString("group"));
        config.setVersion(target.getString("version"));
        config.setTimeout(target.getIntValue("timeoutMs", 5_000));
        config.setRetries(target.getIntValue("retries", 0));
        config.setConnections(target.getIntValue("connections", 1));
        config.setCheck(false);
        config.setParameters(parameters(target));
        return new Reference(target.getIntValue("port"), config, config.get());
    }

    private static Map<String, String> parameters(JSONObject target) {
        Map<String, String> parameters = new HashMap<>();
        parameters.put("payload", MAX_PAYLOAD_BYTES);
        parameters.put("heartbeat", String.valueOf(target.getIntValue("heartbeatMs", 60_000)));
        if (target.getString("reconnectMs") != null) {
            parameters.put("dubbo.application.least-reconnect-duration", target.getString("reconnectMs"));
        }
        if (target.getString("serialization") != null) {
            parameters.put("serialization", target.getString("serialization"));
            parameters.put("prefer.serialization", target.getString("serialization"));
        }
        return parameters;
    }

    /** Closes every reference to a port, and its connections. */
    synchronized void close(int port) {
        references.values().removeIf(reference -> {
            if (reference.port() != port) {
                return false;
            }
            reference.config().destroy();
            return true;
        });
    }
}
