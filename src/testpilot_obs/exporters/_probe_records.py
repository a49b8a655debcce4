"""One span, one log record and one metric that say of themselves that they are a test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import SpanKind

from testpilot_obs import names
from testpilot_obs._core import clock, identity, ids
from testpilot_obs.exporters._otlp_request import assemble, encode_record, scope_key
from testpilot_obs.protocols import LogRecord, MetricFamily, MetricKind, Point, Signal

_SCOPE = "testpilot_obs"
_INFO, _SAMPLED = 9, 1
_MARK = {names.TEST: True}


class ProbeBatch:
    """A batch with one record; a `protocols.Batch`."""

    def __init__(self, signal: Signal, resource: Mapping[str, Any]) -> None:
        self.signal: Signal = signal
        self.records: Sequence[Any] = (_RECORDS[signal](),)
        self._resource = resource

    def __len__(self) -> int:
        return 1

    def otlp(self) -> bytes:
        """Return the request."""
        record = self.records[0]
        entry = encode_record(self.signal, record)
        return assemble(self.signal, self._resource, {scope_key(self.signal, record): [entry]})


def _now() -> int:
    return clock.time_ns()


@dataclass(slots=True)
class _Scope:
    name: str = _SCOPE
    version: str | None = identity.VERSION
    schema_url: str | None = None
    attributes: Mapping[str, Any] | None = None


@dataclass(slots=True)
class _Trace:
    trace_id: int = field(default_factory=lambda: ids.getrandbits(128) | 1)
    flags: int = _SAMPLED
    trace_state: Any = None
    remote_parent_id: int = 0


@dataclass(slots=True)
class _Span:
    name: str = names.DOCTOR
    kind: Any = SpanKind.INTERNAL
    local: Any = field(default_factory=_Trace)
    span_id: int = field(default_factory=lambda: ids.getrandbits(64) | 1)
    parent_id: int | None = None
    start_ns: int = field(default_factory=_now)
    end_ns: int = field(default_factory=_now)
    attrs: Any = field(default_factory=_MARK.copy)
    extra: Any = None
    scope: Any = field(default_factory=_Scope)
    tracer: object = None


def _log() -> LogRecord:
    return LogRecord(clock.time_ns(), _INFO, "INFO", names.DOCTOR, dict(_MARK), _SCOPE)


def _metric() -> MetricFamily:
    now = clock.time_ns()
    point = Point({names.TEST: "true"}, value=1.0)
    about = "Sent by testpilot-obs doctor, to see whether it arrives."
    return MetricFamily(names.DOCTOR, MetricKind.GAUGE, about, "", [point], now, _SCOPE)


_RECORDS: dict[Signal, Any] = {"traces": _Span, "logs": _log, "metrics": _metric}
