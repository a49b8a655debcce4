"""What came since the collection before, for receivers that add up by themselves.

Source:
    OpenTelemetry specification, "OTLP Exporter", ``…_TEMPORALITY_PREFERENCE``: ``delta`` for
    counters and histograms; what only knows totals (summaries, gauges) stays as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from testpilot_obs.protocols import ExponentialBuckets, MetricFamily, MetricKind, Point

_ADDED_UP = frozenset({MetricKind.COUNTER, MetricKind.HISTOGRAM})

Collect = Callable[[], Sequence[MetricFamily]]


class Deltas:
    """Returns what *collect* does, less what it returned the time before."""

    def __init__(self, collect: Collect) -> None:
        self._collect = collect
        self._before: dict[Any, tuple[Point, int]] = {}

    def __call__(self) -> Sequence[MetricFamily]:
        """Return the increments since the last call; all there is at the first."""
        before, self._before = self._before, {}
        return [
            self._less(family, before) if family.kind in _ADDED_UP else family
            for family in self._collect()
        ]

    def _less(self, family: MetricFamily, before: dict[Any, tuple[Point, int]]) -> MetricFamily:
        points = []
        for point in family.points:
            key = (family.scope_name, family.name, tuple(point.labels.items()))
            self._before[key] = (point, family.time_ns)
            old, old_ns = before.get(key, (None, 0))
            points.append(point if old is None else _difference(point, old, old_ns))
        return replace(family, points=points, is_delta=True)


def _difference(point: Point, old: Point, old_ns: int) -> Point:
    is_new = old.start_ns != point.start_ns or old.bounds != point.bounds
    if is_new or old.count > point.count:
        return point
    counts = tuple(a - b for a, b in zip(point.bucket_counts, old.bucket_counts, strict=True))
    return Point(
        point.labels,
        point.value - old.value,
        point.count - old.count,
        counts,
        point.bounds,
        old_ns,
        [one for one in point.exemplars if one not in old.exemplars],
        _exponential(point.exponential, old.exponential),
    )


def _exponential(
    now: ExponentialBuckets | None, old: ExponentialBuckets | None
) -> ExponentialBuckets | None:
    if now is None or old is None or old.scale < now.scale:
        return now
    steps = old.scale - now.scale
    return ExponentialBuckets(
        now.scale,
        now.zero_count - old.zero_count,
        now.positive_offset,
        _side(now.positive_offset, now.positive, _merged(old.positive_offset, old.positive, steps)),
        now.negative_offset,
        _side(now.negative_offset, now.negative, _merged(old.negative_offset, old.negative, steps)),
    )


def _merged(offset: int, counts: Sequence[int], steps: int) -> dict[int, int]:
    """Return counts by range, after ranges were joined in pairs *steps* times."""
    merged: dict[int, int] = {}
    for place, count in enumerate(counts):
        index = (offset + place) >> steps
        merged[index] = merged.get(index, 0) + count
    return merged


def _side(offset: int, counts: Sequence[int], old: dict[int, int]) -> tuple[int, ...]:
    return tuple(count - old.get(offset + place, 0) for place, count in enumerate(counts))
