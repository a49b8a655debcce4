"""What was recorded, in the shape that is easiest to assert on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from testpilot_obs.protocols import LogRecord, MetricFamily, MetricKind


class CapturedEvent(NamedTuple):
    """An event of a span."""

    name: str
    attributes: Mapping[str, Any]
    time_ns: int
    """Nanoseconds since the epoch."""


class CapturedSpan(NamedTuple):
    """A finished span."""

    name: str
    attributes: Mapping[str, Any]
    status: str
    """``"unset"``, ``"ok"`` or ``"error"``."""
    description: str
    """Of the status; mostly empty."""
    parent: str
    """Name of the parent, ``""`` for a root and for a parent that has not ended."""
    kind: str
    """``"internal"``, ``"server"`` and so on."""
    trace_id: int
    span_id: int
    parent_id: int | None
    start_ns: int
    end_ns: int
    """Nanoseconds since the epoch."""
    events: Sequence[CapturedEvent]
    links: Sequence[int]
    """Span ids of the spans that it is linked to."""
    scope: str
    """Name of the tracer."""

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return (self.end_ns - self.start_ns) / 1e9


class CapturedLog(NamedTuple):
    """A log line."""

    event: Any
    """What was logged, nearly always text."""
    level: str
    """``"info"``, in small letters."""
    attributes: Mapping[str, Any]
    logger: str
    trace_id: int
    span_id: int
    """0 outside of any span."""
    time_ns: int


class CapturedMetric(NamedTuple):
    """One series, changed since the capture began."""

    name: str
    labels: Mapping[str, str]
    value: float
    """Counter: how much it grew. Gauge: its value. Histogram: the sum of what was observed."""
    observations: int
    """Histogram: how many were observed."""


def spans_of(records: Sequence[Any]) -> list[CapturedSpan]:
    """Return finished spans as they were, in the order in which they ended."""
    names = {record.span_id: str(record.name) for record in records}
    return [_span(record, names.get(record.parent_id, "")) for record in records]


def logs_of(records: Iterable[LogRecord]) -> list[CapturedLog]:
    """Return log lines, oldest first."""
    return [
        CapturedLog(
            event=record.body,
            level=record.severity_text.lower(),
            attributes=dict(record.attributes),
            logger=record.logger,
            trace_id=record.trace_id,
            span_id=record.span_id,
            time_ns=record.time_ns,
        )
        for record in records
    ]


def metrics_since(
    before: Iterable[MetricFamily], now: Iterable[MetricFamily]
) -> list[CapturedMetric]:
    """Return the series that differ between two collections."""
    old = {_key(family, point): point for family in before for point in family.points}
    changed = []
    for family in now:
        if family.scope_name == "prometheus_client" or family.name.startswith("testpilot_obs_"):
            # The process and the library itself, which change all the time.
            continue
        for point in family.points:
            was = old.get(_key(family, point))
            if was == point:
                continue
            is_sum = family.kind is not MetricKind.GAUGE and was is not None
            value, count = (was.value, was.count) if was is not None and is_sum else (0.0, 0)
            changed.append(
                CapturedMetric(family.name, point.labels, point.value - value, point.count - count)
            )
    return changed


def _key(family: MetricFamily, point: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    return family.name, tuple(sorted(point.labels.items()))


def _span(record: Any, parent: str) -> CapturedSpan:
    extra = record.extra
    status = extra.status if extra is not None else None
    return CapturedSpan(
        name=str(record.name),
        attributes=dict(record.attrs or {}),
        status="unset" if status is None else status.status_code.name.lower(),
        description="" if status is None else status.description or "",
        parent=parent,
        kind=record.kind.name.lower(),
        trace_id=record.local.trace_id,
        span_id=record.span_id,
        parent_id=record.parent_id,
        start_ns=record.start_ns,
        end_ns=record.end_ns,
        events=[
            CapturedEvent(str(name), dict(attributes or {}), time_ns)
            for name, time_ns, attributes in (extra.events if extra is not None else None) or ()
        ],
        links=[
            context.span_id for context, _ in (extra.links if extra is not None else None) or ()
        ],
        scope=record.scope.name,
    )
