"""A metric with its series as OTLP's ``Metric``, straight to bytes.

Source:
    opentelemetry-proto, ``opentelemetry/proto/metrics/v1/metrics.proto``
"""

import struct
from collections.abc import Callable, Mapping, Sequence

from testpilot_obs._core.values import text
from testpilot_obs.exporters import _repair
from testpilot_obs.exporters._otlp_values import attribute_writer, text_field
from testpilot_obs.exporters._wire import BYTES, MAX_UINT64, delimited, tag, varint
from testpilot_obs.protocols import (
    Exemplar,
    ExponentialBuckets,
    Labels,
    MetricFamily,
    MetricKind,
    Point,
)

_METRIC = tag(2, BYTES)  # the field of ScopeMetrics
_NAME, _DESCRIPTION, _UNIT = tag(1, BYTES), tag(2, BYTES), tag(3, BYTES)
_DATA = {
    MetricKind.GAUGE: tag(5, BYTES),
    MetricKind.INFO: tag(5, BYTES),
    MetricKind.STATE_SET: tag(5, BYTES),
    MetricKind.COUNTER: tag(7, BYTES),
    MetricKind.HISTOGRAM: tag(9, BYTES),
    MetricKind.SUMMARY: tag(11, BYTES),
}
_EXPONENTIAL = tag(10, BYTES)
_DELTA, _CUMULATIVE, _MONOTONIC = b"\x10\x01", b"\x10\x02", b"\x18\x01"
_HAS_TEMPORALITY = {MetricKind.COUNTER: _MONOTONIC, MetricKind.HISTOGRAM: b""}
_NUMBERS = frozenset({MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.INFO, MetricKind.STATE_SET})
_POINT, _BUCKET_COUNTS, _BOUNDS = tag(1, BYTES), tag(6, BYTES), tag(7, BYTES)
_NUMBER_EXEMPLAR, _HISTOGRAM_EXEMPLAR = tag(5, BYTES), tag(8, BYTES)
_EXPONENTIAL_EXEMPLAR, _POSITIVE, _NEGATIVE = tag(11, BYTES), tag(8, BYTES), tag(9, BYTES)
_SPAN_ID, _TRACE_ID = b"\x22\x08", b"\x2a\x10"
_START, _TIME, _AS_DOUBLE, _COUNT, _SUM = 0x11, 0x19, 0x21, 0x21, 0x29
_EXEMPLAR_TIME, _EXEMPLAR_DOUBLE, _ZERO_COUNT = 0x11, 0x19, 0x39
_SCALE, _OFFSET, _DENSE_COUNTS = b"\x30", b"\x08", tag(2, BYTES)
_pack_start_time_double = struct.Struct("<BQBQBd").pack
_pack_time_double = struct.Struct("<BQBd").pack
_pack_uint = struct.Struct("<BQ").pack
_pack_double = struct.Struct("<Bd").pack
_write_labels = attribute_writer(7)
_write_histogram_labels = attribute_writer(9)
_write_exponential_labels = attribute_writer(1)


def encode_metric(family: MetricFamily) -> bytes:
    """Return a `MetricFamily` as a field of its ``ScopeMetrics``: tag, length and ``Metric``.

    A series whose numbers or labels cannot be written is mended or, if it has no number at all,
    written as zero; the others are not touched.
    """
    is_exponential = any(point.exponential is not None for point in family.points)
    encode = _encoder(family, is_exponential=is_exponential)
    points = [delimited(_POINT, _point(encode, family, point)) for point in family.points]
    if family.kind in _HAS_TEMPORALITY:
        points.append(_DELTA if family.is_delta else _CUMULATIVE)
        points.append(_HAS_TEMPORALITY[family.kind])
    body = [
        text_field(_NAME, family.name),
        text_field(_DESCRIPTION, family.documentation),
        text_field(_UNIT, family.unit),
        delimited(_EXPONENTIAL if is_exponential else _DATA[family.kind], b"".join(points)),
    ]
    return delimited(_METRIC, b"".join(body))


_Encode = Callable[[MetricFamily, Point], bytes]


def _encoder(family: MetricFamily, *, is_exponential: bool) -> _Encode:
    if is_exponential:
        return _encode_exponential
    if family.kind in _NUMBERS:
        return _encode_number
    return _encode_summary if family.kind is MetricKind.SUMMARY else _encode_histogram


def _point(encode: _Encode, family: MetricFamily, point: Point) -> bytes:
    try:
        return encode(family, point)
    except (TypeError, ValueError, OverflowError, AttributeError, struct.error):
        return encode(family, _mended(point))


def _encode_number(family: MetricFamily, point: Point) -> bytes:
    # One call packs what most series are: 10,000 of them take 6 ms instead of 25.
    labels = point.labels
    known = getattr(labels, "otlp", None)
    if known is None:
        known = _number_labels(labels)
    time_ns = family.time_ns
    if type(time_ns) is not int or not 0 <= time_ns <= MAX_UINT64:
        time_ns = _repair.uint(time_ns, MAX_UINT64)
    if point.start_ns:
        head = _pack_start_time_double(
            _START, point.start_ns, _TIME, time_ns, _AS_DOUBLE, point.value
        )
    else:
        head = _pack_time_double(_TIME, time_ns, _AS_DOUBLE, point.value)
    if point.exemplars:
        known += _exemplars(_NUMBER_EXEMPLAR, point.exemplars)
    return head + known


def _number_labels(labels: Mapping[str, str]) -> bytes:
    parts: list[bytes] = []
    _write_labels(labels, parts.append)
    encoded = b"".join(parts)
    if type(labels) is Labels:
        labels.otlp = encoded
    return encoded


def _head(family: MetricFamily, point: Point, count: int) -> list[bytes]:
    parts = [_pack_uint(_TIME, _repair.uint(family.time_ns, MAX_UINT64))]
    if point.start_ns:
        parts.append(_pack_uint(_START, point.start_ns))
    return [*parts, _pack_uint(_COUNT, count), _pack_double(_SUM, point.value)]


def _encode_summary(family: MetricFamily, point: Point) -> bytes:
    parts = _head(family, point, point.count)
    _write_labels(point.labels, parts.append)
    return b"".join(parts)


def _encode_histogram(family: MetricFamily, point: Point) -> bytes:
    parts = _head(family, point, point.count)
    parts.append(delimited(_BUCKET_COUNTS, _packed("Q", point.bucket_counts)))
    parts.append(delimited(_BOUNDS, _packed("d", point.bounds)))
    labels = point.labels
    if type(labels) is Labels:
        known = getattr(labels, "otlp", None)
        if known is None:
            written: list[bytes] = []
            _write_histogram_labels(labels, written.append)
            known = labels.otlp = b"".join(written)
        parts.append(known)
    else:
        _write_histogram_labels(labels, parts.append)
    if point.exemplars:
        parts.append(_exemplars(_HISTOGRAM_EXEMPLAR, point.exemplars))
    return b"".join(parts)


def _encode_exponential(family: MetricFamily, point: Point) -> bytes:
    ranges = point.exponential or ExponentialBuckets(0, 0, 0, (), 0, ())
    count = ranges.zero_count + sum(ranges.positive) + sum(ranges.negative)
    parts = _head(family, point, count)
    parts.append(_SCALE + varint(_zigzag(ranges.scale)))
    parts.append(_pack_uint(_ZERO_COUNT, ranges.zero_count))
    parts.append(delimited(_POSITIVE, _ranges(ranges.positive_offset, ranges.positive)))
    parts.append(delimited(_NEGATIVE, _ranges(ranges.negative_offset, ranges.negative)))
    _write_exponential_labels(point.labels, parts.append)
    if point.exemplars:
        parts.append(_exemplars(_EXPONENTIAL_EXEMPLAR, point.exemplars))
    return b"".join(parts)


def _ranges(offset: int, counts: Sequence[int]) -> bytes:
    if not counts:
        return b""
    dense = b"".join(map(varint, counts))
    return _OFFSET + varint(_zigzag(offset)) + delimited(_DENSE_COUNTS, dense)


def _zigzag(number: int) -> int:
    """Return a signed number as protobuf's sint32 wants it: 0, -1, 1, -2 as 0, 1, 2, 3."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def _exemplars(tag_bytes: bytes, kept: Sequence[Exemplar]) -> bytes:
    return b"".join(delimited(tag_bytes, _exemplar(one)) for one in kept)


def _exemplar(kept: Exemplar) -> bytes:
    parts = [
        _pack_uint(_EXEMPLAR_TIME, kept.time_ns),
        _pack_double(_EXEMPLAR_DOUBLE, kept.value),
    ]
    if kept.trace_id:
        parts.append(_SPAN_ID + kept.span_id.to_bytes(8, "big"))
        parts.append(_TRACE_ID + kept.trace_id.to_bytes(16, "big"))
    return b"".join(parts)


def _packed(code: str, numbers: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def _mended(point: Point) -> Point:
    return Point(
        labels={text(key): text(value) for key, value in dict(point.labels).items()},
        value=_number(point.value),
        count=_repair.uint(point.count, MAX_UINT64),
        bucket_counts=tuple(_repair.uint(count, MAX_UINT64) for count in point.bucket_counts),
        bounds=tuple(_number(bound) for bound in point.bounds),
        start_ns=_repair.uint(point.start_ns, MAX_UINT64),
        exponential=point.exponential,
    )


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
