package demo.peer;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Map;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.RequestHeader;
import org.apache.kafka.common.requests.ResponseHeader;

/** Frames as Kafka's own classes write and read them, of every api and version. */
final class Messages {
    private static final String PACKAGE = "org.apache.kafka.common.message.";
    private static final int LENGTH_BYTES = 4;

    private Messages() {}

    private static Class<?> converter(Class<?> data) throws ClassNotFoundException {
        return Class.forName(PACKAGE + data.getSimpleName() + "JsonConverter");
    }

    /** In hexadecimal, the request that {@code data} describes as Kafka's message definitions do. */
    static String write(JsonNode command) throws Exception {
        ApiKeys api = ApiKeys.forId(command.get("apiKey").asInt());
        short version = (short) command.get("version").asInt();
        Class<?> data = api.messageType.newRequest().getClass();
        ApiMessage message;
        try {
            message = (ApiMessage) converter(data)
                    .getMethod("read", JsonNode.class, short.class)
                    .invoke(null, command.get("data"), version);
        } catch (InvocationTargetException wrapped) {
            throw new IllegalArgumentException(wrapped.getCause());
        }
        JsonNode client = command.get("clientId");
        RequestHeader header = new RequestHeader(
                api, version, client.isNull() ? null : client.asText(), command.get("correlationId").asInt());
        ByteBuffer head = MessageUtil.toByteBufferAccessor(header.data(), header.headerVersion()).buffer();
        ByteBuffer body = MessageUtil.toByteBufferAccessor(message, version).buffer();
        ByteBuffer frame = ByteBuffer.allocate(LENGTH_BYTES + head.remaining() + body.remaining());
        frame.putInt(head.remaining() + body.remaining()).put(head).put(body);
        return HexFormat.of().formatHex(frame.array());
    }

    /** What a response in hexadecimal says; it has to end where the frame does. */
    static Map<String, ?> read(JsonNode command) throws Exception {
        ApiKeys api = ApiKeys.forId(command.get("apiKey").asInt());
        short version = (short) command.get("version").asInt();
        ByteBuffer frame = ByteBuffer.wrap(HexFormat.of().parseHex(command.get("hex").asText()));
        int length = frame.getInt();
        if (length != frame.remaining()) {
            throw new IllegalArgumentException("the length is " + length + ", not " + frame.remaining());
        }
        ResponseHeader header = ResponseHeader.parse(frame, api.responseHeaderVersion(version));
        ApiMessage message = api.messageType.newResponse();
        message.read(new ByteBufferAccessor(frame), version);
        if (frame.hasRemaining()) {
            throw new IllegalArgumentException(frame.remaining() + " bytes behind the response");
        }
        Object json = converter(message.getClass())
                .getMethod("write", message.getClass(), short.class)
                .invoke(null, message, version);
        return Map.of("correlationId", header.correlationId(), "data", json);
    }
}
