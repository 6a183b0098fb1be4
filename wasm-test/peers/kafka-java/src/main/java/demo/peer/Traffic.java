package demo.peer;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Numbers sent one after the other, some of them at a time, until it is stopped. */
final class Traffic {
    private static final int IN_FLIGHT = 20;
    private static final long PAUSE_NANOS = 1_000_000;

    private final KafkaProducer<String, String> producer;
    private final String topic;
    private final Semaphore slots = new Semaphore(IN_FLIGHT);
    private final AtomicInteger acknowledged = new AtomicInteger();
    private final ConcurrentLinkedQueue<String> values = new ConcurrentLinkedQueue<>();
    private final Map<String, Integer> failures = new ConcurrentHashMap<>();
    private final Thread thread = new Thread(this::run, "traffic");
    private volatile boolean isStopped;

    Traffic(KafkaProducer<String, String> producer, String topic) {
        this.producer = producer;
        this.topic = topic;
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        for (int i = 0; !isStopped; i++) {
            slots.acquireUninterruptibly();
            LockSupport.parkNanos(PAUSE_NANOS);
            String value = Integer.toString(i);
            producer.send(new ProducerRecord<>(topic, value), (metadata, error) -> {
                slots.release();
                if (error == null) {
                    acknowledged.incrementAndGet();
                    values.add(value);
                } else {
                    failures.merge(error.getClass().getSimpleName(), 1, Integer::sum);
                }
            });
        }
    }

    int acknowledged() {
        return acknowledged.get();
    }

    /** After the last answer: the values that the broker has acknowledged, and what failed. */
    Map<String, ?> stop() throws InterruptedException {
        isStopped = true;
        thread.join();
        slots.acquire(IN_FLIGHT);
        return Map.of("values", values, "failures", new TreeMap<>(failures));
    }
}
