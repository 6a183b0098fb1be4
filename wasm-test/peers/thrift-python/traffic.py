"""Requests in turn from so many threads, and what came of them."""

import itertools
import math
import threading
import time

from failures import failure_key

MAX_ERROR_TEXTS = 50
# Bounds of the buckets of latencies grow by this factor, from one microsecond.
STEP = math.log(1 + 1 / 32)


class Tally:
    def __init__(self):
        self._mutex = threading.Lock()
        self._succeeded = 0
        self._failed = 0
        self._counts = {}
        self._errors = {}
        self._latencies = {}

    def success(self, name, label, seconds):
        with self._mutex:
            self._succeeded += 1
            labels = self._counts.setdefault(name, {})
            labels[label] = labels.get(label, 0) + 1
            self._record(seconds)

    def failure(self, error, seconds):
        with self._mutex:
            self._failed += 1
            key = failure_key(error)
            if key not in self._errors and len(self._errors) >= MAX_ERROR_TEXTS:
                key = "others"
            self._errors[key] = self._errors.get(key, 0) + 1
            self._record(seconds)

    def _record(self, seconds):
        bucket = math.ceil(math.log(max(1.0, seconds * 1e6)) / STEP)
        self._latencies[bucket] = self._latencies.get(bucket, 0) + 1

    def _quantile_ms(self, quantile):
        rank = math.ceil(sum(self._latencies.values()) * quantile)
        for bucket in sorted(self._latencies):
            rank -= self._latencies[bucket]
            if rank <= 0:
                return math.exp(bucket * STEP) / 1000
        return 0

    def describe(self):
        """The fields that the wrappers of the tests declare as TrafficTally."""
        with self._mutex:
            return {
                "requests": self._succeeded + self._failed,
                "succeeded": self._succeeded,
                "failed": self._failed,
                "counts": {name: dict(labels) for name, labels in self._counts.items()},
                "errors": dict(self._errors),
                "p50Ms": self._quantile_ms(0.5),
                "p99Ms": self._quantile_ms(0.99),
                "maxMs": self._quantile_ms(1),
            }


class Traffic:
    """Until stopped, or until `limit` requests were sent.

    With a rate (requests per second over all threads) they leave at fixed times, and each latency
    counts from the time the request should have left, so a stall is not hidden by what it held back.
    `events` receives "stats" once a second and "first" for the first answer of a label to a request
    name since the last mark; or it is None.
    """

    def __init__(self, callers, concurrency, rate, limit, events):
        self._callers = callers
        self._rate = rate
        self._limit = limit
        self._events = events
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._total = Tally()
        self._window = Tally()
        self._seen = set()
        self._start = time.monotonic()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(concurrency)]
        for thread in self._threads:
            thread.start()
        if events:
            threading.Thread(target=self._report, daemon=True).start()

    def _work(self):
        while not self._stopped.is_set():
            number = next(self._numbers)
            if number >= self._limit:
                return
            start = time.monotonic()
            if self._rate:
                start = self._start + number / self._rate
                if self._stopped.wait(max(0, start - time.monotonic())):
                    return
            self._send(self._callers[number % len(self._callers)], start)

    def _send(self, caller, start):
        window = self._window
        try:
            _, label, _ = caller.call()
        except Exception as error:
            elapsed = time.monotonic() - start
            self._total.failure(error, elapsed)
            window.failure(error, elapsed)
            return
        elapsed = time.monotonic() - start
        self._total.success(caller.name, label, elapsed)
        window.success(caller.name, label, elapsed)
        if (caller.name, label) not in self._seen:
            self._seen.add((caller.name, label))
            if self._events:
                self._events({"event": "first", "name": caller.name, "label": label, "atMs": time.time() * 1e3})

    def _report(self):
        due = self._start + 1
        while not self._stopped.wait(max(0, due - time.monotonic())):
            due += 1
            window, self._window = self._window, Tally()
            self._events({"event": "stats", "elapsedMs": self._elapsed_ms(), **window.describe()})

    def _elapsed_ms(self):
        return (time.monotonic() - self._start) * 1e3

    def mark(self):
        """From here on the first answer of each label is reported again. Returns the time, epoch ms."""
        # Taken first: whoever is told the time forgets what was reported before it, which is not reported again.
        at_ms = time.time() * 1e3
        self._seen = set()
        return at_ms

    def stop(self):
        """Lets no further request leave, waits for every answer, and tells what came of all of them."""
        self._stopped.set()
        return self.finish()

    def finish(self):
        """Waits for the limit to be reached."""
        for thread in self._threads:
            thread.join()
        return {"elapsedMs": self._elapsed_ms(), **self._total.describe()}
