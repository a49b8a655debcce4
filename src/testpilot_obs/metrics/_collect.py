"""The numbers as they are now, for exporters and for the scrape."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from testpilot_obs._core import clock
from testpilot_obs.metrics import _callbacks, _exemplars, _foreign, _journal
from testpilot_obs.metrics._instruments import Shape
from testpilot_obs.metrics._registry import instruments
from testpilot_obs.protocols import MetricFamily, MetricKind, Point

SCOPE = "testpilot_obs.metrics"
"""Scope under which our metrics are pushed."""


class View(NamedTuple):
    """One metric as it is read: of this process, or of several."""

    shape: Shape
    documentation: str
    series: Sequence[Any]
    """Objects with ``labels``, ``cells``, ``start_ns``, ``exemplars`` and ``text``."""
    pushed_as: tuple[str, str, str] | None = None
    """Name, unit and scope in the push, if they differ."""


def views() -> list[View]:
    """Return every metric of this process; to be read while it is `settled`."""
    return [
        View(one.shape, one.documentation, list(one.every()), one.pushed_as)
        for one in instruments()
    ]


def refresh() -> None:
    """Ask the callbacks."""
    _callbacks.refresh(instruments())


def collect() -> Sequence[MetricFamily]:
    """Return every metric that has at least one series, with the numbers of this moment."""
    refresh()
    with _journal.settled():
        now_ns = clock.time_ns()
        every = views()
        found = [_family(view, now_ns) for view in every if view.series]
        _exemplars.wake(instruments())
    taken = {view.shape.name for view in every}
    return [*found, *_foreign.families(taken, now_ns)]


def _family(view: View, now_ns: int) -> MetricFamily:
    shape = view.shape
    name, unit, scope = view.pushed_as or (shape.name, shape.unit, SCOPE)
    return MetricFamily(
        name=name,
        kind=shape.kind,
        documentation=view.documentation,
        unit=unit,
        points=points_of(shape.kind, shape.bounds, view.series),
        time_ns=now_ns,
        scope_name=scope,
    )


def points_of(kind: MetricKind, bounds: tuple[float, ...], series: Iterable[Any]) -> list[Point]:
    """Return the state of each series."""
    if kind is MetricKind.HISTOGRAM:
        return [_histogram_point(one, bounds) for one in series]
    if kind is MetricKind.SUMMARY:
        return [
            Point(one.attributes, one.cells[0], int(one.cells[1]), (), (), one.start_ns)
            for one in series
        ]
    if kind is MetricKind.COUNTER:
        return [
            Point(one.attributes, one.cells[0], 0, (), (), one.start_ns, _some(one))
            for one in series
        ]
    return [Point(one.attributes, one.cells[0]) for one in series]


def _histogram_point(series: Any, bounds: tuple[float, ...]) -> Point:
    total, *cells = series.cells
    counts = tuple(map(int, cells))
    exponential = None if series.exponential is None else series.exponential.state()
    return Point(
        series.attributes,
        total,
        sum(counts),
        counts,
        bounds,
        series.start_ns,
        _some(series),
        exponential,
    )


def _some(series: Any) -> tuple[Any, ...]:
    """Return the exemplars of a series."""
    kept = series.exemplars
    if not kept:
        return ()
    return tuple(kept.values())
