"""Records as the signals make them, and the official messages to compare with."""

from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
    KeyValueList,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind

from testpilot_obs import exporters

REQUESTS = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000


@dataclass(slots=True)
class LocalTrace:
    """What the spans of a local trace share."""

    trace_id: Any = 0xABC
    flags: Any = 1
    trace_state: Any = None
    remote_parent_id: Any = 0


@dataclass(slots=True)
class Extra:
    """What few spans have."""

    events: Any = None
    links: Any = None
    status: Any = None
    dropped_attributes: Any = 0
    dropped_events: Any = 0
    dropped_links: Any = 0


@dataclass(slots=True)
class Span:
    """A finished span as it stands in the queue."""

    name: Any = "work"
    kind: Any = SpanKind.INTERNAL
    local: Any = field(default_factory=LocalTrace)
    span_id: Any = 1
    parent_id: Any = None
    start_ns: Any = START_NS
    end_ns: Any = START_NS + 5 * MS
    attrs: Any = None
    extra: Any = None
    scope: Any = field(default_factory=lambda: InstrumentationScope("tests", "1.0"))


class Batch:
    """A batch as delivery hands it out."""

    def __init__(self, *records, signal="traces", resource=None):
        self.signal = signal
        self.records = records
        self.resource = resource or {"service.name": "shop"}

    def __len__(self):
        return len(self.records)

    def otlp(self):
        """Return the protobuf request."""
        groups = {}
        for record in self.records:
            key = exporters.scope_key(self.signal, record)
            groups.setdefault(key, []).append(exporters.encode_record(self.signal, record))
        return exporters.assemble(self.signal, self.resource, groups)


def decoded(batch):
    """Return a batch as the official message."""
    return REQUESTS[batch.signal].FromString(batch.otlp())


def decoded_span(span):
    """Return one span as the official message."""
    return decoded(Batch(span)).resource_spans[0].scope_spans[0].spans[0]


def decoded_log(record):
    """Return one log record as the official message."""
    request = decoded(Batch(record, signal="logs"))
    return request.resource_logs[0].scope_logs[0].log_records[0]


def decoded_metric(family):
    """Return one metric as the official message."""
    request = decoded(Batch(family, signal="metrics"))
    return request.resource_metrics[0].scope_metrics[0].metrics[0]


def pairs(attributes):
    """Return attributes as official messages."""
    return [KeyValue(key=key, value=value_of(value)) for key, value in (attributes or {}).items()]


def value_of(value):
    """Return an exportable value as the official message."""
    if value is None:
        return AnyValue()
    if isinstance(value, tuple):
        return AnyValue(array_value=ArrayValue(values=[value_of(item) for item in value]))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    fields = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    return AnyValue(**{fields.get(type(value), "bytes_value"): value})
