"""Servers of Greeter, one per endpoint, each told apart by its label."""

import collections
import logging
import os
import queue
import threading
import time

from demo import Greeter
from demo.ttypes import BizError
from thrift.protocol.THeaderProtocol import THeaderProtocol
from thrift.server.TServer import TThreadedServer
from thrift.Thrift import TProcessor
from thrift.TMultiplexedProcessor import TMultiplexedProcessor
from thrift.transport.TSocket import TServerSocket

from wire import server_factories

# The library logs every undeclared exception of a handler, and the tests raise them on purpose.
logging.getLogger("thrift").setLevel(logging.CRITICAL)
logging.getLogger("demo.Greeter").setLevel(logging.CRITICAL)

RELAY_SECONDS = 10

current = threading.local()


class Handler:
    def __init__(self, label, record, relay):
        self._label = label
        self._record = record
        self._relay = relay

    def _seen(self, method):
        self._record.seen(method)
        if isinstance(current.protocol, THeaderProtocol):
            current.protocol.trans.set_header(b"label", self._label.encode())

    def _text(self, method, text):
        self._seen(method)
        return "%s from %s" % (text, self._label)

    def hello(self, name):
        if self._relay.is_open:
            return self._text("hello", self._relay.ask(name, received_headers()))
        return self._text("hello", "Hello " + name)

    def getUser(self, id):
        return self._text("getUser", "User " + id)

    def getOrder(self, id):
        return self._text("getOrder", "Order " + id)

    def placeOrder(self, item):
        return self._text("placeOrder", "Placed " + item)

    def add(self, a, b):
        self._seen("add")
        return a + b

    def echoItem(self, item):
        self._seen("echoItem")
        item.tags.append(self._label)
        return item

    def big(self, text):
        self._seen("big")
        return text

    def failBiz(self, reason):
        self._seen("failBiz")
        raise BizError(code=42, why="%s from %s" % (reason, self._label))

    def failUndeclared(self, reason):
        self._seen("failUndeclared")
        raise RuntimeError(reason)

    def nothing(self):
        self._seen("nothing")

    def fire(self, what):
        self._seen("fire")
        self._record.fired.append(what)

    def slow(self, millis):
        time.sleep(millis / 1000)
        return self._text("slow", "Slept %d" % millis)

    def headers(self):
        self._seen("headers")
        return received_headers()


def received_headers():
    if not isinstance(current.protocol, THeaderProtocol):
        return {}
    received = current.protocol.trans.get_headers()
    return {key.decode(): value.decode() for key, value in received.items()}


class Relay:
    """Calls that a test answers, so that the test decides what a service does with them."""

    def __init__(self, lines):
        self._lines = lines
        self._mutex = threading.Lock()
        self._calls = 0
        self._waiting = {}
        self._id = None

    @property
    def is_open(self):
        return self._id is not None

    def open(self, id):
        """From now on; id of the command under which the events come."""
        self._id = id

    def ask(self, argument, metadata):
        """What the test answers."""
        answer = queue.SimpleQueue()
        with self._mutex:
            self._calls += 1
            call = self._calls
            self._waiting[call] = answer
        self._lines.write(
            {"id": self._id, "event": "call", "call": call, "argument": argument, "metadata": metadata}
        )
        try:
            return answer.get(timeout=RELAY_SECONDS)
        finally:
            del self._waiting[call]

    def tell(self, call, value):
        answer = self._waiting.get(call)
        if answer is not None:
            answer.put(value)


class Record:
    """What a server has seen, for the op "statistics"."""

    def __init__(self):
        self._mutex = threading.Lock()
        self._calls = collections.Counter()
        self.fired = []

    def seen(self, method):
        with self._mutex:
            self._calls[method] += 1

    def describe(self):
        with self._mutex:
            return {"calls": dict(self._calls), "fired": list(self.fired)}


class RememberingProcessor(TProcessor):
    """Lets the handler see the protocol of its call: the library hands it only the arguments."""

    def __init__(self, processor):
        self._processor = processor

    def process(self, iprot, oprot):
        current.protocol = iprot
        return self._processor.process(iprot, oprot)


def processor(label, record, relay):
    """Greeter without a service name, and by the names "Greeter" and "Second" for clients that multiplex."""
    first = Greeter.Processor(Handler(label, record, relay))
    multiplexed = TMultiplexedProcessor()
    multiplexed.registerDefault(first)
    multiplexed.registerProcessor("Greeter", first)
    second = Handler(label + "/Second", record, relay)
    multiplexed.registerProcessor("Second", Greeter.Processor(second))
    return RememberingProcessor(multiplexed)


class ListeningServer(TThreadedServer):
    """Listens before it serves, so that "ready" is true when it is said."""

    def __init__(self, endpoint, record, relay):
        socket = TServerSocket(endpoint.get("host", "127.0.0.1"), endpoint["port"])
        super().__init__(
            processor(endpoint["label"], record, relay), socket, *server_factories(endpoint), daemon=True
        )
        socket.listen()
        socket.listen = lambda: None

    def serve(self):
        try:
            super().serve()
        except Exception as error:
            logging.critical("server ended: %s", error)
            os._exit(1)


def serve(options, lines):
    records = {}
    relays = {}
    for endpoint in options["endpoints"]:
        record = records[endpoint["label"]] = Record()
        relay = relays[endpoint["label"]] = Relay(lines)
        threading.Thread(target=ListeningServer(endpoint, record, relay).serve, daemon=True).start()
    lines.write({"event": "ready"})

    def perform(command):
        op = command["op"]
        if op == "relay":
            return relays[command["label"]].open(command["id"])
        if op == "tell":
            return relays[command["label"]].tell(command["call"], command["value"])
        if op != "statistics":
            raise ValueError("unknown op %s" % op)
        return {label: record.describe() for label, record in records.items()}

    lines.read(lambda command: lines.answer(command, lambda: perform(command)))
