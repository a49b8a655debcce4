"""One series: an instrument with its label values; what the application updates.

The methods run on the application's hottest paths. They append to the journal and do nothing
else (about 100 ns on CPython 3.11; with a lock and the arithmetic it would be 220). The journal's
two steps are written out in each, as a call would add 60 ns.

The numbers stand in *cells*: a list, or, with several processes, a piece of a file that all of
them can read (``_file.py``).
"""

from bisect import bisect_left
from collections.abc import MutableSequence
from math import inf, isfinite
from typing import Any

from testpilot_obs._core import clock
from testpilot_obs.metrics._around import CountedErrors, Timed, TrackedInFlight
from testpilot_obs.metrics._journal import HIGH, append, entries, pressed
from testpilot_obs.protocols import Exemplar, Labels

_TEXT = (str, bytes, bytearray)
_PLAIN = frozenset({int, float})

high = HIGH
"""Entries that may wait before a caller settles them; -1 where each has to be settled at once."""

Cells = MutableSequence[float]


class Series:
    """What all kinds have in common; *cells* holds the numbers."""

    __slots__ = (
        "appetite",
        "attributes",
        "cells",
        "exemplars",
        "labels",
        "metric",
        "start_ns",
        "text",
    )

    def __init__(self, metric: str, labels: Labels, cells: Cells) -> None:
        self.metric: str = metric
        self.labels: Labels = labels
        self.attributes: Labels = labels
        """The labels as they are pushed."""
        self.cells: Cells = cells
        self.text: Any = None
        self.appetite: int = 0
        self.exemplars: dict[int, Exemplar] | None = None
        self.start_ns: int = clock.time_ns()

    def restart(self) -> None:
        """Begin at zero, now."""
        cells = self.cells
        for place in range(len(cells)):
            cells[place] = 0.0
        self.exemplars = None
        self.start_ns = clock.time_ns()

    def move(self, cells: Cells) -> None:
        """Go on in other *cells*, which are zero."""
        for place, number in enumerate(self.cells):
            cells[place] = number
        self.cells = cells


class CounterSeries(Series):
    """A number that only grows."""

    __slots__ = ()

    @property
    def total(self) -> float:
        """The sum of all increments that are settled."""
        return self.cells[0]

    def inc(self, amount: float = 1) -> None:
        """Add *amount*, a finite number of at least 0; anything else is dropped and counted."""
        append((_grow, self, amount))
        if len(entries) > high:
            pressed()

    def count_exceptions(
        self, exception: type[BaseException] | tuple[type[BaseException], ...] = Exception
    ) -> CountedErrors:
        """Return what counts each *exception* that leaves a ``with`` block or a function."""
        return CountedErrors(self.inc, exception)


class GaugeSeries(Series):
    """A number that goes up and down; with two cells the second is the time of the last change."""

    __slots__ = ()

    def move(self, cells: Cells) -> None:
        """Go on in other *cells*; a value that had no time yet is of now."""
        old = self.cells
        cells[0] = old[0]
        if len(cells) > 1:
            cells[1] = old[1] if len(old) > 1 else clock.time_ns() / 1e9
        self.cells = cells

    @property
    def value(self) -> float:
        """The value that is settled."""
        return self.cells[0]

    def set(self, value: float) -> None:
        """Make the value *value*."""
        append((_put, self, value))
        if len(entries) > high:
            pressed()

    def inc(self, amount: float = 1) -> None:
        """Add *amount*."""
        append((add, self, amount))
        if len(entries) > high:
            pressed()

    def dec(self, amount: float = 1) -> None:
        """Take away *amount*."""
        append((_subtract, self, amount))
        if len(entries) > high:
            pressed()

    def set_to_current_time(self) -> None:
        """Make the value the seconds since the epoch."""
        self.set(clock.time_ns() / 1e9)

    def track_inflight(self) -> TrackedInFlight:
        """Return what is one more while a ``with`` block or a function runs."""
        return TrackedInFlight(self)

    def time(self) -> Timed:
        """Return what sets the gauge to the seconds that a block or a function took."""
        return Timed(self.set)


class SummarySeries(Series):
    """How many observations there were, and their sum; cells: sum, count."""

    __slots__ = ()

    def observe(self, value: float) -> None:
        """Count *value*, a finite number; anything else is dropped and counted."""
        append((_sum_up, self, value))
        if len(entries) > high:
            pressed()

    def time(self) -> Timed:
        """Return what observes the seconds that a ``with`` block or a function took."""
        return Timed(self.observe)


class HistogramSeries(Series):
    """How many observations fell into which range, and their sum; cells: sum, then each range."""

    __slots__ = ("bounds", "exponential")

    def __init__(
        self, metric: str, labels: Labels, cells: Cells, *, bounds: tuple[float, ...]
    ) -> None:
        super().__init__(metric, labels, cells)
        self.bounds: tuple[float, ...] = bounds
        self.exponential: Any = None

    def restart(self) -> None:
        """Begin at zero, now."""
        super().restart()
        if self.exponential is not None:
            self.exponential = type(self.exponential)()

    @property
    def total(self) -> float:
        """The sum of all observations that are settled."""
        return self.cells[0]

    def observe(self, value: float) -> None:
        """Count *value*, a finite number; anything else is dropped and counted."""
        append((observe, self, value))
        if len(entries) > high:
            pressed()

    def time(self) -> Timed:
        """Return what observes the seconds that a ``with`` block or a function took."""
        return Timed(self.observe)


def use_high(limit: int) -> None:
    """Let *limit* entries wait before a caller settles them."""
    globals()["high"] = limit


def observe(series: HistogramSeries, value: float) -> None:
    """Settle one observation."""
    if value.__class__ is not float:
        value = number_of(value)
    if not isfinite(value):
        raise ValueError(value)
    cells = series.cells
    cells[bisect_left(series.bounds, value) + 1] += 1
    cells[0] += value
    if series.exponential is not None:
        series.exponential.add(value)


def add(series: GaugeSeries, amount: float) -> None:
    """Settle a change of a gauge."""
    cells = series.cells
    cells[0] += number_of(amount)
    if len(cells) > 1:
        cells[1] = clock.time_ns() / 1e9


def _grow(series: CounterSeries, amount: float) -> None:
    if type(amount) not in _PLAIN:
        amount = number_of(amount)
    if not 0 <= amount < inf:
        raise ValueError(amount)
    series.cells[0] += amount


def _put(series: GaugeSeries, value: float) -> None:
    cells = series.cells
    cells[0] = number_of(value)
    if len(cells) > 1:
        cells[1] = clock.time_ns() / 1e9


def _subtract(series: GaugeSeries, amount: float) -> None:
    add(series, -number_of(amount))


def _sum_up(series: SummarySeries, value: float) -> None:
    value = number_of(value)
    if not isfinite(value):
        raise ValueError(value)
    cells = series.cells
    cells[1] += 1
    cells[0] += value


def number_of(value: object) -> float:
    """Return *value* as a float.

    Raises:
        TypeError: If it is no number; text is none, though ``float()`` would read it.
        OverflowError: If it is too large.
    """
    if isinstance(value, _TEXT):
        raise TypeError(value)
    return float(value)  # type: ignore[arg-type]
