"""One line of JSON for each span, log record or series, for programs that read a stream."""

import base64
import datetime
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from testpilot_obs._core.values import freeze, text
from testpilot_obs.exporters import _repair
from testpilot_obs.protocols import LogRecord, MetricFamily, MetricKind, Point, Signal

# Valid in JSON, but a terminal obeys some of them and some programs split lines at others.
_RAW_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029]")


def lines_of(signal: Signal, record: Any) -> Iterator[str]:
    """Yield the lines of one record, without line ends."""
    if signal == "traces":
        yield _dumps(_span(_repair.span(record)))
    elif signal == "logs":
        yield _dumps(_log(_repair.log(record)))
    else:
        for point in record.points:
            yield _dumps(_series(record, point))


def _span(span: Any) -> dict[str, Any]:
    line = {
        "span": span.name,
        "time": _time(span.start_ns),
        "duration_s": (span.end_ns - span.start_ns) / 1e9,
        "trace_id": f"{span.local.trace_id:032x}",
        "span_id": f"{span.span_id:016x}",
    }
    if span.parent_id is not None:
        line["parent_id"] = f"{span.parent_id:016x}"
    line["kind"] = getattr(span.kind, "name", "INTERNAL").lower()
    if span.attrs:
        line["attributes"] = span.attrs
    if span.extra is not None:
        line.update(_extra(span.extra))
    line["scope"] = text(span.scope.name)
    return line


def _extra(extra: Any) -> dict[str, Any]:
    line: dict[str, Any] = {}
    if extra.status is not None:
        line["status"] = extra.status.status_code.name.lower()
        if extra.status.description:
            line["status_message"] = extra.status.description
    if extra.events:
        line["events"] = [
            {"name": name, "time": _time(time_ns), "attributes": attributes or {}}
            for name, time_ns, attributes in extra.events
        ]
    if extra.links:
        line["links"] = [
            {
                "trace_id": f"{context.trace_id:032x}",
                "span_id": f"{context.span_id:016x}",
                "attributes": attributes or {},
            }
            for context, attributes in extra.links
        ]
    for kind in ("attributes", "events", "links"):
        if dropped := getattr(extra, f"dropped_{kind}"):
            line[f"dropped_{kind}"] = dropped
    return line


def _log(record: LogRecord) -> dict[str, Any]:
    line = {
        "log": record.body,
        "time": _time(record.time_ns),
        "level": record.severity_text.lower(),
        "logger": record.logger,
    }
    if record.trace_id:
        line["trace_id"] = f"{record.trace_id:032x}"
        line["span_id"] = f"{record.span_id:016x}"
    if record.attributes:
        line["attributes"] = record.attributes
    return line


def _series(family: MetricFamily, point: Point) -> dict[str, Any]:
    line: dict[str, Any] = {
        "metric": text(family.name),
        "time": _time(family.time_ns),
        "kind": family.kind.value,
        "labels": freeze(point.labels),
    }
    if family.unit:
        line["unit"] = text(family.unit)
    if family.kind not in {MetricKind.HISTOGRAM, MetricKind.SUMMARY}:
        return {**line, "value": point.value}
    line.update(count=point.count, sum=point.value)
    if family.kind is MetricKind.HISTOGRAM:
        line.update(bounds=point.bounds, bucket_counts=point.bucket_counts)
    return line


def _dumps(line: dict[str, Any]) -> str:
    dumped = json.dumps(_plain(line), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _RAW_CONTROLS.sub(lambda found: f"\\u{ord(found.group()):04x}", dumped)


def _plain(value: Any) -> Any:
    """Return an exportable in what JSON has: no bytes, no NaN."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _time(time_ns: int) -> str:
    """Return a moment as people and databases write it: ``2026-01-31T12:00:00.123456Z``."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    try:
        moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return str(time_ns)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds // 1000:06d}Z"
