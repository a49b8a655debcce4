"""What a user declares: a counter, gauge, histogram or summary with its labels.

Label values are made text in one place, `Instrument._clean`: there they are cut, and there secrets
are taken out of them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from testpilot_obs._core import diagnostics, redaction
from testpilot_obs._core.values import text
from testpilot_obs.metrics import _budget, _exemplars, _exponential, _journal
from testpilot_obs.metrics._around import CountedErrors, Timed, TrackedInFlight
from testpilot_obs.metrics._cells import cells_of, forget_cells
from testpilot_obs.metrics._names import same_order
from testpilot_obs.metrics._place import place_of_caller
from testpilot_obs.metrics._series import (
    CounterSeries,
    GaugeSeries,
    HistogramSeries,
    Series,
    SummarySeries,
)
from testpilot_obs.protocols import Labels, MetricKind

Callback = Callable[[], Any]
"""Returns a number, or for a metric with labels a mapping from label values to numbers."""

_Series = TypeVar("_Series", bound=Series)


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
    constant: tuple[tuple[str, str], ...] = ()
    """Labels that all series have with the same value."""
    states: tuple[str, ...] = ()
    """State set: what it can be."""
    processes: str = ""
    """Gauge: how the values of several processes become one."""

    def __str__(self) -> str:
        parts = [f"a {self.kind.value}"]
        parts.append(f"with labels {', '.join(self.labels)}" if self.labels else "without labels")
        if self.constant:
            parts.append(f"beside {dict(self.constant)}")
        if self.unit:
            parts.append(f"in {self.unit}")
        if self.bounds:
            parts.append(f"with buckets {self.bounds}")
        if self.states:
            parts.append(f"with states {', '.join(self.states)}")
        if self.processes:
            parts.append(f"of processes the {self.processes}")
        return " ".join(parts)


class Instrument(Generic[_Series]):
    """A metric with all its series; declared once, updated through its series."""

    is_open: bool = False
    """Whether its series may have any labels."""
    pushed_as: tuple[str, str, str] | None = None
    """Name, unit and scope in the push, if they differ from those of the scrape."""

    def __init__(
        self, shape: Shape, documentation: str, *, place: str, limit: int | None = None
    ) -> None:
        self.shape = shape
        self.documentation = documentation
        self.place = place
        """Where it was declared: ``"app.py:12"``."""
        self.limit = limit
        """Most label sets, instead of the setting."""
        self.callback: Callback | None = None
        """Where its numbers come from, if nobody counts."""
        self.series: dict[tuple[str, ...], _Series] = {}
        """Each series by its label values."""
        self.overflow: _Series | None = None
        """What takes the label sets beyond the limit."""
        self._only: _Series | None = None
        if not shape.labels and not self.is_open:
            self._only = self.series[()] = self._new(())

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
        returned is dropped and counted. Beyond the most label sets that the metric may have, all
        further ones share one series with the label ``otel_metric_overflow="true"``.
        """
        if not named:
            try:
                return self.series[values]  # type: ignore[index]
            except (KeyError, TypeError):
                pass
        return self._find(values, named)

    def remove(self, *values: object, **named: object) -> None:
        """Forget the series with these label values; whoever holds it updates nothing."""
        key = self._key(values, named)
        if key is not None and self.shape.labels:
            with _journal.settled():
                self.drop(key)

    def drop(self, key: tuple[str, ...]) -> None:
        """Forget the series with exactly these label values; while it is settled."""
        gone = self.series.pop(key, None)
        if gone is not None:
            forget_cells(gone)

    def key_of(self, values: tuple[object, ...]) -> tuple[str, ...] | None:
        """Return label values as `series` has them; None if there are too few or too many."""
        return self._key(values, {})

    def clear(self) -> None:
        """Forget all series; one without labels begins at zero."""
        with _journal.settled():
            self.drop_all()

    def drop_all(self) -> None:
        """Do as `clear`; while it is settled."""
        for gone in self.every():
            forget_cells(gone)
        self.series.clear()
        self.overflow = None
        if self._only is not None:
            self._only = self.series[()] = self._new(())

    def every(self) -> Iterator[_Series]:
        """Yield all series, that of the overflow last."""
        yield from list(self.series.values())
        if self.overflow is not None:
            yield self.overflow

    def restart(self) -> None:
        """Begin all series at zero, now; a series that someone holds goes on from there."""
        for series in self.every():
            series.restart()

    def restart_in_child(self) -> None:
        """Begin at zero in a forked child: what was counted before is the parent's to tell."""
        self.restart()

    def get(self, key: tuple[str, ...]) -> _Series:
        """Return the series with exactly these label values, made if there is room for it."""
        found = self.series.get(key)
        if found is not None:
            return found
        if self._only is None and len(self.series) >= _budget.limit_of(self):
            return self._beyond()
        # setdefault: of two threads that make the same series one wins, and both get that one.
        return self.series.setdefault(key, self._new(key))

    def width(self) -> int:
        """Return how many cells a series needs."""
        raise NotImplementedError

    def _make(self, labels: Labels, cells: Any) -> _Series:
        raise NotImplementedError

    def _new(self, key: tuple[str, ...]) -> _Series:
        pairs = zip(self.shape.labels, key, strict=True)
        return self._fill(Labels((*self.shape.constant, *pairs)))

    def _fill(self, labels: Labels) -> _Series:
        return self._make(
            labels, cells_of(self.shape, self.documentation, labels=labels, width=self.width())
        )

    def _find(self, values: tuple[object, ...], named: dict[str, Any]) -> _Series:
        key = self._key(values, named)
        return self._misused(values, named) if key is None else self.get(key)

    def _key(self, values: tuple[object, ...], named: dict[str, Any]) -> tuple[str, ...] | None:
        try:
            wanted = same_order(self.shape.labels, named) if named else values
        except KeyError:
            return None
        if len(wanted) != len(self.shape.labels) or (values and named):
            return None
        return tuple(map(self._clean, wanted, self.shape.labels))

    @staticmethod
    def _clean(value: object, label: str = "") -> str:
        """Return the value of *label* as text that is short and without secrets."""
        cleaned = text(value, _budget.settings.max_length)
        redactor = redaction.active()
        return cleaned if redactor is None else str(redactor.value(label, cleaned))

    def _beyond(self) -> _Series:
        _budget.warn(self, place_of_caller())
        if self.overflow is None:
            self.overflow = self._fill(Labels((*self.shape.constant, _budget.OVERFLOW)))
        return self.overflow

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
        return self._make(Labels(), [0.0] * self.width())

    def _unlabelled(self) -> _Series:
        return self._only if self._only is not None else self._misused((), {})


class Counter(Instrument[CounterSeries]):
    """A number that only grows, e.g. ``code_generation_total``."""

    def inc(self, amount: float = 1) -> None:
        """Add *amount* to the series of a counter without labels."""
        self._unlabelled().inc(amount)

    def count_exceptions(
        self, exception: type[BaseException] | tuple[type[BaseException], ...] = Exception
    ) -> CountedErrors:
        """Return what counts each *exception* that leaves a ``with`` block or a function."""
        return self._unlabelled().count_exceptions(exception)

    def width(self) -> int:
        """Return 1: the total."""
        return 1

    def _make(self, labels: Labels, cells: Any) -> CounterSeries:
        made = CounterSeries(self.name, labels, cells)
        _exemplars.begin(made)
        return made


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

    def set_to_current_time(self) -> None:
        """Make the value of a gauge without labels the seconds since the epoch."""
        self._unlabelled().set_to_current_time()

    def track_inflight(self) -> TrackedInFlight:
        """Return what is one more while a ``with`` block or a function runs."""
        return self._unlabelled().track_inflight()

    def time(self) -> Timed:
        """Return what sets the gauge to the seconds that a block or a function took."""
        return self._unlabelled().time()

    def restart_in_child(self) -> None:
        """Keep the values: what was set once, at start, is as true in a forked child."""

    def width(self) -> int:
        """Return 2, the value and the time of its last change; the time is for several processes.

        In one process a series has one cell.
        """
        return 2

    def _make(self, labels: Labels, cells: Any) -> GaugeSeries:
        return GaugeSeries(self.name, labels, cells)


class InFlightGauge(Gauge):
    """A gauge that a forked child begins at zero: what the parent runs ends in the parent."""

    def restart_in_child(self) -> None:
        """Begin at zero."""
        self.restart()


class Histogram(Instrument[HistogramSeries]):
    """How often values fell into ranges, e.g. ``code_generation_duration_seconds``."""

    def observe(self, value: float) -> None:
        """Count *value* in a histogram without labels."""
        self._unlabelled().observe(value)

    def time(self) -> Timed:
        """Return what observes the seconds that a ``with`` block or a function took."""
        return self._unlabelled().time()

    def width(self) -> int:
        """Return how many ranges there are, and one for the sum."""
        return len(self.shape.bounds) + 2

    def _make(self, labels: Labels, cells: Any) -> HistogramSeries:
        made = HistogramSeries(self.name, labels, cells, bounds=self.shape.bounds)
        made.exponential = _exponential.new()
        _exemplars.begin(made)
        return made


class Summary(Instrument[SummarySeries]):
    """How many observations there were, and their sum, e.g. ``response_size_bytes``."""

    def observe(self, value: float) -> None:
        """Count *value* in a summary without labels."""
        self._unlabelled().observe(value)

    def time(self) -> Timed:
        """Return what observes the seconds that a ``with`` block or a function took."""
        return self._unlabelled().time()

    def width(self) -> int:
        """Return 2: sum and count."""
        return 2

    def _make(self, labels: Labels, cells: Any) -> SummarySeries:
        return SummarySeries(self.name, labels, cells)
