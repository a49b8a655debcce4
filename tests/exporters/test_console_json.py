"""One line of JSON a record."""

import io
import json

import pytest
from hypothesis import given
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from testpilot_obs.exporters import ConsoleExporter
from testpilot_obs.protocols import LogRecord, MetricFamily, MetricKind, Point
from tests.exporters.builders import MS, START_NS, Batch, Extra, Span
from tests.exporters.strategies import ATTRIBUTES


def lines(*records, signal="traces"):
    """Return the printed lines, each read as strict JSON."""
    stream = io.StringIO()
    ConsoleExporter(stream, "json").export(Batch(*records, signal=signal), timeout_s=1)
    return [json.loads(line, parse_constant=refuse) for line in stream.getvalue().splitlines()]


def refuse(constant):
    """Fail on what is no JSON: NaN, Infinity."""
    raise AssertionError(constant)


def test_一つのスパンは一行になる():
    """A line has what tells one span from another, and no empty fields."""
    (line,) = lines(Span(attrs={"a": 1}))

    assert line == {
        "span": "work",
        "time": "2023-11-14T22:13:20.000000Z",
        "duration_s": 0.005,
        "trace_id": f"{0xABC:032x}",
        "span_id": f"{1:016x}",
        "kind": "internal",
        "attributes": {"a": 1},
        "scope": "tests",
    }


def test_出来事もリンクも状態も書かれる():
    """Events, links, status and drops are there when there are any."""
    extra = Extra(
        events=[("e", START_NS + MS, {"k": b"\xff"})],
        links=[(SpanContext(1, 2, is_remote=True), None)],
        status=Status(StatusCode.ERROR, "bad"),
        dropped_events=3,
    )
    (line,) = lines(Span(parent_id=9, kind=SpanKind.SERVER, extra=extra))

    assert (line["parent_id"], line["kind"]) == (f"{9:016x}", "server")
    assert (line["status"], line["status_message"]) == ("error", "bad")
    assert line["events"][0]["attributes"] == {"k": "/w=="}
    assert line["links"][0]["span_id"] == f"{2:016x}"
    assert line["dropped_events"] == 3


@given(ATTRIBUTES)
def test_どの属性でも正しいJSONの一行になる(attributes):
    """Any attributes make one line of strict JSON."""
    assert len(lines(Span(attrs=attributes))) == 1


@pytest.mark.guarded
@pytest.mark.parametrize(
    "bad",
    [
        {"k": float("nan")},
        {"k": "\ud800"},
        {"k": "\u2028\x85\x9b"},
        {"k": 10**30},
        {3: object()},
    ],
    ids=["nan", "surrogate", "separators", "huge int", "odd key"],
)
def test_おかしな値でも正しいJSONの一行になる(bad):
    """Values that JSON does not have make a line of strict JSON all the same."""
    (line,) = lines(Span(attrs=bad, name=None, end_ns=2**90))

    assert line["span"] == "None"


def test_暦に収まらない時刻は数のまま書かれる():
    """A moment beyond the calendar is written as its number."""
    (line,) = lines(Span(start_ns=2**64 - 1, end_ns=2**64 - 1))

    assert line["time"].startswith(("1844", "2554"))


def test_ログも一行になる():
    """A log record is a line, with ids if it has any."""
    inside = LogRecord(START_NS, 9, "INFO", "hi", {"a": (1, 2)}, "app", trace_id=5, span_id=6)
    outside = LogRecord(START_NS, 9, "INFO", "hi", {}, "app")
    first, second = lines(inside, outside, signal="logs")

    assert first["trace_id"] == f"{5:032x}"
    assert first["attributes"] == {"a": [1, 2]}
    assert second == {
        "log": "hi",
        "time": "2023-11-14T22:13:20.000000Z",
        "level": "info",
        "logger": "app",
    }


def test_系列ごとに一行になる():
    """Each series of a metric is a line with its labels."""
    points = [Point({"a": "1"}, 2.0), Point({"a": "2"}, float("inf"))]
    gauge = MetricFamily("g", MetricKind.GAUGE, "", "s", points, START_NS)
    histogram = MetricFamily(
        "h", MetricKind.HISTOGRAM, "", "", [Point({}, 1.5, 2, (1, 1), (0.5,))], START_NS
    )
    printed = lines(gauge, histogram, signal="metrics")

    assert [line.get("value") for line in printed] == [2.0, "Infinity", None]
    assert printed[0]["unit"] == "s"
    assert (printed[2]["count"], printed[2]["bucket_counts"]) == (2, [1, 1])
