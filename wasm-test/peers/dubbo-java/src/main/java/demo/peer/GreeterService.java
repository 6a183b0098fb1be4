package demo.peer;

import demo.Greeter;
import demo.GreeterException;
import demo.Order;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.apache.dubbo.rpc.RpcContext;

/** One provider of {@link Greeter}, told apart by its label. */
final class GreeterService implements Greeter {
    private final String label;
    final Relay relay;
    final Map<String, LongAdder> calls = new ConcurrentHashMap<>();
    final ConcurrentLinkedQueue<String> fired = new ConcurrentLinkedQueue<>();

    GreeterService(String label, Relay relay) {
        this.label = label;
        this.relay = relay;
    }

    private void seen(String method) {
        calls.computeIfAbsent(method, name -> new LongAdder()).increment();
        RpcContext.getServerResponseContext().setAttachment("label", label);
        RpcContext.getServerResponseContext()
                .setAttachment("peer", RpcContext.getServiceContext().getRemoteAddressString());
    }

    @Override
    public String sayHello(String name) {
        seen("sayHello");
        if (relay.isOpen()) {
            return relay.ask(name, received()) + " from " + label;
        }
        return "Hello " + name + " from " + label;
    }

    @Override
    public String getUser(String id) {
        seen("getUser");
        return "User " + id + " from " + label;
    }

    @Override
    public String getOrder(String id) {
        seen("getOrder");
        return "Order " + id + " from " + label;
    }

    @Override
    public String placeOrder(String item) {
        seen("placeOrder");
        return "Placed " + item + " from " + label;
    }

    @Override
    public Map<String, String> attachments() {
        seen("attachments");
        return received();
    }

    private static Map<String, String> received() {
        Map<String, String> texts = new TreeMap<>();
        RpcContext.getServerAttachment()
                .getObjectAttachments()
                .forEach((key, value) -> texts.put(key, String.valueOf(value)));
        return texts;
    }

    @Override
    public String echo(String text) {
        seen("echo");
        return text;
    }

    @Override
    public byte[] echoBytes(byte[] bytes) {
        seen("echoBytes");
        return bytes;
    }

    @Override
    public Order order(Order order, int quantity, long[] ids) {
        seen("order");
        order.id += quantity + ids.length;
        order.tags.add(label);
        return order;
    }

    @Override
    public String nothing() {
        seen("nothing");
        return null;
    }

    @Override
    public void fire(String what) {
        seen("fire");
        fired.add(what);
    }

    @Override
    public String failRuntime(String reason) {
        seen("failRuntime");
        throw new IllegalStateException(reason + " from " + label);
    }

    @Override
    public String failChecked(String reason) throws GreeterException {
        seen("failChecked");
        throw new GreeterException(reason + " from " + label, 42);
    }

    @Override
    public String slow(int millis) {
        seen("slow");
        try {
            Thread.sleep(millis);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        return "Slept " + millis + " from " + label;
    }

    @Override
    public CompletableFuture<String> later(String name) {
        seen("later");
        return CompletableFuture.supplyAsync(
                () -> "Later " + name + " from " + label,
                CompletableFuture.delayedExecutor(5, TimeUnit.MILLISECONDS));
    }
}
