"""The scrape: prometheus-client's registry and text format over our numbers."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from testpilot_obs.metrics._collect import families
from testpilot_obs.protocols import MetricFamily, MetricKind, Point

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The ``Content-Type`` of what `render` returns."""

_registries: list[Any] = []


def render() -> bytes:
    """Return all metrics in Prometheus' text format, UTF-8.

    Source:
        https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4
    """
    from prometheus_client import generate_latest

    return generate_latest(_collector_registry())


def _collector_registry() -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry

    if not _registries:
        made = CollectorRegistry(auto_describe=False)
        made.register(_Ours())
        _registries.append(made)
    registry: CollectorRegistry = _registries[0]
    return registry


class _Ours:
    """What prometheus-client calls a collector."""

    def describe(self) -> list["Metric"]:
        """Return nothing: the names are checked where they are declared."""
        return []

    def collect(self) -> Iterator["Metric"]:
        """Yield each metric as prometheus-client's own."""
        for family in families():
            yield _to_prometheus(family)


def _to_prometheus(family: MetricFamily) -> "Metric":
    from prometheus_client import Metric

    counts = family.kind is MetricKind.COUNTER
    name = family.name.removesuffix("_total") if counts else family.name
    metric = Metric(name, family.documentation, family.kind.value, family.unit)
    for point in family.points:
        if family.kind is MetricKind.HISTOGRAM:
            _add_histogram(metric, name, point)
        else:
            metric.add_sample(family.name, dict(point.labels), point.value)
    return metric


def _add_histogram(metric: "Metric", name: str, point: Point) -> None:
    from prometheus_client import utils

    write: Callable[[float], str] = utils.floatToGoString

    labels = dict(point.labels)
    bounds = (*point.bounds, float("inf"))
    for bound, count in zip(bounds, accumulate(point.bucket_counts), strict=True):
        metric.add_sample(f"{name}_bucket", {**labels, "le": write(bound)}, count)
    metric.add_sample(f"{name}_count", labels, point.count)
    metric.add_sample(f"{name}_sum", labels, point.value)
