package demo.peer;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.rpc.RpcException;

/** A failure as the test sees it: what the consumer's own code would have caught. */
final class Failures {
    private static final int MAX_TEXT = 2_000;

    private Failures() {}

    static Map<String, Object> describe(String message) {
        Map<String, Object> failure = new LinkedHashMap<>();
        failure.put("message", message);
        failure.put("code", null);
        failure.put("chain", List.of());
        return failure;
    }

    /** Message of the exception, code of the outermost RpcException, and the chain of causes. */
    static Map<String, Object> describe(Throwable thrown) {
        List<Map<String, Object>> chain = new ArrayList<>();
        Integer code = null;
        for (Throwable cause = thrown; cause != null && chain.size() < 16; cause = cause.getCause()) {
            Map<String, Object> link = new LinkedHashMap<>();
            link.put("class", cause.getClass().getName());
            link.put("message", text(cause));
            if (cause instanceof RpcException rpc) {
                link.put("code", rpc.getCode());
                code = code == null ? Integer.valueOf(rpc.getCode()) : code;
            }
            chain.add(link);
            if (cause.getCause() == cause) {
                break;
            }
        }
        Map<String, Object> failure = new LinkedHashMap<>();
        failure.put("message", text(thrown));
        failure.put("code", code);
        failure.put("chain", chain);
        return failure;
    }

    /** A short key under which equal failures are counted. */
    static String key(Throwable thrown) {
        Throwable root = thrown;
        while (root.getCause() != null && root.getCause() != root) {
            root = root.getCause();
        }
        // Times and ports differ from one failure to the next of the same kind.
        String text = text(root).replaceAll("\\d[\\d.:,-]{2,}", "#");
        int end = text.indexOf('\n');
        return root.getClass().getSimpleName() + ": " + text.substring(0, Math.min(end < 0 ? text.length() : end, 160));
    }

    private static String text(Throwable thrown) {
        String text = String.valueOf(thrown.getMessage());
        return text.length() > MAX_TEXT ? text.substring(0, MAX_TEXT) : text;
    }
}
