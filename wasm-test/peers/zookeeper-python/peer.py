"""Clients of ZooKeeper on kazoo, driven by JSON lines: see wasm-test/peers/README.md.

open     client, hosts, timeout (s)   starts a session; its id. Events `state` and `watch` follow
call     client, method, args, watch  a method of kazoo's client; `watch`: tells of the next change
session  client                       the id that it has now, in hexadecimal
close    client                       ends the session
"""

import json
import logging
import sys
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.retry import KazooRetry

logging.basicConfig(level=logging.ERROR)
output = threading.Lock()
clients = {}


def say(message):
    with output:
        print(json.dumps(message), flush=True)


def plain(value):
    """What JSON can hold of a result."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class Session:
    def __init__(self, id, hosts, timeout):
        self.id = id
        retry = KazooRetry(max_tries=-1, delay=0.05, backoff=1, max_delay=0.1)
        self.client = KazooClient(hosts=hosts, timeout=timeout, connection_retry=retry)
        self.client.add_listener(self.on_state)
        self.client.start(timeout=20)

    def on_state(self, state):
        say({"id": self.id, "event": "state", "state": str(state)})

    def on_watch(self, event):
        say({"id": self.id, "event": "watch", "type": event.type, "path": event.path})

    def call(self, method, args, watch):
        if method == "ephemeral":
            return self.client.create(args[0], ephemeral=True)
        if method in ("create", "set"):
            args = [args[0], args[1].encode()]
        options = {"watch": self.on_watch} if watch else {}
        return plain(getattr(self.client, method)(*args, **options))


def session_id(session):
    number, _ = session.client.client_id
    return "0x%x" % (number % (1 << 64))


def perform(command):
    name = command["client"]
    op = command["op"]
    if op == "open":
        session = Session(command["id"], command["hosts"], command["timeout"])
        clients[name] = session
        return session_id(session)
    if op == "call":
        return clients[name].call(command["method"], command["args"], command["watch"])
    if op == "session":
        return session_id(clients[name])
    if op == "close":
        session = clients.pop(name)
        session.client.stop()
        session.client.close()
        return None
    raise ValueError("no op " + op)


def run(command):
    try:
        say({"id": command["id"], "ok": True, "value": perform(command)})
    except Exception as error:
        code = getattr(error, "code", None) if isinstance(error, KazooException) else None
        link = {"class": type(error).__name__, "message": str(error), "code": code}
        fields = {"message": link["class"], "code": code, "chain": [link]}
        say({"id": command["id"], "ok": False, "error": fields})


say({"event": "ready"})
for line in sys.stdin:
    threading.Thread(target=run, args=(json.loads(line),), daemon=True).start()
