"""Log records and metrics as lines for a person at a terminal."""

from collections.abc import Iterator
from typing import Any

from testpilot_obs.exporters import _repair
from testpilot_obs.exporters._console_text import visible
from testpilot_obs.exporters._console_tree import attributes_text, clock_time
from testpilot_obs.protocols import LogRecord, MetricFamily, MetricKind, Signal


def lines_of(signal: Signal, record: Any) -> Iterator[str]:
    """Yield the lines of one record, with line ends."""
    lines = [_log_line(record)] if signal == "logs" else _metric_lines(record)
    return (f"{line.rstrip()}\n" for line in lines)


def _log_line(record: LogRecord) -> str:
    mended = _repair.log(record)
    pairs = attributes_text(mended.attributes, frozenset())
    when = clock_time(mended.time_ns)
    return f"{when} {visible(mended.severity_text):<8} {visible(mended.body)}  {pairs}"


def _metric_lines(family: MetricFamily) -> Iterator[str]:
    for point in family.points:
        pairs = ", ".join(f"{visible(k)}={visible(v)}" for k, v in point.labels.items())
        value = f"{point.value:g}"
        if family.kind in {MetricKind.HISTOGRAM, MetricKind.SUMMARY}:
            value = f"count={point.count} sum={value}"
        yield f"{visible(family.name)}{{{pairs}}} {value} {visible(family.unit)}"
