package demo.peer;

import com.alipay.sofa.rpc.context.RpcInvokeContext;
import demo.Greeter;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;

/** One server of {@link Greeter}, told apart by its label. */
final class GreeterService implements Greeter {
    private final String label;
    final Map<String, LongAdder> calls = new ConcurrentHashMap<>();
    final ConcurrentLinkedQueue<String> fired = new ConcurrentLinkedQueue<>();

    GreeterService(String label) {
        this.label = label;
    }

    String seen(String method, String text) {
        calls.computeIfAbsent(method, name -> new LongAdder()).increment();
        return text + " from " + label;
    }

    @Override
    public String hello(String name) {
        RpcInvokeContext.getContext().putResponseBaggage("label", label);
        return seen("hello", "Hello " + name);
    }

    @Override
    public String other(String name) {
        return seen("other", "Other " + name);
    }

    @Override
    public String slow(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        return seen("slow", "Slept " + millis);
    }

    @Override
    public void fire(String what) {
        seen("fire", what);
        fired.add(what);
    }

    @Override
    public String fail(String reason) {
        throw new IllegalStateException(seen("fail", reason));
    }

    @Override
    public Map<String, String> baggage() {
        seen("baggage", "");
        return new TreeMap<>(RpcInvokeContext.getContext().getAllRequestBaggage());
    }
}
