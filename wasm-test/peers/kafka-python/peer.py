"""Clients of Kafka on kafka-python, driven by JSON lines: see wasm-test/peers/README.md.

open   client, kind (producer, consumer), settings, topic of a consumer
send   client, topic, values      their offsets
poll   client, count, timeoutMs   the values, of which there may be less when the time is over
close  client
"""

import json
import logging
import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer

logging.basicConfig(level=logging.CRITICAL)
output = threading.Lock()
clients = {}


def say(message):
    with output:
        print(json.dumps(message), flush=True)


def create(kind, settings, topic):
    """Settings have the names that Kafka has for them."""
    settings = {name.replace(".", "_"): value for name, value in settings.items()}
    if kind == "producer":
        return KafkaProducer(**settings)
    return KafkaConsumer(topic, **settings)


def send(producer, topic, values):
    sent = [producer.send(topic, value.encode()) for value in values]
    producer.flush(timeout=20)
    return [record.get(timeout=20).offset for record in sent]


def poll(consumer, count, timeout_ms):
    end = time.monotonic() + timeout_ms / 1000
    values = []
    while len(values) < count and time.monotonic() < end:
        for records in consumer.poll(timeout_ms=100).values():
            values.extend(record.value.decode() for record in records)
    consumer.commit()
    return values


def perform(command):
    name = command["client"]
    op = command["op"]
    if op == "open":
        topic = command.get("topic")
        clients[name] = create(command["kind"], command["settings"], topic)
        return None
    if op == "send":
        return send(clients[name], command["topic"], command["values"])
    if op == "poll":
        return poll(clients[name], command["count"], command["timeoutMs"])
    if op == "close":
        client = clients.pop(name)
        client.close()
        return None
    raise ValueError("no op " + op)


def run(command):
    try:
        say({"id": command["id"], "ok": True, "value": perform(command)})
    except Exception as error:
        link = {"class": type(error).__name__, "message": str(error), "code": None}
        fields = {"message": str(error), "code": None, "chain": [link]}
        say({"id": command["id"], "ok": False, "error": fields})


say({"event": "ready"})
for line in sys.stdin:
    threading.Thread(target=run, args=(json.loads(line),), daemon=True).start()
