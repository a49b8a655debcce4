"""An application that has its own OpenTelemetry SDK ``MeterProvider``: scraped with ours.

It goes on to push by itself, so its numbers are not pushed again.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

from testpilot_obs._core.values import text
from testpilot_obs.metrics._meter import full_name, label_name
from testpilot_obs.metrics._text import go_text
from testpilot_obs.protocols import MetricKind

if TYPE_CHECKING:
    from prometheus_client import Metric


class Reader(MetricReader):
    """Reads the provider when a scrape asks."""

    def __init__(self) -> None:
        super().__init__()
        self._data: Any = None

    def metrics(self) -> "list[Metric]":
        """Return what the provider has, as prometheus-client's metrics."""
        self._data = None
        self.collect()
        return [] if self._data is None else list(_converted(self._data))

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        self._data = metrics_data

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Have nothing to give back."""


def _converted(data: MetricsData) -> "Iterator[Metric]":
    from prometheus_client import Metric

    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for one in scope.metrics:
                kind, add = _reader_of(one.data)
                name = full_name(kind, one.name, one.unit or "")
                metric = Metric(
                    name.removesuffix("_total") if kind is MetricKind.COUNTER else name,
                    text(one.description),
                    kind.value,
                )
                for point in one.data.data_points:
                    labels = {label_name(k): text(v) for k, v in (point.attributes or {}).items()}
                    add(metric, name, labels, point)
                yield metric


_Add = Callable[["Metric", str, dict[str, str], Any], None]


def _reader_of(data: Any) -> tuple[MetricKind, _Add]:
    if hasattr(data, "is_monotonic"):
        return (MetricKind.COUNTER if data.is_monotonic else MetricKind.GAUGE), _add_number
    points = list(data.data_points)
    if points and hasattr(points[0], "explicit_bounds"):
        return MetricKind.HISTOGRAM, _add_histogram
    return MetricKind.GAUGE, _add_number


def _add_number(metric: "Metric", name: str, labels: dict[str, str], point: Any) -> None:
    value = getattr(point, "value", None)
    if value is not None:
        metric.add_sample(name, labels, float(value))


def _add_histogram(metric: "Metric", name: str, labels: dict[str, str], point: Any) -> None:
    total = 0
    bounds = (*point.explicit_bounds, float("inf"))
    for bound, count in zip(bounds, point.bucket_counts, strict=True):
        total += count
        metric.add_sample(f"{name}_bucket", {**labels, "le": go_text(bound)}, total)
    metric.add_sample(f"{name}_count", labels, total)
    metric.add_sample(f"{name}_sum", labels, float(point.sum))
