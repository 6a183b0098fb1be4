package demo.peer;

import com.alibaba.com.caucho.hessian.io.Hessian2Input;
import com.alibaba.fastjson2.JSONObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import org.apache.dubbo.common.URL;
import org.apache.dubbo.common.utils.ReflectUtils;
import org.apache.dubbo.remoting.Channel;
import org.apache.dubbo.remoting.Codec2.DecodeResult;
import org.apache.dubbo.remoting.buffer.ChannelBuffer;
import org.apache.dubbo.remoting.buffer.ChannelBuffers;
import org.apache.dubbo.remoting.exchange.Request;
import org.apache.dubbo.rpc.model.FrameworkModel;
import org.apache.dubbo.rpc.protocol.dubbo.DubboCodec;

/**
 * Says what Dubbo's own decoder and its Hessian2 library find in requests. A command {@code read} has
 * {@code frames}, in hexadecimal; its value is one object for each, with what could be read:
 * {@code length} and {@code id} of the frame, {@code head} (Dubbo version, interface, service version,
 * method, descriptor), {@code attachments} (those that are strings, if the body ends behind them), and
 * {@code error} where reading ended.
 */
public final class FrameReader {
    private static final int HEADER_BYTES = 16;
    private static final int HEAD_VALUES = 5;
    private static final URL ADDRESS = URL.valueOf("dubbo://127.0.0.1:20880/demo.Greeter");

    private final JsonLines lines = new JsonLines();
    private final DubboCodec codec = new DubboCodec(FrameworkModel.defaultModel());
    private final Channel channel = (Channel) Proxy.newProxyInstance(
            FrameReader.class.getClassLoader(), new Class<?>[] {Channel.class}, (proxy, method, arguments) ->
                    method.getName().equals("getUrl") ? ADDRESS : null);

    private void handle(JSONObject command) {
        List<Map<String, Object>> found = new ArrayList<>();
        for (Object frame : command.getJSONArray("frames")) {
            found.add(read(HexFormat.of().parseHex((String) frame)));
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("id", command.get("id"));
        result.put("ok", true);
        result.put("value", found);
        lines.write(result);
    }

    private Map<String, Object> read(byte[] frame) {
        Map<String, Object> found = new LinkedHashMap<>();
        try {
            readFrame(frame, found);
            readBody(frame, found);
        } catch (Exception | StackOverflowError | OutOfMemoryError thrown) {
            found.put("error", thrown.getClass().getSimpleName() + ": " + thrown.getMessage());
        }
        return found;
    }

    private void readFrame(byte[] frame, Map<String, Object> found) throws IOException {
        ChannelBuffer buffer = ChannelBuffers.wrappedBuffer(frame);
        Object decoded = codec.decode(channel, buffer);
        if (decoded == DecodeResult.NEED_MORE_INPUT) {
            throw new IOException("incomplete");
        }
        found.put("length", buffer.readerIndex());
        if (decoded instanceof Request request) {
            found.put("id", Long.toUnsignedString(request.getId()));
        }
    }

    /** As DecodeableRpcInvocation does, but that arguments become what they say they are. */
    private static void readBody(byte[] frame, Map<String, Object> found) throws IOException {
        int length = (Integer) found.get("length");
        Hessian2Input in =
                new Hessian2Input(new ByteArrayInputStream(frame, HEADER_BYTES, length - HEADER_BYTES));
        List<String> head = new ArrayList<>();
        found.put("head", head);
        for (int i = 0; i < HEAD_VALUES; i++) {
            head.add(in.readString());
        }
        Matcher parameters = ReflectUtils.DESC_PATTERN.matcher(head.get(HEAD_VALUES - 1));
        while (parameters.find()) {
            in.readObject();
        }
        Map<?, ?> attachments = (Map<?, ?>) in.readObject(Map.class);
        if (in.read() >= 0) {
            throw new IOException("bytes are left over");
        }
        Map<String, Object> texts = new LinkedHashMap<>();
        if (attachments != null) {
            attachments.forEach((key, value) -> {
                if (key instanceof String name && value instanceof String) {
                    texts.put(name, value);
                }
            });
        }
        found.put("attachments", texts);
    }

    public static void main(String[] arguments) throws IOException {
        FrameReader reader = new FrameReader();
        reader.lines.write(Map.of("event", "ready"));
        reader.lines.readCommands(reader::handle);
        System.exit(0);
    }
}
