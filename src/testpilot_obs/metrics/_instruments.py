"""What a user declares: a counter, gauge or histogram with its labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import text
from testpilot_obs.metrics import _journal
from testpilot_obs.metrics._names import same_order
from testpilot_obs.metrics._place import place_of_caller
from testpilot_obs.metrics._series import CounterSeries, GaugeSeries, HistogramSeries
from testpilot_obs.protocols import MetricKind

MAX_LABEL_LENGTH = 256
"""Longest label value that is kept, in characters."""

_Series = TypeVar("_Series", CounterSeries, GaugeSeries, HistogramSeries)


@dataclass(frozen=True)
class Shape:
    """What two declarations of one metric must have in common."""

    kind: MetricKind
    name: str
    """As it is scraped."""
    labels: tuple[str, ...]
    unit: str = ""
    bounds: tuple[float, ...] = ()
    """Histogram: upper bounds, ascending, without +Inf."""

    def __str__(self) -> str:
        parts = [f"a {self.kind.value}"]
        parts.append(f"with labels {', '.join(self.labels)}" if self.labels else "without labels")
        if self.unit:
            parts.append(f"in {self.unit}")
        if self.bounds:
            parts.append(f"with buckets {self.bounds}")
        return " ".join(parts)


class Instrument(Generic[_Series]):
    """A metric with all its series; declared once, updated through its series."""

    def __init__(self, shape: Shape, documentation: str, place: str) -> None:
        self.shape = shape
        self.documentation = documentation
        self.place = place
        """Where it was declared: ``"app.py:12"``."""
        self.series: dict[tuple[str, ...], _Series] = {}
        """Each series by its label values."""
        self._only: _Series = self._make()
        if not shape.labels:
            self.series[()] = self._only

    def __repr__(self) -> str:
        return f"<{self.shape.name}: {self.shape}, declared at {self.place}>"

    @property
    def name(self) -> str:
        """The name as it is scraped."""
        return self.shape.name

    def labels(self, *values: object, **named: object) -> _Series:
        """Return the series with these label values, given by position or by name.

        Keep it where it is used often: then an update costs one append. Values that are not
        text are made text. With a label missing or unknown, what is done to the series that is
        returned is dropped and counted.
        """
        if not named:
            try:
                return self.series[values]  # type: ignore[index]
            except (KeyError, TypeError):
                pass
        return self._find(values, named)

    def restart(self) -> None:
        """Begin all series at zero, now; a series that someone holds goes on from there."""
        for series in list(self.series.values()):
            series.restart()

    def restart_in_child(self) -> None:
        """Begin at zero in a forked child: what was counted before is the parent's to tell."""
        self.restart()

    def _make(self) -> _Series:
        raise NotImplementedError

    def _find(self, values: tuple[object, ...], named: dict[str, Any]) -> _Series:
        try:
            wanted = same_order(self.shape.labels, named) if named else values
        except KeyError:
            wanted = ()
        if len(wanted) != len(self.shape.labels) or (values and named):
            return self._misused(values, named)
        key = tuple(text(value, MAX_LABEL_LENGTH) for value in wanted)
        found = self.series.get(key)
        # setdefault: of two threads that make the same series one wins, and both get that one.
        return self.series.setdefault(key, self._make()) if found is None else found

    def _misused(self, values: tuple[object, ...], named: Mapping[str, object]) -> _Series:
        _journal.append((_journal.count_dropped, _journal.BAD_LABELS, 1))
        diagnostics.warn_once(
            f"labels:{self.name}",
            "%s has the labels %s but was given %d by position and %s by name at %s: dropped",
            self.name,
            self.shape.labels,
            len(values),
            sorted(named),
            place_of_caller(),
        )
        return self._make()

    def _unlabelled(self) -> _Series:
        return self._only if not self.shape.labels else self._misused((), {})


class Counter(Instrument[CounterSeries]):
    """A number that only grows, e.g. ``code_generation_total``."""

    def inc(self, amount: float = 1) -> None:
        """Add *amount* to the series of a counter without labels."""
        self._unlabelled().inc(amount)

    def _make(self) -> CounterSeries:
        return CounterSeries(self.name)


class Gauge(Instrument[GaugeSeries]):
    """A number that goes up and down, e.g. ``active_sessions_total``."""

    def set(self, value: float) -> None:
        """Set the value of a gauge without labels."""
        self._unlabelled().set(value)

    def inc(self, amount: float = 1) -> None:
        """Add *amount* to a gauge without labels."""
        self._unlabelled().inc(amount)

    def dec(self, amount: float = 1) -> None:
        """Take *amount* away from a gauge without labels."""
        self._unlabelled().dec(amount)

    def restart_in_child(self) -> None:
        """Keep the values: what was set once, at start, is as true in a forked child."""

    def _make(self) -> GaugeSeries:
        return GaugeSeries(self.name)


class Histogram(Instrument[HistogramSeries]):
    """How often values fell into ranges, e.g. ``code_generation_duration_seconds``."""

    def observe(self, value: float) -> None:
        """Count *value* in a histogram without labels."""
        self._unlabelled().observe(value)

    def _make(self) -> HistogramSeries:
        return HistogramSeries(self.name, self.shape.bounds)
