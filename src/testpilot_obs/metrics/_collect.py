"""The numbers as they are now, in the shape that exporters and the scrape both use."""

from collections.abc import Sequence
from typing import Any

from testpilot_obs._core import clock
from testpilot_obs.metrics import _journal
from testpilot_obs.metrics._instruments import Instrument
from testpilot_obs.metrics._registry import instruments
from testpilot_obs.metrics._series import CounterSeries, GaugeSeries, HistogramSeries
from testpilot_obs.protocols import MetricFamily, Point


def collect() -> Sequence[MetricFamily]:
    """Return every metric that has at least one series, with the numbers of this moment."""
    return [family for family in families() if family.points]


def families() -> list[MetricFamily]:
    """Return every metric, those that have no series yet included."""
    with _journal.settled():
        now_ns = clock.time_ns()
        return [_family(instrument, now_ns) for instrument in instruments()]


def _family(instrument: Instrument[Any], now_ns: int) -> MetricFamily:
    shape = instrument.shape
    points = [
        _point(dict(zip(shape.labels, values, strict=True)), series)
        for values, series in list(instrument.series.items())
    ]
    return MetricFamily(
        name=shape.name,
        kind=shape.kind,
        documentation=instrument.documentation,
        unit=shape.unit,
        points=points,
        time_ns=now_ns,
    )


def _point(labels: dict[str, str], series: CounterSeries | GaugeSeries | HistogramSeries) -> Point:
    if isinstance(series, GaugeSeries):
        return Point(labels, series.value)
    if isinstance(series, CounterSeries):
        return Point(labels, series.total, start_ns=series.start_ns)
    counts = tuple(series.counts)
    return Point(labels, series.total, sum(counts), counts, series.bounds, series.start_ns)
