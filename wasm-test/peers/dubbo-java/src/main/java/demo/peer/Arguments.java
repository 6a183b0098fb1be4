package demo.peer;

import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import demo.Greeter;
import demo.Order;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Arguments and results between JSON and Java. Large values travel by description only:
 * {@code {"$string": N}} and {@code {"$bytes": N}} are N characters or bytes with a pattern, and a large
 * result is {@code {"$string": N, "echoed": true}}, true when it equals the first argument.
 * {@code {"$order": true}} is {@link Order#sample}.
 */
final class Arguments {
    private static final int LARGE = 4_096;
    private static final Map<Integer, String> STRINGS = new ConcurrentHashMap<>();
    private static final Map<Integer, byte[]> BYTES = new ConcurrentHashMap<>();

    private Arguments() {}

    /** The only method of {@link Greeter} with this name. */
    static Method method(String name) {
        for (Method method : Greeter.class.getMethods()) {
            if (method.getName().equals(name)) {
                return method;
            }
        }
        throw new IllegalArgumentException("Greeter has no method " + name);
    }

    static Object[] convert(Method method, JSONArray values) {
        Class<?>[] types = method.getParameterTypes();
        Object[] converted = new Object[types.length];
        for (int i = 0; i < types.length; i++) {
            Object value = values == null || i >= values.size() ? null : values.get(i);
            converted[i] = value instanceof JSONObject described ? generate(described) : plain(types[i], values, i);
        }
        return converted;
    }

    private static Object plain(Class<?> type, JSONArray values, int index) {
        if (type == int.class) {
            return values.getIntValue(index);
        }
        if (type == long[].class) {
            return values.getObject(index, long[].class);
        }
        return values.getString(index);
    }

    private static Object generate(JSONObject described) {
        if (described.containsKey("$string")) {
            return STRINGS.computeIfAbsent(described.getIntValue("$string"), Arguments::patternText);
        }
        if (described.containsKey("$bytes")) {
            return BYTES.computeIfAbsent(described.getIntValue("$bytes"), Arguments::patternBytes);
        }
        return Order.sample();
    }

    /** Varies with the position, so that a displaced or repeated part cannot go unnoticed. */
    private static byte[] patternBytes(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 31 + (i >> 8) * 17 + (i >> 16));
        }
        return bytes;
    }

    private static String patternText(int length) {
        char[] text = new char[length];
        for (int i = 0; i < length; i++) {
            text[i] = (char) ('a' + Math.floorMod(i * 31 + (i >> 8) * 17 + (i >> 16), 26));
        }
        return new String(text);
    }

    /** The result as JSON; {@code first} is the first argument of the call, if it had one. */
    static Object describe(Object result, Object first) {
        if (result instanceof String text && text.length() > LARGE) {
            return Map.of("$string", text.length(), "echoed", text.equals(first));
        }
        if (result instanceof byte[] bytes) {
            return Map.of("$bytes", bytes.length, "echoed", first instanceof byte[] sent && Arrays.equals(bytes, sent));
        }
        if (result instanceof Order order) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("id", order.id);
            fields.put("name", order.name);
            fields.put("tags", order.tags);
            fields.put("isOwnParent", order.parent == order);
            fields.put("kind", String.valueOf(order.kind));
            return fields;
        }
        return result;
    }
}
