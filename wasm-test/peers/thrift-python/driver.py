"""Performs the commands of a client.

    call            target (see calls.TARGET) and one request (see calls.Caller)
    burst           target, requests, count, concurrency, rate
    traffic         as burst, one request in flight per connection, until stop; lines with the same
                    id and an event come meanwhile
    mark, stop      traffic is the id of the traffic
    close           port
"""

import math
import threading
import time

from calls import Caller, Pools
from traffic import Traffic


class Driver:
    def __init__(self, lines):
        self._lines = lines
        self._pools = Pools()
        self._traffics = {}

    def run(self):
        self._lines.write({"event": "ready"})
        self._lines.read(
            lambda command: threading.Thread(
                target=self._lines.answer, args=(command, lambda: self._perform(command)), daemon=True
            ).start()
        )

    def _perform(self, command):
        return getattr(self, "_op_" + command["op"])(command)

    def _op_call(self, command):
        caller = Caller(self._pools.get(command), command)
        start = time.monotonic()
        value, label, headers = caller.call()
        return {
            "value": caller.describe(value),
            "label": label,
            "attachments": headers,
            "elapsedMs": (time.monotonic() - start) * 1e3,
        }

    def _callers(self, command):
        concurrency = command.get("concurrency") or 1
        pool = self._pools.get({"connections": concurrency, **command})
        return [Caller(pool, request) for request in command["requests"]]

    def _op_burst(self, command):
        concurrency = command.get("concurrency") or 1
        count = command.get("count") or 1
        return Traffic(self._callers(command), concurrency, command.get("rate"), count, None).finish()

    def _op_traffic(self, command):
        def events(event):
            self._lines.write({"id": command["id"], **event})

        concurrency = command.get("connections") or 1
        self._traffics[command["id"]] = Traffic(
            self._callers(command), concurrency, command.get("rate"), math.inf, events
        )
        return {"started": True}

    def _op_mark(self, command):
        return {"atMs": self._traffics[command["traffic"]].mark()}

    def _op_stop(self, command):
        return self._traffics.pop(command["traffic"]).stop()

    def _op_close(self, command):
        self._pools.close(command["port"])
