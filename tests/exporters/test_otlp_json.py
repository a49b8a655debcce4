"""OTLP/JSON, read by Google's own reader."""

import base64
import json

import pytest
from google.protobuf import json_format
from hypothesis import given
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceState

from testpilot_obs.exporters._otlp_json import to_json
from testpilot_obs.protocols import LogRecord, MetricFamily, MetricKind, Point
from tests.exporters.builders import START_NS, Batch, Extra, LocalTrace, Span, decoded
from tests.exporters.strategies import ATTRIBUTES

IDS = {"traceId", "spanId", "parentSpanId"}


def read_by_google(batch):
    """Return what Google reads from our JSON, with the ids in base64 as it wants them."""
    ours = json.loads(to_json(batch.signal, batch.otlp()))
    message = type(decoded(batch))()
    json_format.ParseDict(with_base64_ids(ours), message)
    return message


def with_base64_ids(node):
    """Return JSON with its hex ids in base64."""
    if isinstance(node, list):
        return [with_base64_ids(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode()
        if key in IDS
        else with_base64_ids(value)
        for key, value in node.items()
    }


def same(one, other):
    """Return whether two messages say the same; all NaN are one."""
    return str(one) == str(other)


def metric(kind, **fields):
    """Return one metric with one series."""
    return MetricFamily("m", kind, "doc", "s", [Point({"a": "b"}, **fields)], START_NS)


FULL = Span(
    local=LocalTrace(trace_state=TraceState([("a", "b")]), remote_parent_id=9),
    parent_id=9,
    attrs={"text": "日本", "n": -5, "t": (1, None, True), "d": {"x": 1.5}, "b": b"\xff"},
    extra=Extra(
        events=[("e", START_NS, {"k": float("nan")}), ("f", START_NS, None)],
        links=[(SpanContext(1, 2, is_remote=True), {"inf": float("-inf")})],
        status=Status(StatusCode.ERROR, "bad"),
        dropped_attributes=1,
        dropped_events=2,
        dropped_links=3,
    ),
)
LOG = LogRecord(START_NS, 17, "ERROR", {"a": (1, "x")}, {"k": "v"}, "app", 5, 6, 1)
CASES = {
    "span": Batch(FULL, Span()),
    "log": Batch(LOG, signal="logs"),
    "counter": Batch(metric(MetricKind.COUNTER, value=3.0, start_ns=1), signal="metrics"),
    "gauge": Batch(metric(MetricKind.GAUGE, value=float("inf")), signal="metrics"),
    "histogram": Batch(
        metric(MetricKind.HISTOGRAM, value=1.5, count=2, bucket_counts=(1, 1), bounds=(0.5,)),
        signal="metrics",
    ),
    "summary": Batch(metric(MetricKind.SUMMARY, value=1.5, count=2), signal="metrics"),
}


@pytest.mark.parametrize("batch", CASES.values(), ids=CASES)
def test_どの信号もグーグルが同じに読む(batch):
    """Google reads each kind of record as the official message that the protobuf is."""
    assert same(read_by_google(batch), decoded(batch))


@given(ATTRIBUTES)
def test_どの属性もグーグルが同じに読む(attributes):
    """Google reads each attribute of any type as the official message that the protobuf is."""
    batch = Batch(Span(attrs=attributes))

    assert same(read_by_google(batch), decoded(batch))


def test_一行に収まる():
    """Line breaks within values are escaped, so a batch is one line."""
    line = to_json("traces", Batch(Span(name="two\nlines\u2028three")).otlp())

    assert len(line.splitlines()) == 1
