"""One series: an instrument with its label values; what the application updates.

The methods run on the application's hottest paths. They append to the journal and do nothing
else (about 100 ns on CPython 3.11; with a lock and the arithmetic it would be 220). The journal's
two steps are written out in each, as a call would add 60 ns.
"""

from bisect import bisect_left
from math import inf, isfinite

from testpilot_obs._core import clock
from testpilot_obs.metrics._journal import HIGH, append, entries, pressed

_TEXT = (str, bytes, bytearray)
_PLAIN = frozenset({int, float})


class CounterSeries:
    """A number that only grows."""

    __slots__ = ("metric", "start_ns", "total")

    metric: str
    start_ns: int
    total: float

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.restart()

    def restart(self) -> None:
        """Begin at zero, now."""
        self.total = 0.0
        self.start_ns = clock.time_ns()

    def inc(self, amount: float = 1) -> None:
        """Add *amount*, a finite number of at least 0; anything else is dropped and counted."""
        append((_grow, self, amount))
        if len(entries) > HIGH:
            pressed()


class GaugeSeries:
    """A number that goes up and down."""

    __slots__ = ("metric", "value")

    metric: str
    value: float

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.restart()

    def restart(self) -> None:
        """Begin at zero."""
        self.value = 0.0

    def set(self, value: float) -> None:
        """Make the value *value*."""
        append((_put, self, value))
        if len(entries) > HIGH:
            pressed()

    def inc(self, amount: float = 1) -> None:
        """Add *amount*."""
        append((_add, self, amount))
        if len(entries) > HIGH:
            pressed()

    def dec(self, amount: float = 1) -> None:
        """Take away *amount*."""
        append((_subtract, self, amount))
        if len(entries) > HIGH:
            pressed()


class HistogramSeries:
    """How many observations fell into which range, and their sum."""

    __slots__ = ("bounds", "counts", "metric", "start_ns", "total")

    bounds: tuple[float, ...]
    counts: list[int]
    metric: str
    start_ns: int
    total: float

    def __init__(self, metric: str, bounds: tuple[float, ...]) -> None:
        self.metric = metric
        self.bounds = bounds
        self.restart()

    def restart(self) -> None:
        """Begin at zero, now."""
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0
        self.start_ns = clock.time_ns()

    def observe(self, value: float) -> None:
        """Count *value*, a finite number; anything else is dropped and counted."""
        append((observe, self, value))
        if len(entries) > HIGH:
            pressed()


def observe(series: HistogramSeries, value: float) -> None:
    """Settle one observation."""
    if value.__class__ is not float:
        value = _number(value)
    if not isfinite(value):
        raise ValueError(value)
    series.counts[bisect_left(series.bounds, value)] += 1
    series.total += value


def _grow(series: CounterSeries, amount: float) -> None:
    if type(amount) not in _PLAIN:
        amount = _number(amount)
    if not 0 <= amount < inf:
        raise ValueError(amount)
    series.total += amount


def _put(series: GaugeSeries, value: float) -> None:
    series.value = _number(value)


def _add(series: GaugeSeries, amount: float) -> None:
    series.value += _number(amount)


def _subtract(series: GaugeSeries, amount: float) -> None:
    series.value -= _number(amount)


def _number(value: object) -> float:
    # float() would read text.
    if isinstance(value, _TEXT):
        raise TypeError(value)
    return float(value)  # type: ignore[arg-type]
