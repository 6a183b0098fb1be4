"""Connections of the client, and prepared requests over them."""

import json
import queue
import threading

from demo import Greeter
from demo.ttypes import BizError, Color, Item
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.Thrift import TApplicationException, TMessageType
from thrift.transport.TSocket import TSocket

from wire import client_protocol

DEFAULT_TIMEOUT_MS = 5000
LARGE_TEXT = 4096
LOCALHOST = "127.0.0.1"
LABEL_MARK = " from "
TARGET = ("host", "port", "reference", "transport", "protocol", "connections", "timeoutMs", "service")


class Connection:
    """One client; like every Thrift client it has one call at a time."""

    def __init__(self, target):
        self._target = target
        self.protocol = None
        self.client = None

    def open(self):
        if self.client is not None:
            return
        socket = TSocket(self._target.get("host") or LOCALHOST, self._target["port"])
        socket.setTimeout(self._target.get("timeoutMs") or DEFAULT_TIMEOUT_MS)
        protocol = client_protocol(self._target, socket)
        protocol.trans.open()
        self.protocol = protocol
        service = self._target.get("service")
        output = TMultiplexedProtocol(protocol, service) if service else protocol
        self.client = Greeter.Client(protocol, output)

    def close(self):
        if self.client is not None:
            self.protocol.trans.close()
            self.client = None


class Pools:
    """One pool of connections per distinct target; a call takes a free one and gives it back."""

    def __init__(self):
        self._mutex = threading.Lock()
        self._pools = {}

    def get(self, command):
        target = {name: command.get(name) for name in TARGET}
        key = json.dumps(target)
        with self._mutex:
            if key not in self._pools:
                free = queue.SimpleQueue()
                for _ in range(max(1, target["connections"] or 1)):
                    free.put(Connection(target))
                self._pools[key] = (target["port"], free)
            return self._pools[key][1]

    def close(self, port):
        """Closes the connections to a port that no call uses."""
        with self._mutex:
            for key in [key for key, (of, _) in self._pools.items() if of == port]:
                _, free = self._pools.pop(key)
                while not free.empty():
                    free.get().close()


class Caller:
    """A prepared request: method, args, and with THeader the key-values to send."""

    def __init__(self, pool, request):
        self.name = request.get("name") or request["method"]
        self._pool = pool
        self._method = request["method"]
        self._arguments = [argument(value) for value in request.get("args", [])]
        if self._method == "echoItem":
            self._arguments = [sample_item()]
        self._headers = request.get("headers") or {}

    def call(self):
        """Returns value, label and THeader key-values of the reply."""
        used = self._pool.get()
        try:
            used.open()
            if self._headers:
                for key, value in self._headers.items():
                    used.protocol.trans.set_header(key.encode(), value.encode())
            value = self._invoke(used.client)
            headers = {}
            if hasattr(used.protocol.trans, "get_headers") and self._method != "fire":
                received = used.protocol.trans.get_headers()
                headers = {key.decode(): value.decode() for key, value in received.items()}
            return value, label_of(value, headers), headers
        except (BizError, TApplicationException):
            # The server sent it: the connection is in step.
            raise
        except Exception:
            used.close()
            raise
        finally:
            self._pool.put(used)

    def _invoke(self, client):
        if self._method == "noSuchMethod":
            return call_unknown(client)
        return getattr(client, self._method)(*self._arguments)

    def describe(self, value):
        if isinstance(value, str) and len(value) > LARGE_TEXT:
            return {"$string": len(value), "echoed": value == self._arguments[0]}
        if isinstance(value, Item):
            return {
                "id": value.id,
                "qty": value.qty,
                "price": value.price,
                "tags": value.tags,
                "counts": value.counts,
                "color": Color._VALUES_TO_NAMES[value.color],
                "child": value.child.id,
            }
        return value


def call_unknown(client):
    """Calls a method that no server has, with the arguments of another one."""
    client._oprot.writeMessageBegin("noSuchMethod", TMessageType.CALL, 0)
    Greeter.hello_args(name="x").write(client._oprot)
    client._oprot.writeMessageEnd()
    client._oprot.trans.flush()
    _, kind, _ = client._iprot.readMessageBegin()
    result = TApplicationException() if kind == TMessageType.EXCEPTION else Greeter.hello_result()
    result.read(client._iprot)
    client._iprot.readMessageEnd()
    if kind == TMessageType.EXCEPTION:
        raise result
    return None


def argument(value):
    """A plain value, or {"$string": N}: N characters with a pattern that varies with the position."""
    if isinstance(value, dict):
        return "".join(chr(97 + (i * 31 + (i >> 8) * 17 + (i >> 16)) % 26) for i in range(value["$string"]))
    return value


def sample_item():
    return Item(
        id="i1",
        qty=5,
        flag=True,
        price=1.5,
        tags=["first"],
        counts={"apple": 3},
        blob=b"\1\2\3",
        color=Color.BLUE,
        numbers={3, -4},
        child=Item(id="child"),
    )


def label_of(value, headers):
    if "label" in headers:
        return headers["label"]
    if isinstance(value, str) and LABEL_MARK in value:
        return value.rsplit(LABEL_MARK, 1)[1]
    return "none"
