"""A log line as OTLP's ``LogRecord``, straight to bytes.

Source:
    opentelemetry-proto, ``opentelemetry/proto/logs/v1/logs.proto``
"""

import struct

from testpilot_obs._core import diagnostics
from testpilot_obs.exporters import _repair
from testpilot_obs.exporters._otlp_values import any_value, attribute_writer, text_field
from testpilot_obs.exporters._wire import BYTES, delimited, tag, varint
from testpilot_obs.protocols import LogRecord

_LOG_RECORD = tag(2, BYTES)  # the field of ScopeLogs
_SEVERITY_TEXT, _BODY = tag(3, BYTES), tag(5, BYTES)
_pack_time = struct.Struct("<BQ").pack
_pack_ids = struct.Struct(">2s16s2sQ").pack
_pack_flags = struct.Struct("<BI").pack
_write_attributes = attribute_writer(6)


def encode_log(record: LogRecord) -> bytes:
    """Return a `LogRecord` as a field of its ``ScopeLogs``: tag, length and ``LogRecord``.

    What cannot be written as it is is mended, as for spans.
    """
    try:
        return _encode(record)
    except Exception:
        diagnostics.warn_once("log", "a log record needed repair before it could be encoded")
        return _encode(_repair.log(record))


def _encode(record: LogRecord) -> bytes:
    parts = [
        _pack_time(0x09, record.time_ns),
        # The moment we saw it is the moment it was made: both are ours.
        _pack_time(0x59, record.time_ns),
        b"\x10" + varint(record.severity_number),
        text_field(_SEVERITY_TEXT, record.severity_text),
        delimited(_BODY, any_value(record.body)),
    ]
    if record.attributes:
        _write_attributes(record.attributes, parts.append)
    if record.trace_id:
        trace_id = record.trace_id.to_bytes(16, "big")
        parts.append(_pack_ids(b"\x4a\x10", trace_id, b"\x52\x08", record.span_id))
        parts.append(_pack_flags(0x45, record.flags))
    return delimited(_LOG_RECORD, b"".join(parts))
