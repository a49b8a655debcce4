"""What crosses from room to room, and what a user may plug in.

A signal hands *records* to its queue, delivery hands *batches* of them to *exporters*, an
exporter answers with an *outcome*.
"""

import enum
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

Signal = Literal["traces", "logs", "metrics"]
"""The three kinds of telemetry, as OTLP names them in its paths (``/v1/traces``)."""

SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")


class Scope(Protocol):
    """Who made a record: an OpenTelemetry ``InstrumentationScope`` or an object like it."""

    name: str
    version: str | None
    schema_url: str | None
    attributes: Mapping[str, Any] | None


class LocalTrace(Protocol):
    """What all spans of one trace in this process share; one object, so it is made once."""

    trace_id: int
    flags: int
    """W3C trace flags: 1 sampled, 2 random trace id."""
    trace_state: Any
    """``opentelemetry.trace.TraceState``; empty (falsy) when there is none."""
    remote_parent_id: int
    """Span id of the caller in another process, 0 if the trace began here."""


class SpanExtra(Protocol):
    """What few spans have; each is ``None`` when there is none of it."""

    events: Sequence[tuple[str, int, Mapping[str, Any] | None]] | None
    """(name, nanoseconds since the epoch, attributes), oldest first."""
    links: Sequence[tuple[Any, Mapping[str, Any] | None]] | None
    """(``SpanContext``, attributes)."""
    status: Any
    """``opentelemetry.trace.Status``; ``None`` is unset."""
    dropped_attributes: int
    dropped_events: int
    dropped_links: int


class SpanRecord(Protocol):
    """A finished span as it stands in the queue; attribute values are already *exportable*.

    (`testpilot_obs._core.values` says what that means.) Names and keys may still be anything
    that a user passed; whoever writes them out calls ``values.text``.
    """

    name: Any
    kind: Any
    """``opentelemetry.trace.SpanKind``; OTLP's number is ``kind.value + 1``."""
    local: LocalTrace
    span_id: int
    parent_id: int | None
    """``None`` for a root; equal to ``local.remote_parent_id`` if the parent is remote."""
    start_ns: int
    end_ns: int
    """Nanoseconds since the epoch; may lie before ``start_ns`` when the clock was set back."""
    attrs: dict[str, Any] | None
    extra: SpanExtra | None
    scope: Scope
    tracer: object
    """Who made it; spans with the same object here have the same scope."""


@dataclass(slots=True)
class LogRecord:
    """One log line on its way out; attribute values are *exportable*."""

    time_ns: int
    """When it happened, nanoseconds since the epoch."""
    severity_number: int
    """OpenTelemetry's number: 5 debug, 9 info, 13 warning, 17 error, 21 fatal."""
    severity_text: str
    """``"INFO"``, in capitals."""
    body: Any
    """The event, nearly always text."""
    attributes: dict[str, Any]
    logger: str
    """Name of the logger; becomes the instrumentation scope."""
    trace_id: int = 0
    span_id: int = 0
    flags: int = 0


LogEntry = tuple[bytes, Hashable]
"""A log line that is encoded already, and the key of its scope; see ``exporters``."""


class MetricKind(enum.Enum):
    """How the numbers of a metric are to be read."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    INFO = "info"
    """Facts as labels; the number is always 1."""
    STATE_SET = "stateset"
    """One series for each state, 1 for those that are on, 0 for the others."""


class Labels(dict[str, str]):
    """The labels of one series, never changed; whoever writes them may keep the result here."""

    __slots__ = ("otlp",)

    otlp: bytes
    """The labels as OTLP attributes; not there before the first time."""


class Exemplar(NamedTuple):
    """One update, and the trace in which it happened."""

    value: float
    time_ns: int
    trace_id: int
    span_id: int


class ExponentialBuckets(NamedTuple):
    """Observations by ranges that grow by a constant factor, ``2 ** (2 ** -scale)``."""

    scale: int
    zero_count: int
    positive_offset: int
    positive: Sequence[int]
    negative_offset: int
    negative: Sequence[int]


# Not frozen: one is made for each series at each collection, and that takes a third of the time.
@dataclass(slots=True)
class Point:
    """The state of one series (one set of label values) at collection."""

    labels: Mapping[str, str]
    value: float = 0.0
    """Counter: total so far. Gauge: now. Histogram and summary: the sum of what was observed."""
    count: int = 0
    """Histogram and summary: how many were observed."""
    bucket_counts: tuple[int, ...] = ()
    """Histogram: observations per bucket, not cumulative; one more than ``bounds``."""
    bounds: tuple[float, ...] = ()
    """Histogram: upper bounds, ascending, without +Inf."""
    start_ns: int = 0
    """When counting began, nanoseconds since the epoch; 0 for a gauge."""
    exemplars: Sequence[Exemplar] = ()
    """Some of what was counted, with the trace that each belongs to."""
    exponential: ExponentialBuckets | None = None
    """Histogram: the same observations in exponential ranges, instead of ``bucket_counts``."""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric with all its series, as it stands in the queue."""

    name: str
    """As it is scraped, e.g. ``"code_generation_total"``."""
    kind: MetricKind
    documentation: str
    unit: str
    points: Sequence[Point]
    time_ns: int
    """When it was collected."""
    scope_name: str = "testpilot_obs.metrics"
    is_delta: bool = False
    """Counter and histogram: True if the points say what came since the collection before."""


class Verdict(enum.Enum):
    """What became of a batch."""

    SENT = "sent"
    """Accepted (``rejected`` of its records were not)."""
    RETRY = "retry"
    """Not accepted now; the same bytes may be accepted later."""
    REFUSED = "refused"
    """Will never be accepted; counted as dropped."""
    TOO_LARGE = "too_large"
    """Would be accepted in smaller pieces (HTTP 413)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An exporter's answer to one batch."""

    verdict: Verdict
    reason: str = ""
    """One word for the counters when not SENT, e.g. ``"connection_refused"``, ``"http_503"``."""
    message: str = ""
    """What a person should read, without secrets; empty if there is nothing to say."""
    retry_after_s: float | None = None
    """How long the receiver asked us to wait, in seconds."""
    rejected: int = 0
    """SENT only: how many records the receiver refused (OTLP partial success)."""


SENT = Outcome(Verdict.SENT)


class Batch(Protocol):
    """Finished records of one signal, oldest first, and their one encoding."""

    signal: Signal

    @property
    def records(self) -> Sequence[Any]:
        """The records; empty for a batch that was kept only as bytes."""

    def __len__(self) -> int:
        """How many spans, log records or data points it holds."""

    def otlp(self) -> bytes:
        """The protobuf bytes of the signal's ``Export…ServiceRequest``."""


class Exporter(Protocol):
    """Send finished records somewhere; called from one thread at a time."""

    wants_records: bool
    """True to be handed ``batch.records``; False if ``batch.otlp()`` is enough, which lets
    delivery keep a waiting batch as bytes only."""

    def export(self, batch: Batch, *, timeout_s: float) -> Outcome:
        """Send *batch* within *timeout_s* seconds in all; keep no reference to it."""

    def close(self) -> None:
        """Give back sockets and files; called once, nothing is exported afterwards."""

    def after_fork(self) -> None:
        """Forget what is shared with the parent process (sockets), without closing its side."""


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A finished transaction, as given to ``on_transaction_end`` callbacks."""

    name: str
    status: Literal["success", "error"]
    duration_s: float
    """Wall time in seconds."""
    cpu_s: float
    """CPU time of the thread that ran it, in seconds; of an ``async`` one: of its thread, so
    other tasks that ran meanwhile are included."""
    memory_delta_bytes: int
    """Change of the process's memory, in bytes; the settings say which number it is."""
    timestamp: int
    """When it began, nanoseconds since the epoch."""
    trace_id: str
    """32 hex digits; zeros if no trace was recorded."""
    span_id: str
    """16 hex digits; zeros if no span was recorded."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
