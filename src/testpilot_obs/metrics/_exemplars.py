"""Exemplars: some updates, each with the trace in which it happened.

An update must not pay for them. So after a collection each series is *curious* for its next few
updates: it is given another class, whose methods also look at the current trace, and when it has
seen enough it gets its own class back.

Source:
    OpenTelemetry specification, "Metrics SDK", "Exemplar": the filters ``trace_based``,
    ``always_on`` and ``always_off``.
"""

from bisect import bisect_left
from collections.abc import Iterable
from math import isfinite
from typing import Any, Literal

from testpilot_obs._core import clock, current
from testpilot_obs.metrics import _cells, _series
from testpilot_obs.metrics._journal import append, entries, pressed
from testpilot_obs.metrics._series import CounterSeries, HistogramSeries, number_of
from testpilot_obs.protocols import Exemplar

Filter = Literal["trace_based", "always_on", "always_off"]

_HUNGRY = 8
"""Updates that a curious series looks at; one that becomes an exemplar counts for two."""
_SAMPLED = 1
_filters: list[Filter] = ["always_off"]


def use(chosen: Filter) -> None:
    """Keep exemplars of updates in sampled traces, of all, or none; until then none."""
    _filters[:] = [chosen]


def wake(instruments: Iterable[Any]) -> None:
    """Make all series curious, because what they had has been collected."""
    if _filters[0] == "always_off":
        return
    for instrument in instruments:
        curious = _CURIOUS.get(type(next(instrument.every(), None)))
        if curious is not None:
            for series in instrument.every():
                series.appetite = _HUNGRY
                series.__class__ = curious


def begin(series: Any) -> None:
    """Make a new series curious, so that its first updates may be exemplars."""
    if _filters[0] != "always_off":
        series.appetite = _HUNGRY
        series.__class__ = _CURIOUS[type(series)]


class _CuriousCounter(CounterSeries):
    __slots__ = ()

    def inc(self, amount: float = 1) -> None:
        append((_series._grow, self, amount))  # noqa: SLF001
        _taste(self, amount)
        if len(entries) > _series.high:
            pressed()


class _CuriousHistogram(HistogramSeries):
    __slots__ = ()

    def observe(self, value: float) -> None:
        append((_series.observe, self, value))
        _taste(self, value)
        if len(entries) > _series.high:
            pressed()


_CURIOUS: dict[type, type] = {
    CounterSeries: _CuriousCounter,
    _CuriousCounter: _CuriousCounter,
    HistogramSeries: _CuriousHistogram,
    _CuriousHistogram: _CuriousHistogram,
}
_CONTENT: dict[type, type] = {
    _CuriousCounter: CounterSeries,
    _CuriousHistogram: HistogramSeries,
}


def _taste(series: Any, value: float) -> None:
    trace_id, span_id, flags = current.current_ids()
    series.appetite -= 1
    if flags & _SAMPLED or _filters[0] == "always_on":
        series.appetite -= 1
        append((_keep, series, (value, clock.time_ns(), trace_id, span_id)))
    if series.appetite <= 0:
        series.__class__ = _CONTENT.get(type(series), type(series))


def of_trace(series: HistogramSeries, value: float, ids: Any) -> None:
    """Keep an observation that was made in the span of this context; while it is settled."""
    chosen = _filters[0]
    if chosen == "always_on" or (chosen == "trace_based" and ids.trace_flags & _SAMPLED):
        _keep(series, (value, clock.time_ns(), ids.trace_id, ids.span_id))


def _keep(series: Any, seen: tuple[float, int, int, int]) -> None:
    value, *where = seen
    try:
        value = number_of(value)
    except (TypeError, ValueError, OverflowError):
        return  # the update itself was refused, and counted
    is_histogram = isinstance(series, HistogramSeries)
    if not isfinite(value) or (value < 0 and not is_histogram):
        return
    place = bisect_left(series.bounds, value) if is_histogram else 0
    kept = series.exemplars
    if kept is None:
        kept = series.exemplars = {}
    kept[place] = Exemplar(value, *where)
    _cells.share_exemplar(series.cells, place, kept[place])
