"""A program that does what it is told, one line a command; for the model and the soak.

``{"do": "record", "first": 10, "count": 5}`` and so on; each is answered with one line of JSON.
"""

import json
import multiprocessing
import os
import sys
import threading
import time

from tests.faults.journal import SERIES
from tests.faults.program import say
from tests.faults.subjects import Ours

COUNTED = ("traces", "logs")
TURN_S = 0.01


class Puppet:
    """The commands, each a method that returns what to answer."""

    def __init__(self):
        self._subject = Ours()
        self._subject.start()

    def record(self, first, count):
        """Record spans and log lines with the numbers from *first* on."""
        for number in range(first, first + count):
            self._subject.span(number)
            self._subject.log(number)
        return {}

    def flush(self, timeout_s):
        """Flush; answer whether that succeeded, how long it took, and the books."""
        began = time.monotonic()
        flushed = self._subject.flush(timeout_s)
        took_s = time.monotonic() - began
        return {"flushed": flushed, "took_s": took_s, **self.books()}

    def fork(self, first, count):
        """Let a forked child record, and end as children of multiprocessing do."""
        child = multiprocessing.get_context("fork").Process(target=self.record, args=(first, count))
        child.start()
        child.join()
        return {"status": child.exitcode}

    def pour(self, rate):
        """Begin to record in another thread.

        Args:
            rate: Spans a second; a tenth as many log lines.
        """
        self._pouring = threading.Event()
        self._poured = {"traces": 0, "logs": 0}
        self._pourer = threading.Thread(target=self._pour, args=(rate,))
        self._pourer.start()
        return {}

    def stop(self):
        """Stop pouring; answer how many of each there were."""
        self._pouring.set()
        self._pourer.join()
        return {"poured": self._poured}

    def _pour(self, rate):
        poured, due = self._poured, time.monotonic()
        while not self._pouring.is_set():
            for _ in range(int(rate * TURN_S)):
                self._subject.span(poured["traces"])
                poured["traces"] += 1
            while poured["logs"] < poured["traces"] // 10:
                self._subject.log(poured["logs"])
                poured["logs"] += 1
            due += TURN_S
            time.sleep(max(due - time.monotonic(), 0.0))

    def books(self):
        """Answer the books of spans and log lines."""
        books = self._subject.stats()
        return {"books": {signal: books[signal] for signal in COUNTED}}


def main():
    """Obey until the input ends or says so; then return from main."""
    puppet = Puppet()
    say(step="ready", pid=os.getpid(), series=SERIES)
    for line in sys.stdin:
        command = json.loads(line)
        do = command.pop("do")
        if do == "end":
            return
        say(step="done", **getattr(puppet, do)(**command))


if __name__ == "__main__":
    main()
