package demo;

import java.util.Map;

/** The service of the SOFARPC peers. Texts end with " from LABEL", by which servers are told apart. */
public interface Greeter {
    String hello(String name);

    String other(String name);

    /** Sleeps before it answers. */
    String slow(int millis);

    /** Called one way. */
    void fire(String what);

    /** Throws an IllegalStateException. */
    String fail(String reason);

    /** The baggage of the request. */
    Map<String, String> baggage();
}
