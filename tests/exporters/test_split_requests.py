"""A request of which only the bytes are left is counted and halved without loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from testpilot_obs.exporters import count_records, split_request
from testpilot_obs.protocols import LogRecord, MetricFamily, MetricKind, Point
from tests.exporters.builders import REQUESTS, Batch, Span

SCOPES = [InstrumentationScope("a", "1.0"), InstrumentationScope("b")]


def log(body):
    """Return a log record whose logger depends on its body."""
    return LogRecord(1, 9, "INFO", str(body), {"n": body}, f"logger {body % 2}")


def metric(points):
    """Return a metric with so many points."""
    rows = [Point({"n": str(n)}, value=n) for n in range(points)]
    return MetricFamily("hits_total", MetricKind.COUNTER, "hits", "", rows, 1)


def flat(signal, data):
    """Return (resource, scope, record) for each record of a request."""
    message = REQUESTS[signal].FromString(data)
    for _, groups in message.ListFields():
        for group in groups:
            for scoped in next(v for f, v in group.ListFields() if f.name.startswith("scope_")):
                for record in next(v for f, v in scoped.ListFields() if f.number == 2):
                    yield (
                        group.resource.SerializeToString(),
                        scoped.scope.SerializeToString(),
                        record.SerializeToString(),
                    )


@given(st.lists(st.integers(0, 1), min_size=2, max_size=20))
def test_半分ずつにしても全部が元の順にある(places):
    """Both halves together hold every span with its resource and scope, in order."""
    spans = [Span(span_id=n + 1, scope=SCOPES[place]) for n, place in enumerate(places)]
    request = Batch(*spans).otlp()

    first, second = split_request("traces", request)

    assert [*flat("traces", first), *flat("traces", second)] == list(flat("traces", request))
    counts = [count_records("traces", half) for half in (first, second)]
    assert counts == [len(spans) // 2, len(spans) - len(spans) // 2]


def test_ログも同じように分かれる():
    """Log records keep their loggers."""
    request = Batch(*(log(n) for n in range(5)), signal="logs").otlp()

    first, second = split_request("logs", request)

    assert [*flat("logs", first), *flat("logs", second)] == list(flat("logs", request))


def test_一つだけなら分けられない():
    """A request with a single record has no halves."""
    assert split_request("traces", Batch(Span()).otlp()) is None


@pytest.mark.parametrize("kind", list(MetricKind))
def test_計測は点を数える(kind):
    """Metrics are counted by their points, whatever their kind."""
    rows = [Point({"n": str(n)}, value=1, count=1, bucket_counts=(1,)) for n in range(3)]
    family = MetricFamily("m", kind, "", "", rows, 1)

    assert count_records("metrics", Batch(family, metric(2), signal="metrics").otlp()) == 5


def test_要求でないものはValueErrorになる():
    """Bytes that are no request are refused, not misread."""
    with pytest.raises(ValueError, match="ends within"):
        count_records("traces", b"\x0a\xff")
