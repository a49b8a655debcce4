"""The receiver's process: takes OTLP over a socket, and says what it got when asked."""

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

from examples.demo.child import tell
from examples.demo.evidence import Evidence, Log, Point, Span
from testpilot_obs.testing.receiver import OtlpReceiver, Received

STATUS_ERROR = 2
HIDDEN_FIELDS = ("code.", "thread.", "testpilot_obs.")


def main() -> int:
    """Receive until stdin closes; answer each line of stdin with everything so far."""
    with OtlpReceiver() as receiver:
        tell({"endpoint": receiver.http_endpoint})
        for _ in sys.stdin:
            tell(dataclasses.asdict(describe(receiver)))
    return 0


def describe(receiver: OtlpReceiver) -> Evidence:
    """Return what was received, in plain words and numbers."""
    points = [point for metric in receiver.metrics for point in points_of(metric)]
    newest = {(p.service, p.metric, *sorted(p.labels.items())): p for p in points}
    return Evidence(
        spans=[span_of(got) for got in receiver.spans],
        logs=[log_of(got) for got in receiver.logs],
        points=list(newest.values()),
        point_count=len(points),
        requests=len(receiver.requests),
    )


def span_of(got: Received) -> Span:
    """Return a decoded span."""
    return Span(
        service=got.resource["service.name"],
        name=got.name,
        trace_id=got.trace_id.hex(),
        span_id=got.span_id.hex(),
        parent_id=got.parent_span_id.hex(),
        start_ns=got.start_time_unix_nano,
        end_ns=got.end_time_unix_nano,
        failed=got.status.code == STATUS_ERROR,
        events=[event.name for event in got.events],
    )


def log_of(got: Received) -> Log:
    """Return a decoded log record."""
    fields = got.attributes.items()
    return Log(
        service=got.resource["service.name"],
        trace_id=got.trace_id.hex(),
        time_ns=got.time_unix_nano,
        severity=got.severity_text,
        body=got.body.string_value,
        attributes={k: v for k, v in fields if not k.startswith(HIDDEN_FIELDS)},
    )


def points_of(got: Received) -> Iterator[Point]:
    """Yield the points of a decoded metric: one for each series."""
    series: Any = getattr(got.record, got.record.WhichOneof("data"))
    for point in series.data_points:
        labels = {pair.key: pair.value.string_value for pair in point.attributes}
        about = {"service": got.resource["service.name"], "metric": got.name, "labels": labels}
        if hasattr(point, "bucket_counts"):
            yield Point(
                **about,
                value=point.sum,
                count=point.count,
                buckets=list(point.bucket_counts),
                bounds=list(point.explicit_bounds),
            )
        else:
            yield Point(**about, value=point.as_double or point.as_int)


if __name__ == "__main__":
    sys.exit(main())
