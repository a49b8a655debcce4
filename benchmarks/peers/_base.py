"""What every library under measurement can be asked to do.

The loops are written out in each file, in each library's own words, because the call itself is
part of the price. All of them make the same spans with the same three attributes: one text that
stays the same, one number that is new each time, one boolean.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

WAIT_S = 0.0002
"""How long each of the five spans of a request waits."""


class UnsupportedError(Exception):  # nothing is wrong: the library has no such thing
    """The library has no way to do this."""


class Peer:
    """One library; a subclass overrides what it can do."""

    def start(self) -> None:
        """Initialise, with an exporter that takes everything and sends nothing."""
        raise UnsupportedError

    def start_otlp(self) -> None:
        """Initialise with the OTLP exporter; the environment says where to."""
        raise UnsupportedError

    def drain(self) -> None:
        """Return when everything made so far has reached the exporter."""

    def spill(self) -> None:
        """Return when everything made so far is on disk, as nobody takes it."""
        raise UnsupportedError

    def backlog(self) -> int:
        """Return how many spans lie on disk."""
        raise UnsupportedError

    def exported(self) -> int | None:
        """Return how many spans reached the exporter of `start`; None if it cannot be known."""
        return None

    def root(self, count: int) -> None:
        """Make *count* root spans with three attributes, each the current span for a moment."""
        raise UnsupportedError

    def parent(self) -> AbstractContextManager[Any]:
        """Return a root span to be entered, for the children of the rows below."""
        raise UnsupportedError

    def child(self, count: int) -> None:
        """Make *count* spans with three attributes under one root span."""
        raise UnsupportedError

    def unsampled(self, count: int) -> None:
        """Do as `child` when the sampler, chosen in the environment, records no trace."""
        self.child(count)

    def child_by_api(self, count: int) -> None:
        """Do as `child`, through the OpenTelemetry API."""
        self.child(count)

    def transaction(self, count: int) -> None:
        """Make *count* root spans with five children each, three attributes on all six."""
        raise UnsupportedError

    def eventful(self, count: int) -> None:
        """Make *count* spans with three attributes and one event under one root span."""
        raise UnsupportedError

    def measured(self, count: int) -> None:
        """Make *count* root spans and note CPU time, memory, rate, errors, duration of each."""
        raise UnsupportedError

    def measured_burst(self, count: int) -> None:
        """Do as `measured`, and let short transactions share what a library lets them share."""
        self.measured(count)

    def request(self) -> None:
        """Serve one request of 1 ms: five waits of 0.2 ms; with telemetry, each in a span."""
        for _ in range(5):
            time.sleep(WAIT_S)

    def decorate(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make each call of *function* a span; *kind* is sync, coroutine or generator."""
        raise UnsupportedError

    def decorate_off(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Do as `decorate` for a sync function when nothing will be recorded."""
        return self.decorate("sync", function)

    def counter(self, count: int) -> None:
        """Add 1 to one series of a counter with two labels, looked up before if that can be."""
        raise UnsupportedError

    def histogram(self, count: int) -> None:
        """Observe 0.3 in one series of a histogram with two labels."""
        raise UnsupportedError

    def counter_labels(self, count: int) -> None:
        """Do as `counter`, with the label values given each time."""
        raise UnsupportedError

    def histogram_labels(self, count: int) -> None:
        """Do as `histogram`, with the label values given each time."""
        raise UnsupportedError

    def fill(self, what: str) -> Callable[[], object]:
        """Make 10,000 series and return what reads them all.

        *what* is ``scrape`` (5,000 counters and 5,000 lines of histograms as text),
        ``scrape_open`` (the same as OpenMetrics) or ``encode_metrics`` (10,000 counters to OTLP).
        """
        raise UnsupportedError

    def offer(self, count: int) -> None:
        """Add to a counter with *count* different label values."""
        raise UnsupportedError

    def spans(self, count: int) -> list[Any]:
        """Return finished spans as made by `eventful`, in the form that `encode` takes."""
        raise UnsupportedError

    def start_logs(self, row: str, folder: str) -> None:
        """Initialise for `log_line` into a file in *folder*; *row* says what else is on.

        ``log_line_otlp``: OTLP to an exporter that only counts. ``log_latency``: OTLP to where
        nobody listens. ``log_line`` and ``log_disabled``: nothing else.
        """
        raise UnsupportedError

    def log_line(self, count: int) -> None:
        """Write *count* info lines with five fields."""
        raise UnsupportedError

    def log_disabled(self, count: int) -> None:
        """Do as `log_line` at level debug, which is not wanted."""
        raise UnsupportedError

    def encode(self, spans: list[Any]) -> bytes:
        """Return the OTLP protobuf request that carries *spans*."""
        raise UnsupportedError
