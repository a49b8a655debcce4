"""What others register in prometheus-client's default registry: scraped and pushed with ours.

A family whose name we have is left out, so that nothing is there twice.
"""

import sys
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import text
from testpilot_obs.metrics import _journal
from testpilot_obs.protocols import Labels, MetricFamily, MetricKind, Point

if TYPE_CHECKING:
    from prometheus_client import Metric

SCOPE = "prometheus_client"
"""Scope under which these are pushed."""
FAILED = "foreign_collector_failed"
"""Reason for a drop: a collector that somebody registered raised."""

Source = Callable[[], "list[Metric]"]

_KINDS = {
    "counter": MetricKind.COUNTER,
    "histogram": MetricKind.HISTOGRAM,
    "summary": MetricKind.SUMMARY,
    "info": MetricKind.INFO,
    "stateset": MetricKind.STATE_SET,
}
_sources: list[Source] = []
_is_wanted = [True]


def use(*, registry: bool) -> None:
    """Read prometheus-client's default registry, or not."""
    _is_wanted[0] = registry


def add_source(source: Source) -> None:
    """Scrape, but do not push, what *source* returns."""
    _sources.append(source)


def remove_sources() -> None:
    """Forget all that was added."""
    _sources.clear()


def metrics(taken: Collection[str]) -> Iterator["Metric"]:
    """Yield every foreign metric whose name is not *taken*."""
    seen = set(taken)
    for metric in [*_registered(), *_added()]:
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        if metric.type == "info":
            name = f"{metric.name}_info"
        if name not in seen:
            seen.add(name)
            yield metric


def families(taken: Collection[str], now_ns: int) -> list[MetricFamily]:
    """Return what is registered, to be pushed; only if prometheus-client is in use."""
    if "prometheus_client" not in sys.modules:
        return []
    ours = set(taken)
    found = []
    for metric in _registered():
        family = _family(metric, now_ns)
        if family.name not in ours and family.points:
            found.append(family)
    return found


def _added() -> "Iterator[Metric]":
    for source in _sources:
        with diagnostics.guard("read a meter provider"):
            yield from source()


def _registered() -> "Iterator[Metric]":
    """Yield from each collector by itself, so that one that raises loses only itself."""
    if not _is_wanted[0]:
        return
    from prometheus_client import REGISTRY

    for collector in list(REGISTRY._collector_to_names):  # noqa: SLF001  # collect() would stop
        try:
            yield from list(collector.collect())
        except Exception as error:
            _journal.append((_journal.count_dropped, FAILED, 1))
            diagnostics.warn_once(
                f"collector:{type(collector).__name__}",
                "the collector %s of prometheus_client failed with %s: left out",
                type(collector).__name__,
                type(error).__name__,
            )


def _family(metric: "Metric", now_ns: int) -> MetricFamily:
    kind = _KINDS.get(metric.type, MetricKind.GAUGE)
    suffix = {MetricKind.COUNTER: "_total", MetricKind.INFO: "_info"}.get(kind, "")
    name = metric.name + suffix
    if kind is MetricKind.HISTOGRAM:
        points = _histogram_points(metric)
    elif kind is MetricKind.SUMMARY:
        points = _summary_points(metric)
    else:
        starts = _created(metric)
        points = [
            Point(_labels(one.labels), float(one.value), start_ns=starts.get(_key(one.labels), 0))
            for one in metric.samples
            if one.name == name
        ]
    return MetricFamily(name, kind, text(metric.documentation), metric.unit, points, now_ns, SCOPE)


def _labels(labels: Any) -> Labels:
    return Labels((text(key), text(value)) for key, value in labels.items())


def _key(labels: Any, without: str = "") -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pair for pair in labels.items() if pair[0] != without))


def _created(metric: "Metric") -> dict[Any, int]:
    name = f"{metric.name}_created"
    return {_key(one.labels): int(one.value * 1e9) for one in metric.samples if one.name == name}


def _grouped(metric: "Metric", without: str) -> dict[Any, dict[str, Any]]:
    groups: dict[Any, dict[str, Any]] = {}
    for one in metric.samples:
        group = groups.setdefault(
            _key(one.labels, without), {"buckets": [], "sum": 0.0, "count": 0}
        )
        kind = one.name.removeprefix(metric.name)
        if kind == "_bucket":
            group["buckets"].append((float(one.labels["le"]), int(one.value)))
        elif kind in {"_sum", "_count"}:
            group[kind[1:]] = one.value
    return groups


def _histogram_points(metric: "Metric") -> list[Point]:
    points, starts = [], _created(metric)
    for key, group in _grouped(metric, "le").items():
        buckets = sorted(group["buckets"])
        counts = tuple(
            count - before
            for (_, count), before in zip(
                buckets, (0, *(count for _, count in buckets)), strict=False
            )
        )
        bounds = tuple(bound for bound, _ in buckets[:-1])
        start = starts.get(key, 0)
        points.append(
            Point(_labels(dict(key)), float(group["sum"]), sum(counts), counts, bounds, start)
        )
    return points


def _summary_points(metric: "Metric") -> list[Point]:
    starts = _created(metric)
    return [
        Point(
            _labels(dict(key)),
            float(group["sum"]),
            int(group["count"]),
            start_ns=starts.get(key, 0),
        )
        for key, group in _grouped(metric, "quantile").items()
    ]
