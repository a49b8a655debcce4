"""What a receiver accepted, in a file: it outlives a receiver that is killed.

A line is written before the answer is sent: ``["traces", [["run-1", 17], …]]``. The run is the
resource attribute ``faults.run``; the number is that of the span, log line or series.
"""

import json
import os
import threading
from collections import Counter, defaultdict
from pathlib import Path

from testpilot_obs.testing.receiver import _decode, _flat

SIGNALS = ("traces", "logs", "metrics")
RUN = "faults.run"
LINE = "line"
"""What a log line says before its number; an uncaught exception is a line of its own."""
SERIES = "faults_done"
"""Start of the counter's name; ours ends in ``_total``."""


class Journal:
    """Appends what was accepted to a file."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def accept(self, signal, data, *, share=1.0):
        """Write down one request; return how many of its records were not kept.

        Args:
            signal: ``"traces"``, ``"logs"`` or ``"metrics"``.
            data: The ``Export…ServiceRequest`` as bytes.
            share: How much of it is kept, from 0 to 1; the first records are.
        """
        received = _flat(signal, _decode(signal, data))
        rows = [row for record in received for row in _rows(signal, record)]
        kept = rows[: round(share * len(rows))]
        # One write: several processes and threads append, and a kill leaves no half line.
        os.write(self._file, json.dumps([signal, kept]).encode() + b"\n")
        return len(rows) - len(kept)


def _rows(signal, received):
    run = received.resource.get(RUN, "")
    if signal == "traces":
        yield run, received.attributes.get("n")
    elif signal == "logs":
        words, _, number = received.body.string_value.rpartition(" ")
        if words == LINE:
            yield run, int(number)
    elif received.name.startswith(SERIES):
        for point in received.sum.data_points:
            labels = {pair.key: pair.value.string_value for pair in point.attributes}
            yield run, int(labels["n"]), point.time_unix_nano


class Accepted:
    """Reads a journal while it grows, and counts; several threads may ask.

    Args:
        path: The journal; it need not exist yet.
    """

    def __init__(self, path):
        self._path = Path(path)
        self._read = 0
        self._lock = threading.Lock()
        self._seen = {signal: defaultdict(Counter) for signal in SIGNALS}

    def refresh(self):
        """Read what was written since the last time."""
        with self._lock:
            if self._path.exists():
                self._read_on()
        return self

    def numbers(self, run, signal):
        """Return the numbers of the records of *run* that came, once or more often."""
        with self._lock:
            return {number for number, *_ in self._seen[signal][run]}

    def doubled(self, run, signal):
        """Return how many records of *run* came again; a point, for the same moment."""
        with self._lock:
            return sum(times - 1 for times in self._seen[signal][run].values())

    def _read_on(self):
        with self._path.open("rb") as file:
            file.seek(self._read)
            news = file.read()
        whole = news[: news.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            signal, rows = json.loads(line)
            runs = self._seen[signal]
            for run, *what in rows:
                runs[run][tuple(what)] += 1
