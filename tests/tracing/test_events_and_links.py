"""Events and links of spans."""

import pytest
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, SpanContext

from testpilot_obs._core import clock
from tests.tracing.helpers import remote


def test_イベントは名前と属性と時刻を持つ(tracer):
    """Events keep their order, attributes and explicit times."""
    span = tracer.start_span("x")

    span.add_event("a")
    span.add_event("b", {"k": [1]}, 123)

    first, second = span.events
    assert (first.name, dict(first.attributes)) == ("a", {})
    assert (second.name, dict(second.attributes), second.timestamp) == ("b", {"k": (1,)}, 123)


def test_時刻のないイベントは今起きた(tracer):
    """An event without a time happened now."""
    span = tracer.start_span("x")
    clock.use(time_ns=lambda: 77)

    span.add_event("a")

    assert span.events[0].timestamp == 77


def test_イベントは変えられない(tracer):
    """Events and their attributes are read-only, and copies of what was given."""
    given = {"k": [1]}
    span = tracer.start_span("x")
    span.add_event("a", given)
    given["k"].append(2)
    event = span.events[0]

    with pytest.raises(TypeError):
        event.attributes["k"] = 2
    with pytest.raises(AttributeError):
        event.name = "b"
    assert event.attributes["k"] == (1,)


def test_リンクは開始時にも後からも付けられる(tracer):
    """Links are given at the start and added later, with attributes."""
    one, two = remote(), SpanContext(7, 8, is_remote=False)
    span = tracer.start_span("x", links=[Link(one, {"a": 1})])

    span.add_link(two)

    assert [(link.context, dict(link.attributes)) for link in span.links] == [
        (one, {"a": 1}),
        (two, {}),
    ]


def test_現在のスパンにもリンクを付けられる(tracer):
    """A span that becomes current takes links too."""
    with tracer.start_as_current_span("x", links=[Link(remote())]) as span:
        pass

    assert [link.context for link in span.links] == [remote()]


def test_無効な文脈へのリンクは何か言う時だけ残る(tracer):
    """A link to nowhere is kept only if it has attributes or a trace state."""
    state = SpanContext(0, 0, is_remote=False, trace_state=remote().trace_state)
    span = tracer.start_span("x", links=[Link(INVALID_SPAN_CONTEXT), None, 5])

    span.add_link(INVALID_SPAN_CONTEXT)
    span.add_link(INVALID_SPAN_CONTEXT, {"a": 1})
    span.add_link(state)

    assert [dict(link.attributes) for link in span.links] == [{"a": 1}, {}]


@pytest.mark.parametrize("bad", [None, 5, "x", object()])
def test_リンクでないものは無視される(tracer, bad):
    """What is no span context is not linked."""
    span = tracer.start_span("x")

    span.add_link(bad, {"a": 1})

    assert span.links == ()


@pytest.mark.parametrize("bad", [None, [], (), 5, "text", {"a": 1}])
def test_列でないリンクは無視される(tracer, spans, bad):
    """Links that cannot be read cost no span."""
    with tracer.start_as_current_span("x", links=bad):
        pass
    tracer.start_span("y", links=bad).end()

    assert [(span.name, span.links) for span in spans] == [("x", ()), ("y", ())]
