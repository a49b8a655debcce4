"""A metric with its series as OTLP's ``Metric``, cumulative, straight to bytes.

Source:
    opentelemetry-proto, ``opentelemetry/proto/metrics/v1/metrics.proto``
"""

import struct
from collections.abc import Sequence

from testpilot_obs._core.values import text
from testpilot_obs.exporters import _repair
from testpilot_obs.exporters._otlp_values import attribute_writer, text_field
from testpilot_obs.exporters._wire import BYTES, MAX_UINT64, delimited, tag
from testpilot_obs.protocols import MetricFamily, MetricKind, Point

_METRIC = tag(2, BYTES)  # the field of ScopeMetrics
_NAME, _DESCRIPTION, _UNIT = tag(1, BYTES), tag(2, BYTES), tag(3, BYTES)
_DATA = {
    MetricKind.GAUGE: tag(5, BYTES),
    MetricKind.COUNTER: tag(7, BYTES),
    MetricKind.HISTOGRAM: tag(9, BYTES),
    MetricKind.SUMMARY: tag(11, BYTES),
}
_CUMULATIVE, _MONOTONIC = b"\x10\x02", b"\x18\x01"
_TEMPORALITY = {
    MetricKind.COUNTER: _CUMULATIVE + _MONOTONIC,
    MetricKind.HISTOGRAM: _CUMULATIVE,
}
_POINT, _BUCKET_COUNTS, _BOUNDS = tag(1, BYTES), tag(6, BYTES), tag(7, BYTES)
_START, _TIME, _AS_DOUBLE, _COUNT, _SUM = 0x11, 0x19, 0x21, 0x21, 0x29
_pack_uint = struct.Struct("<BQ").pack
_pack_double = struct.Struct("<Bd").pack
_write_labels = attribute_writer(7)
_write_histogram_labels = attribute_writer(9)


def encode_metric(family: MetricFamily) -> bytes:
    """Return a `MetricFamily` as a field of its ``ScopeMetrics``: tag, length and ``Metric``.

    A series whose numbers or labels cannot be written is mended or, if it has no number at all,
    written as zero; the others are not touched.
    """
    points = [delimited(_POINT, _point(family, point)) for point in family.points]
    data = b"".join(points) + _TEMPORALITY.get(family.kind, b"")
    body = [
        text_field(_NAME, family.name),
        text_field(_DESCRIPTION, family.documentation),
        text_field(_UNIT, family.unit),
        delimited(_DATA[family.kind], data),
    ]
    return delimited(_METRIC, b"".join(body))


def _point(family: MetricFamily, point: Point) -> bytes:
    try:
        return _encode_point(family, point)
    except (TypeError, ValueError, OverflowError, AttributeError, struct.error):
        return _encode_point(family, _mended(point))


def _encode_point(family: MetricFamily, point: Point) -> bytes:
    parts = [_pack_uint(_TIME, _repair.uint(family.time_ns, MAX_UINT64))]
    if point.start_ns:
        parts.append(_pack_uint(_START, point.start_ns))
    if family.kind in {MetricKind.COUNTER, MetricKind.GAUGE}:
        parts.append(_pack_double(_AS_DOUBLE, point.value))
        _write_labels(point.labels, parts.append)
        return b"".join(parts)
    parts.append(_pack_uint(_COUNT, point.count))
    parts.append(_pack_double(_SUM, point.value))
    if family.kind is MetricKind.SUMMARY:
        _write_labels(point.labels, parts.append)
        return b"".join(parts)
    parts.append(delimited(_BUCKET_COUNTS, _packed("Q", point.bucket_counts)))
    parts.append(delimited(_BOUNDS, _packed("d", point.bounds)))
    _write_histogram_labels(point.labels, parts.append)
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
    )


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0.0
