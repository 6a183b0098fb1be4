"""The control channel of a peer: one JSON object per line, commands in, results and events out."""

import json
import sys
import threading

from failures import describe_failure


class Lines:
    def __init__(self):
        self._mutex = threading.Lock()
        # Whatever else prints must not end up between the lines of the channel.
        self._out = sys.stdout
        sys.stdout = sys.stderr

    def write(self, message):
        line = json.dumps(message)
        with self._mutex:
            self._out.write(line + "\n")
            self._out.flush()

    def answer(self, command, action):
        """Runs `action` and writes its value or its failure as the result of `command`."""
        try:
            result = {"ok": True, "value": action()}
        except Exception as error:
            result = {"ok": False, "error": describe_failure(error)}
        self.write({"id": command["id"], **result})

    def read(self, handle):
        """Hands over each command until standard input ends, that is until the test is gone."""
        for line in sys.stdin:
            if line.strip():
                handle(json.loads(line))
