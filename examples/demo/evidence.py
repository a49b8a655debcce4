"""What the receiver got, as it crosses from its process to the demo's; plain JSON underneath."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Span:
    """One span as the receiver decoded it."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the root of a trace."""
    start_ns: int
    end_ns: int
    failed: bool
    events: Sequence[str] = ()

    @property
    def duration_s(self) -> float:
        """Return the wall time in seconds."""
        return (self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True)
class Log:
    """One log line."""

    service: str
    trace_id: str
    time_ns: int
    severity: str
    body: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """The last known state of one series."""

    service: str
    metric: str
    labels: Mapping[str, str]
    value: float
    """Counter and gauge: the number. Histogram: the sum."""
    count: int = 0
    buckets: Sequence[int] = ()
    bounds: Sequence[float] = ()


@dataclass(frozen=True)
class Evidence:
    """All of it."""

    spans: Sequence[Span]
    logs: Sequence[Log]
    points: Sequence[Point]
    """The newest of each series."""
    point_count: int
    """How many points arrived in all."""
    requests: int
    """How many OTLP requests arrived."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Evidence":
        """Return what *raw* (made by `dataclasses.asdict`) stands for."""
        return cls(
            spans=[Span(**span) for span in raw["spans"]],
            logs=[Log(**log) for log in raw["logs"]],
            points=[Point(**point) for point in raw["points"]],
            point_count=raw["point_count"],
            requests=raw["requests"],
        )

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of one trace, earliest first."""
        found = (span for span in self.spans if span.trace_id == trace_id)
        return sorted(found, key=lambda span: (span.start_ns, -span.end_ns))

    def logs_of(self, trace_id: str) -> list[Log]:
        """Return the log lines of one trace, earliest first."""
        found = (log for log in self.logs if log.trace_id == trace_id)
        return sorted(found, key=lambda log: log.time_ns)

    def most_telling_trace(self) -> str:
        """Return the trace that crosses most services, failed somewhere, and took longest."""
        traces: dict[str, list[Span]] = {}
        for span in self.spans:
            traces.setdefault(span.trace_id, []).append(span)
        return max(traces, key=lambda key: _telling(traces[key]), default="")

    def total(self, metric: str, **labels: str) -> float:
        """Return the sum of a metric over the series that have *labels* (histogram: the count)."""
        found = (p for p in self.points if p.metric == metric)
        matching = (p for p in found if labels.items() <= p.labels.items())
        return sum(p.count if p.bounds else p.value for p in matching)


def _telling(spans: Iterable[Span]) -> tuple[int, bool, float]:
    spans = list(spans)
    services = {span.service for span in spans}
    longest = max(span.duration_s for span in spans)
    return len(services), any(span.failed for span in spans), longest
