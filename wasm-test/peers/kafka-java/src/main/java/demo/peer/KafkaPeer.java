package demo.peer;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Clients of Kafka on its own library, driven by commands on standard input, one JSON object per line with
 * {@code id} and {@code op}; each gets one result line with the same id. {@code client} names one of them.
 *
 * <ul>
 *   <li>{@code open}: kind (producer, consumer, admin), settings; topic of a consumer
 *   <li>{@code create}: topic, partitions; {@code topics}: their names; {@code id}: of a topic; {@code members}: client ids of a group
 *   <li>{@code send}: topic, values; the offsets
 *   <li>{@code poll}: count, timeoutMs; the values, of which there may be less when the time is over
 *   <li>{@code traffic}: topic, sends until {@code stop}; {@code progress}: how many were acknowledged
 *   <li>{@code close}
 *   <li>{@code write}, {@code read}: see {@link Messages}
 * </ul>
 */
public final class KafkaPeer {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final JsonLines lines = new JsonLines();
    private final ExecutorService pool = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    });
    private final Map<String, KafkaProducer<String, String>> producers = new ConcurrentHashMap<>();
    private final Map<String, KafkaConsumer<String, String>> consumers = new ConcurrentHashMap<>();
    private final Map<String, Admin> admins = new ConcurrentHashMap<>();
    private final Map<String, Traffic> traffics = new ConcurrentHashMap<>();

    private void handle(JsonNode command) {
        Object id = command.get("id");
        try {
            lines.succeed(id, perform(command));
        } catch (ExecutionException wrapped) {
            lines.fail(id, wrapped.getCause());
        } catch (Throwable thrown) {
            lines.fail(id, thrown);
        }
    }

    private Object perform(JsonNode command) throws Exception {
        String name = command.path("client").asText();
        switch (command.get("op").asText()) {
            case "open":
                open(name, command);
                return null;
            case "create":
                create(admins.get(name), command);
                return null;
            case "topics":
                return admins.get(name).listTopics().names().get();
            case "id":
                return id(admins.get(name), command.get("topic").asText());
            case "members":
                return members(admins.get(name), command.get("group").asText());
            case "send":
                return send(producers.get(name), command);
            case "poll":
                return poll(consumers.get(name), command);
            case "traffic":
                traffics.put(name, new Traffic(producers.get(name), command.get("topic").asText()));
                return null;
            case "progress":
                return traffics.get(name).acknowledged();
            case "stop":
                return traffics.remove(name).stop();
            case "close":
                close(name);
                return null;
            case "write":
                return Messages.write(command);
            case "read":
                return Messages.read(command);
            default:
                throw new IllegalArgumentException("no op " + command.get("op"));
        }
    }

    private void open(String name, JsonNode command) {
        Map<String, Object> settings = new HashMap<>();
        command.get("settings").properties().forEach(field -> settings.put(field.getKey(), field.getValue().asText()));
        switch (command.get("kind").asText()) {
            case "producer":
                producers.put(name, new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer()));
                break;
            case "consumer": {
                KafkaConsumer<String, String> consumer =
                        new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
                consumer.subscribe(List.of(command.get("topic").asText()));
                consumers.put(name, consumer);
                break;
            }
            default:
                admins.put(name, Admin.create(settings));
        }
    }

    /** What cannot be sent any more is not waited for. */
    private void close(String name) {
        if (producers.containsKey(name)) {
            producers.remove(name).close(Duration.ZERO);
        } else if (consumers.containsKey(name)) {
            consumers.remove(name).close(CloseOptions.timeout(PATIENCE));
        } else {
            admins.remove(name).close(Duration.ZERO);
        }
    }

    private static void create(Admin admin, JsonNode command) throws Exception {
        int partitions = command.get("partitions").asInt();
        NewTopic topic = new NewTopic(command.get("topic").asText(), partitions, (short) 1);
        admin.createTopics(List.of(topic)).all().get();
    }

    private static String id(Admin admin, String topic) throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId().toString();
    }

    /** Client ids of the members of a group, as the broker knows them. */
    private static List<String> members(Admin admin, String group) throws Exception {
        return admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().stream()
                .map(MemberDescription::clientId)
                .toList();
    }

    private static List<Long> send(KafkaProducer<String, String> producer, JsonNode command) throws Exception {
        String topic = command.get("topic").asText();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode value : command.get("values")) {
            sent.add(producer.send(new ProducerRecord<>(topic, value.asText())));
        }
        producer.flush();
        List<Long> offsets = new ArrayList<>();
        for (Future<RecordMetadata> record : sent) {
            offsets.add(record.get().offset());
        }
        return offsets;
    }

    private static List<String> poll(KafkaConsumer<String, String> consumer, JsonNode command) {
        int count = command.get("count").asInt();
        long end = System.nanoTime() + Duration.ofMillis(command.get("timeoutMs").asLong()).toNanos();
        List<String> values = new ArrayList<>();
        while (values.size() < count && System.nanoTime() < end) {
            consumer.poll(POLL).forEach(record -> values.add(record.value()));
        }
        consumer.commitSync();
        return values;
    }

    public static void main(String[] arguments) throws IOException {
        KafkaPeer peer = new KafkaPeer();
        peer.lines.ready();
        peer.lines.readCommands(command -> peer.pool.execute(() -> peer.handle(command)));
        System.exit(0);
    }
}
