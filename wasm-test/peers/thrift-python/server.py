"""Servers of Greeter, one per endpoint, each told apart by its label."""

import collections
import logging
import os
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

current = threading.local()


class Handler:
    def __init__(self, label, record):
        self._label = label
        self._record = record

    def _seen(self, method):
        self._record.seen(method)
        if isinstance(current.protocol, THeaderProtocol):
            current.protocol.trans.set_header(b"label", self._label.encode())

    def _text(self, method, text):
        self._seen(method)
        return "%s from %s" % (text, self._label)

    def hello(self, name):
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
        if not isinstance(current.protocol, THeaderProtocol):
            return {}
        received = current.protocol.trans.get_headers()
        return {key.decode(): value.decode() for key, value in received.items()}


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


def processor(label, record):
    """Greeter without a service name, and by the names "Greeter" and "Second" for clients that multiplex."""
    first = Greeter.Processor(Handler(label, record))
    multiplexed = TMultiplexedProcessor()
    multiplexed.registerDefault(first)
    multiplexed.registerProcessor("Greeter", first)
    multiplexed.registerProcessor("Second", Greeter.Processor(Handler(label + "/Second", record)))
    return RememberingProcessor(multiplexed)


class ListeningServer(TThreadedServer):
    """Listens before it serves, so that "ready" is true when it is said."""

    def __init__(self, endpoint, record):
        socket = TServerSocket("127.0.0.1", endpoint["port"])
        super().__init__(
            processor(endpoint["label"], record), socket, *server_factories(endpoint), daemon=True
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
    for endpoint in options["endpoints"]:
        record = records[endpoint["label"]] = Record()
        threading.Thread(target=ListeningServer(endpoint, record).serve, daemon=True).start()
    lines.write({"event": "ready"})

    def perform(command):
        if command["op"] != "statistics":
            raise ValueError("unknown op %s" % command["op"])
        return {label: record.describe() for label, record in records.items()}

    lines.read(lambda command: lines.answer(command, lambda: perform(command)))
