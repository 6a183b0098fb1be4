"""Client and server of the tests and the demo on the official Apache Thrift for Python.

    python peer.py server '{"endpoints":[{"port":9001,"label":"v1","transport":"framed","protocol":"binary"}]}'
    python peer.py client

Both are driven by JSON lines, see lines.py, print {"event":"ready"} and end with standard input.
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "gen"))

from driver import Driver  # noqa: E402
from lines import Lines  # noqa: E402
from server import serve  # noqa: E402


def main(arguments):
    lines = Lines()
    if arguments[:1] == ["server"] and len(arguments) == 2:
        serve(json.loads(arguments[1]), lines)
    elif arguments == ["client"]:
        Driver(lines).run()
    else:
        sys.exit("usage: peer.py server OPTIONS | client")
    # Threads may still wait for requests or answers; nobody is left to hear of them.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
