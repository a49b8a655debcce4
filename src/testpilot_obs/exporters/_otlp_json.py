"""OTLP's protobuf bytes as OTLP/JSON: one encoding is made, and this is its other spelling.

Records were mended and bounded when they became bytes, so nothing can go wrong here, and the two
cannot differ. A tree of tables says what each field number means.

Source:
    OpenTelemetry protocol specification, "JSON Protobuf Encoding": names in lowerCamelCase, ids
    in hex, enums as numbers; and the proto3 JSON mapping: 64-bit integers as text, bytes in
    base64, ``"NaN"``, ``"Infinity"``.
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from testpilot_obs.exporters import _wire
from testpilot_obs.protocols import Signal

_Table = dict[int, tuple[str, Any, bool]]
"""Field number -> (JSON name, reader or table of a message, whether it is repeated)."""


def to_json(signal: Signal, request: bytes) -> str:
    """Return an ``Export…ServiceRequest`` as one line of JSON, without line breaks.

    Raises:
        ValueError: If *request* is not protobuf.
    """
    return json.dumps(_message(_REQUESTS[signal], request), separators=(",", ":"))


def _message(table: _Table, data: bytes) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for number, raw in _wire.fields(data):
        field = table.get(number)
        if field is None:
            continue
        name, reader, is_repeated = field
        value = _message(reader, raw) if isinstance(reader, dict) else reader(raw)  # type: ignore[arg-type]
        if not is_repeated:
            read[name] = value
        elif isinstance(value, list):
            read.setdefault(name, []).extend(value)
        else:
            read.setdefault(name, []).append(value)
    return read


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _int64(raw: int) -> str:
    return str(_wire.signed(raw))


def _fixed64(raw: bytes) -> str:
    return str(_wire.unpack_fixed64(raw)[0])


def _fixed32(raw: bytes) -> int:
    number: int = _wire.unpack_fixed32(raw)[0]
    return number


def _double(raw: bytes) -> float | str:
    number: float = _wire.unpack_double(raw)[0]
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _packed(read: Callable[[bytes], Any]) -> Callable[[bytes], list[Any]]:
    return lambda raw: [read(raw[at : at + 8]) for at in range(0, len(raw), 8)]


def _sint32(raw: int) -> int:
    return (raw >> 1) ^ -(raw & 1)


def _packed_varints(raw: bytes) -> list[str]:
    numbers, position = [], 0
    while position < len(raw):
        number, position = _wire.read_varint(raw, position)
        numbers.append(str(number))
    return numbers


def _table(fields: Mapping[int, tuple[str, Any]]) -> _Table:
    """Return a table whose repeated fields are marked by ``*`` before the name."""
    return {n: (name.lstrip("*"), reader, name[0] == "*") for n, (name, reader) in fields.items()}


_hex = bytes.hex
_ANY_VALUE: _Table = {}
_KEY_VALUE = _table({1: ("key", _text), 2: ("value", _ANY_VALUE)})
_ANY_VALUE.update(
    _table(
        {
            1: ("stringValue", _text),
            2: ("boolValue", bool),
            3: ("intValue", _int64),
            4: ("doubleValue", _double),
            5: ("arrayValue", _table({1: ("*values", _ANY_VALUE)})),
            6: ("kvlistValue", _table({1: ("*values", _KEY_VALUE)})),
            7: ("bytesValue", _base64),
        }
    )
)
_RESOURCE = _table({1: ("*attributes", _KEY_VALUE)})
_SCOPE = _table({1: ("name", _text), 2: ("version", _text), 3: ("*attributes", _KEY_VALUE)})
_EVENT = _table(
    {
        1: ("timeUnixNano", _fixed64),
        2: ("name", _text),
        3: ("*attributes", _KEY_VALUE),
        4: ("droppedAttributesCount", int),
    }
)
_LINK = _table(
    {
        1: ("traceId", _hex),
        2: ("spanId", _hex),
        3: ("traceState", _text),
        4: ("*attributes", _KEY_VALUE),
        5: ("droppedAttributesCount", int),
        6: ("flags", _fixed32),
    }
)
_SPAN = _table(
    {
        1: ("traceId", _hex),
        2: ("spanId", _hex),
        3: ("traceState", _text),
        4: ("parentSpanId", _hex),
        5: ("name", _text),
        6: ("kind", int),
        7: ("startTimeUnixNano", _fixed64),
        8: ("endTimeUnixNano", _fixed64),
        9: ("*attributes", _KEY_VALUE),
        10: ("droppedAttributesCount", int),
        11: ("*events", _EVENT),
        12: ("droppedEventsCount", int),
        13: ("*links", _LINK),
        14: ("droppedLinksCount", int),
        15: ("status", _table({2: ("message", _text), 3: ("code", int)})),
        16: ("flags", _fixed32),
    }
)
_LOG_RECORD = _table(
    {
        1: ("timeUnixNano", _fixed64),
        2: ("severityNumber", int),
        3: ("severityText", _text),
        5: ("body", _ANY_VALUE),
        6: ("*attributes", _KEY_VALUE),
        8: ("flags", _fixed32),
        9: ("traceId", _hex),
        10: ("spanId", _hex),
        11: ("observedTimeUnixNano", _fixed64),
    }
)
_EXEMPLAR = _table(
    {
        2: ("timeUnixNano", _fixed64),
        3: ("asDouble", _double),
        4: ("spanId", _hex),
        5: ("traceId", _hex),
    }
)
_NUMBER_POINT = _table(
    {
        2: ("startTimeUnixNano", _fixed64),
        3: ("timeUnixNano", _fixed64),
        4: ("asDouble", _double),
        5: ("*exemplars", _EXEMPLAR),
        7: ("*attributes", _KEY_VALUE),
    }
)
_SUMMARY_POINT = _table(
    {
        2: ("startTimeUnixNano", _fixed64),
        3: ("timeUnixNano", _fixed64),
        4: ("count", _fixed64),
        5: ("sum", _double),
        7: ("*attributes", _KEY_VALUE),
    }
)
_HISTOGRAM_POINT = _table(
    {
        2: ("startTimeUnixNano", _fixed64),
        3: ("timeUnixNano", _fixed64),
        4: ("count", _fixed64),
        5: ("sum", _double),
        6: ("*bucketCounts", _packed(_fixed64)),
        7: ("*explicitBounds", _packed(_double)),
        8: ("*exemplars", _EXEMPLAR),
        9: ("*attributes", _KEY_VALUE),
    }
)
_RANGES = _table({1: ("offset", _sint32), 2: ("*bucketCounts", _packed_varints)})
_EXPONENTIAL_POINT = _table(
    {
        1: ("*attributes", _KEY_VALUE),
        2: ("startTimeUnixNano", _fixed64),
        3: ("timeUnixNano", _fixed64),
        4: ("count", _fixed64),
        5: ("sum", _double),
        6: ("scale", _sint32),
        7: ("zeroCount", _fixed64),
        8: ("positive", _RANGES),
        9: ("negative", _RANGES),
        11: ("*exemplars", _EXEMPLAR),
    }
)


def _data(point: _Table) -> _Table:
    return _table(
        {1: ("*dataPoints", point), 2: ("aggregationTemporality", int), 3: ("isMonotonic", bool)}
    )


_METRIC = _table(
    {
        1: ("name", _text),
        2: ("description", _text),
        3: ("unit", _text),
        5: ("gauge", _data(_NUMBER_POINT)),
        7: ("sum", _data(_NUMBER_POINT)),
        9: ("histogram", _data(_HISTOGRAM_POINT)),
        10: ("exponentialHistogram", _data(_EXPONENTIAL_POINT)),
        11: ("summary", _data(_SUMMARY_POINT)),
    }
)


def _request(what: str, records: str, record: _Table) -> _Table:
    scopes = _table({1: ("scope", _SCOPE), 2: (f"*{records}", record), 3: ("schemaUrl", _text)})
    resources = _table({1: ("resource", _RESOURCE), 2: (f"*scope{what}", scopes)})
    return _table({1: (f"*resource{what}", resources)})


_REQUESTS: dict[Signal, _Table] = {
    "traces": _request("Spans", "spans", _SPAN),
    "logs": _request("Logs", "logRecords", _LOG_RECORD),
    "metrics": _request("Metrics", "metrics", _METRIC),
}
