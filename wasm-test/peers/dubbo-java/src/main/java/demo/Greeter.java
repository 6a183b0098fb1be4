package demo;

import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * The service of the tests and the demo. Methods that answer a text end it in {@code " from LABEL"},
 * and every response carries the attachments {@code label} and {@code peer} (the address of the
 * connection's other end, as the provider sees it).
 */
public interface Greeter {
    String sayHello(String name);

    String getUser(String id);

    String getOrder(String id);

    String placeOrder(String item);

    /** The attachments that the request carried, as text. */
    Map<String, String> attachments();

    String echo(String text);

    byte[] echoBytes(byte[] bytes);

    Order order(Order order, int quantity, long[] ids);

    String nothing();

    /** Called one-way by the consumer; the provider remembers what it was told. */
    void fire(String what);

    String failRuntime(String reason);

    String failChecked(String reason) throws GreeterException;

    /** Answers after that many milliseconds. */
    String slow(int millis);

    CompletableFuture<String> later(String name);
}
