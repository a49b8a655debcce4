"""Time and ids as inputs of a test."""

import threading
from itertools import count

_START_NS = 1_700_000_000_000_000_000


class FakeClock:
    """A clock that moves when told to, and by *step_s* seconds whenever it is read.

    >>> clock = FakeClock(start_ns=0)
    >>> clock.advance(1.5)
    >>> clock.time_ns()
    1500000000
    """

    def __init__(self, *, start_ns: int = _START_NS, step_s: float = 0.0) -> None:
        self._now_ns = start_ns
        self._step_ns = round(step_s * 1e9)
        self._reading = threading.Lock()

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass; negative to set the wall clock, and all else, back."""
        with self._reading:
            self._now_ns += round(seconds * 1e9)

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        with self._reading:
            now_ns, self._now_ns = self._now_ns, self._now_ns + self._step_ns
        return now_ns

    def monotonic(self) -> float:
        """Return the same in seconds."""
        return self.time_ns() / 1e9


class SequentialIds:
    """Trace and span ids 1, 2, 3 and so on; has the methods of OpenTelemetry's ``IdGenerator``."""

    def __init__(self) -> None:
        self._traces = count(1)
        self._spans = count(1)

    def generate_trace_id(self) -> int:
        """Return the next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """Return the next span id."""
        return next(self._spans)

    def is_trace_id_random(self) -> bool:
        """Return False: nobody may sample by these."""
        return False
