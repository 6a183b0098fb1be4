"""A failure as the test sees it: what the client's own code would have caught."""

import re

from demo.ttypes import BizError

MAX_KEY = 160
VARYING = re.compile(r"\d[\d.:,-]{2,}")


def code_of(error):
    if isinstance(error, BizError):
        return error.code
    return getattr(error, "type", None)


def message_of(error):
    return error.why if isinstance(error, BizError) else str(error)


def describe_failure(error):
    chain = []
    cause = error
    while cause is not None and len(chain) < 16:
        chain.append({"class": type(cause).__name__, "message": message_of(cause), "code": code_of(cause)})
        cause = cause.__cause__
    return {
        "class": type(error).__name__,
        "message": message_of(error),
        "code": code_of(error),
        "chain": chain,
    }


def failure_key(error):
    """A short text under which equal failures are counted."""
    text = "%s %s: %s" % (type(error).__name__, code_of(error), message_of(error).split("\n")[0])
    return VARYING.sub("#", text)[:MAX_KEY]
