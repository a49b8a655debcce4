"""Log records as OTLP protobuf, compared field by field with the official messages."""

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1 import logs_pb2 as pb

from testpilot_obs.protocols import LogRecord
from tests.exporters.builders import Batch, decoded, decoded_log, pairs, value_of
from tests.exporters.strategies import ATTRIBUTES, EXPORTABLES, SPAN_IDS, TEXT, TRACE_IDS, UINT64

RECORDS = st.builds(
    LogRecord,
    time_ns=UINT64,
    severity_number=st.integers(0, 24),
    severity_text=TEXT,
    body=EXPORTABLES,
    attributes=ATTRIBUTES.map(lambda attributes: attributes or {}),
    logger=TEXT,
    trace_id=TRACE_IDS,
    span_id=SPAN_IDS,
    flags=st.integers(0, 2**32 - 1),
)


def official(record):
    """Return the official message of a log record."""
    return pb.LogRecord(
        time_unix_nano=record.time_ns,
        observed_time_unix_nano=record.time_ns,
        severity_number=record.severity_number,
        severity_text=record.severity_text,
        body=value_of(record.body),
        attributes=pairs(record.attributes),
        trace_id=record.trace_id.to_bytes(16, "big"),
        span_id=record.span_id.to_bytes(8, "big"),
        flags=record.flags,
    )


@given(RECORDS)
def test_どのログも公式のメッセージと同じになる(record):
    """Every field of every log record reads as in the official message."""
    ours = decoded_log(record)

    assert ours.SerializeToString(deterministic=True) == official(record).SerializeToString(
        deterministic=True
    )


def test_トレースの外のログは識別子を持たない():
    """A record outside any trace has no ids, rather than zeros."""
    record = decoded_log(LogRecord(1, 9, "INFO", "hello", {}, "app"))

    assert (record.trace_id, record.span_id, record.flags) == (b"", b"", 0)


def test_ロガーの名前がスコープになる():
    """Records are grouped by the logger that made them."""
    records = [LogRecord(1, 9, "INFO", "hi", {}, name) for name in ("a", "b", "a")]
    scopes = decoded(Batch(*records, signal="logs")).resource_logs[0].scope_logs

    assert [(group.scope.name, len(group.log_records)) for group in scopes] == [("a", 2), ("b", 1)]
