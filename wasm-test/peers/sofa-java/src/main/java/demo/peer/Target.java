package demo.peer;

import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import com.alipay.remoting.rpc.RpcClient;
import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.config.MethodConfig;
import com.alipay.sofa.rpc.context.RpcInvokeContext;
import demo.Ask;
import demo.Greeter;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Where calls go: {@code port}, {@code timeoutMs}, and {@code kind}, "bolt" for Bolt alone in version 2. */
final class Target {
    /** What a call returned, and the baggage that came with it. */
    record Outcome(Object value, Map<String, String> baggage) {
        String label() {
            String text = String.valueOf(value);
            int mark = text.lastIndexOf(" from ");
            return mark < 0 ? "none" : text.substring(mark + " from ".length());
        }
    }

    private static RpcClient bolt;

    private final int port;
    private final int timeoutMs;
    private final Greeter greeter;

    Target(JSONObject target) {
        port = target.getIntValue("port");
        timeoutMs = target.getIntValue("timeoutMs", 5_000);
        greeter = "bolt".equals(target.getString("kind")) ? null : refer();
    }

    private Greeter refer() {
        MethodConfig oneway = new MethodConfig().setName("fire").setInvokeType("oneway");
        return new ConsumerConfig<Greeter>()
                .setInterfaceId(Greeter.class.getName())
                .setProtocol("bolt")
                .setDirectUrl("bolt://127.0.0.1:" + port)
                .setTimeout(timeoutMs)
                .setRegister(false)
                .setRepeatedReferLimit(-1)
                .setMethods(List.of(oneway))
                .refer();
    }

    private static synchronized RpcClient bolt() {
        if (bolt == null) {
            bolt = new RpcClient();
            bolt.startup();
        }
        return bolt;
    }

    Outcome call(JSONObject request) throws Exception {
        JSONArray values = request.getJSONArray("args");
        String text = values == null || values.isEmpty() ? "" : values.getString(0);
        if (greeter == null) {
            Ask ask = new Ask();
            ask.name = text;
            String address = "127.0.0.1:" + port + "?_PROTOCOL=2&_VERSION=2";
            return new Outcome(bolt().invokeSync(address, ask, timeoutMs), Map.of());
        }
        RpcInvokeContext.removeContext();
        JSONObject baggage = request.getJSONObject("baggage");
        if (baggage != null) {
            baggage.forEach((key, value) -> RpcInvokeContext.getContext().putRequestBaggage(key, value.toString()));
        }
        Object value = invoke(request.getString("method"), text);
        return new Outcome(value, new TreeMap<>(RpcInvokeContext.getContext().getAllResponseBaggage()));
    }

    private Object invoke(String method, String text) {
        switch (method) {
            case "hello":
                return greeter.hello(text);
            case "other":
                return greeter.other(text);
            case "slow":
                return greeter.slow(Integer.parseInt(text));
            case "fail":
                return greeter.fail(text);
            case "baggage":
                return greeter.baggage();
            case "fire":
                greeter.fire(text);
                return null;
            default:
                throw new IllegalArgumentException("no method " + method);
        }
    }
}
