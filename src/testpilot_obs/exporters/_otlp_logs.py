"""A log line as OTLP's ``LogRecord``, straight to bytes.

Source:
    opentelemetry-proto, ``opentelemetry/proto/logs/v1/logs.proto``
"""

import struct
from collections.abc import Mapping
from typing import Any

from testpilot_obs._core import diagnostics
from testpilot_obs.exporters import _repair
from testpilot_obs.exporters._otlp_values import (
    MAX_CACHED_TEXT,
    any_value,
    attribute_writer,
    remember,
    text_field,
)
from testpilot_obs.exporters._wire import BYTES, delimited, tag, varint
from testpilot_obs.protocols import LogRecord

_LOG_RECORD = tag(2, BYTES)  # the field of ScopeLogs
_SEVERITY_TEXT, _BODY = tag(3, BYTES), tag(5, BYTES)
_pack_times = struct.Struct("<BQBQ").pack
_pack_ids = struct.Struct(">2s16s2sQ").pack
_pack_flags = struct.Struct("<BI").pack
_write_attributes = attribute_writer(6)
_severities: dict[Any, bytes] = {}
_bodies: dict[Any, bytes] = {}


def encode_log(record: LogRecord) -> bytes:
    """Return a `LogRecord` as a field of its ``ScopeLogs``: tag, length and ``LogRecord``.

    What cannot be written as it is is mended, as for spans.
    """
    try:
        return _encode(record)
    except Exception:
        diagnostics.warn_once("log", "a log record needed repair before it could be encoded")
        return _encode(_repair.log(record))


def encode_line(
    *,
    time_ns: int,
    severity: tuple[int, str],
    body: Any,
    attributes: Mapping[str, Any],
    ids: tuple[int, int, int],
) -> bytes:
    """Return what `encode_log` does of a record with these values, and raise if it cannot be.

    Args:
        time_ns: When it happened, nanoseconds since the epoch.
        severity: OpenTelemetry's number, and its text in capitals.
        body: The event.
        attributes: Exportable ones.
        ids: (trace id, span id, trace flags); zeros if there is no trace.
    """
    parts = [
        # The moment we saw it is the moment it was made: both are ours.
        _pack_times(0x09, time_ns, 0x59, time_ns),
        _severities.get(severity) or _severity(severity),
        (_bodies.get(body) if type(body) is str else None) or _body(body),
    ]
    if attributes:
        _write_attributes(attributes, parts.append)
    trace_id, span_id, flags = ids
    if trace_id:
        parts.append(_pack_ids(b"\x4a\x10", trace_id.to_bytes(16, "big"), b"\x52\x08", span_id))
        parts.append(_pack_flags(0x45, flags))
    return delimited(_LOG_RECORD, b"".join(parts))


def _encode(record: LogRecord) -> bytes:
    return encode_line(
        time_ns=record.time_ns,
        severity=(record.severity_number, record.severity_text),
        body=record.body,
        attributes=record.attributes,
        ids=(record.trace_id, record.span_id, record.flags),
    )


def _severity(severity: tuple[int, str]) -> bytes:
    number, words = severity
    encoded = b"\x10" + varint(number) + text_field(_SEVERITY_TEXT, words)
    if type(words) is str and len(words) <= MAX_CACHED_TEXT:
        remember(_severities, severity, encoded)
    return encoded


def _body(body: object) -> bytes:
    encoded = delimited(_BODY, any_value(body))
    if type(body) is str and len(body) <= MAX_CACHED_TEXT:
        remember(_bodies, body, encoded)
    return encoded
