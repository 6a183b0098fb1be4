package demo.peer;

import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import demo.Greeter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletionStage;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.service.EchoService;

/** One prepared request: everything that does not change from call to call is looked up once. */
final class Caller {
    /** What a call returned, and the response attachments that came with it. */
    record Outcome(Object value, String label, Map<String, Object> attachments) {}

    private interface Invocation {
        Object invoke() throws Throwable;
    }

    private static final String LABEL_MARK = " from ";

    final String name;
    private final JSONObject attachments;
    private final Object firstArgument;
    private final Invocation invocation;

    /** {@code request}: method, args, attachments, name (default the method), types (generic calls). */
    Caller(References references, JSONObject target, JSONObject request) {
        String methodName = request.getString("method");
        JSONArray values = request.getJSONArray("args");
        name = request.containsKey("name") ? request.getString("name") : methodName;
        attachments = request.getJSONObject("attachments");
        if (target.getBooleanValue("generic")) {
            Object[] texts = values == null ? new Object[0] : values.toArray();
            String[] types = request.containsKey("types")
                    ? request.getList("types", String.class).toArray(new String[0])
                    : stringTypes(texts.length);
            firstArgument = texts.length > 0 ? texts[0] : null;
            invocation = () -> references.generic(target).$invoke(methodName, types, texts);
        } else if (methodName.equals("$echo")) {
            firstArgument = values.get(0);
            invocation = () -> ((EchoService) references.greeter(target)).$echo(firstArgument);
        } else {
            Method method = Arguments.method(methodName);
            Object[] converted = Arguments.convert(method, values);
            firstArgument = converted.length > 0 ? converted[0] : null;
            Greeter greeter = references.greeter(target);
            invocation = () -> invoke(greeter, method, converted);
        }
    }

    private static String[] stringTypes(int count) {
        String[] types = new String[count];
        java.util.Arrays.fill(types, String.class.getName());
        return types;
    }

    private static Object invoke(Greeter greeter, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(greeter, arguments);
        } catch (InvocationTargetException wrapped) {
            throw wrapped.getCause();
        }
    }

    Outcome call() throws Throwable {
        if (attachments != null) {
            attachments.forEach(RpcContext.getClientAttachment()::setObjectAttachment);
        }
        Object value = invocation.invoke();
        if (value instanceof CompletionStage<?> stage) {
            value = stage.toCompletableFuture().get();
        }
        Map<String, Object> seen = RpcContext.getClientResponseContext().getObjectAttachments();
        return new Outcome(value, label(value, seen), seen);
    }

    private static String label(Object value, Map<String, Object> seen) {
        if (seen.get("label") instanceof String label) {
            return label;
        }
        if (value instanceof String text && text.contains(LABEL_MARK)) {
            return text.substring(text.lastIndexOf(LABEL_MARK) + LABEL_MARK.length());
        }
        return "none";
    }

    /** The outcome as the fields of a result line. */
    Map<String, Object> describe(Outcome outcome) {
        Map<String, Object> fields = new TreeMap<>();
        fields.put("value", Arguments.describe(outcome.value(), firstArgument));
        fields.put("label", outcome.label());
        fields.put("attachments", Map.copyOf(outcome.attachments()));
        return fields;
    }
}
