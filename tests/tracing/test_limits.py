"""Limits of attributes, events and links, and what is dropped for them."""

import pytest
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.trace import Link, SpanContext

from testpilot_obs import tracing
from testpilot_obs.tracing import TracerProvider


def limited(**limits):
    """Return a tracer with those limits."""
    return TracerProvider(span_limits=SpanLimits(**limits)).get_tracer("t")


def link(number=1, **attributes):
    """Return a link to some span."""
    return Link(SpanContext(1, number, is_remote=False), attributes or None)


def test_属性の数には上限がある():
    """Attributes over the limit are dropped and counted, whenever they come."""
    span = limited(max_span_attributes=2).start_span("x", attributes={"a": 1, "b": 2, "c": 3})

    span.set_attribute("d", 4)
    span.set_attributes({"e": 5, "f": 6})

    assert (dict(span.attributes), span.dropped_attributes) == ({"a": 1, "b": 2}, 4)


def test_上限に達しても既にある鍵は更新される():
    """A key that is there can be set again, also among many new ones."""
    span = limited(max_span_attributes=2).start_span("x", attributes={"a": 1, "b": 2})

    span.set_attributes({"x": 1, "y": 2, "z": 3, "a": 9})

    assert (dict(span.attributes), span.dropped_attributes) == ({"a": 9, "b": 2}, 3)


def test_現在のスパンも上限を守る():
    """The fast path counts as the slow one does."""
    with limited(max_span_attributes=1).start_as_current_span(
        "x", attributes={"a": 1, "b": 2}
    ) as s:
        pass

    assert (dict(s.attributes), s.dropped_attributes) == ({"a": 1}, 1)


def test_イベントの数には上限がある():
    """Events over the limit are dropped and counted."""
    span = limited(max_events=2).start_span("x")

    for name in "abcd":
        span.add_event(name)

    assert ([event.name for event in span.events], span.dropped_events) == (["a", "b"], 2)


def test_リンクの数には上限がある():
    """Links over the limit are dropped and counted, at the start and later."""
    span = limited(max_links=2).start_span("x", links=[link(1), link(2), link(3)])

    span.add_link(link(4).context)

    assert ([one.context.span_id for one in span.links], span.dropped_links) == ([1, 2], 2)


def test_イベントとリンクの属性にも上限がある():
    """Attributes of events and links have limits of their own."""
    tracer = limited(max_event_attributes=1, max_link_attributes=2)
    span = tracer.start_span("x", links=[link(1, a=1, b=2, c=3)])

    span.add_event("e", {"a": 1, "b": 2, "c": 3})

    assert (dict(span.events[0].attributes), span.events[0].dropped_attributes) == ({"a": 1}, 2)
    assert (dict(span.links[0].attributes), span.links[0].dropped_attributes) == (
        {"a": 1, "b": 2},
        1,
    )


def test_例外の属性もイベントの上限を守る():
    """What a limit costs an exception's own attributes is counted."""
    span = limited(max_event_attributes=4).start_span("x")

    span.record_exception(ValueError("v"), {"a": 1, "b": 2})

    assert (len(span.events[0].attributes), span.events[0].dropped_attributes) == (4, 2)


@pytest.mark.parametrize(
    ("limits", "of_span", "of_event"),
    [
        ({"max_attribute_length": 3}, 3, 3),
        ({"max_span_attribute_length": 3}, 3, 10),
        ({"max_attribute_length": 3, "max_span_attribute_length": 5}, 5, 3),
    ],
)
def test_値の長さには上限がある(limits, of_span, of_event):
    """Text is cut to the limit; a span's own limit goes before the general one."""
    long = "x" * 10
    span = limited(**limits).start_span("s", attributes={"a": long}, links=[link(1, a=long)])
    span.set_attribute("b", long)
    span.set_attribute("c", [long, 1, {"k": long}])
    span.add_event("e", {"a": long})

    cut = "x" * of_span
    assert dict(span.attributes) == {"a": cut, "b": cut, "c": (cut, 1, {"k": cut})}
    assert span.events[0].attributes["a"] == span.links[0].attributes["a"] == "x" * of_event


def test_現在のスパンの値も切られる():
    """The fast path cuts as the slow one does."""
    with limited(max_attribute_length=2).start_as_current_span("x", attributes={"a": "xyz"}) as s:
        pass

    assert s.attributes == {"a": "xy"}


def test_上限は外せる():
    """`UNSET` takes a limit away."""
    unset = SpanLimits.UNSET
    tracer = limited(max_span_attributes=unset, max_events=unset, max_links=unset)

    span = tracer.start_span(
        "x",
        attributes={str(n): n for n in range(200)},
        links=[link(n + 1) for n in range(200)],
    )
    for n in range(200):
        span.add_event(str(n))

    assert (len(span.attributes), len(span.events), len(span.links)) == (200, 200, 200)


def test_上限ゼロでは何も残らない():
    """A limit of zero keeps nothing, and counts everything."""
    tracer = limited(max_attributes=0, max_span_attributes=0, max_events=0, max_links=0)
    span = tracer.start_span("x", attributes={"a": 1}, links=[link()])
    span.add_event("e")

    assert (span.attributes, span.events, span.links) == ({}, (), ())
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (1, 1, 1)


def test_束縛した項目も上限を守る(connect, queue):
    """Bound fields come after a span's own attributes, and are cut like them."""
    connect(span_attribute_count_limit=2, attribute_value_length_limit=3)

    with tracing.bound(a="own wins", c="12345", d=1), tracing.span("x", a=1):
        pass

    assert (dict(queue.items[0].attributes), queue.items[0].dropped_attributes) == (
        {"a": 1, "c": "123"},
        1,
    )


def test_上限は設定から読まれる(connect):
    """The `OTEL_*_LIMIT` settings reach the spans."""
    span = (
        connect(span_event_count_limit=1, event_attribute_count_limit=0)
        .get_tracer("t")
        .start_span("x")
    )
    span.add_event("a", {"k": 1})
    span.add_event("b")

    assert [(e.name, e.dropped_attributes) for e in span.events] == [("a", 1)]


def test_単独の提供者は環境の上限を読む(monkeypatch):
    """A provider that stands by itself takes its limits from the environment."""
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "1")
    span = TracerProvider().get_tracer("t").start_span("x")

    span.add_event("a")
    span.add_event("b")

    assert (len(span.events), span.dropped_events) == (1, 1)


def test_束縛した項目は切られるだけのこともある(connect, queue):
    """With a limit of length alone nothing is dropped."""
    connect(attribute_value_length_limit=2)

    with tracing.bound(a="123"), tracing.span("x", {}):
        pass

    assert (dict(queue.items[0].attributes), queue.items[0].dropped_attributes) == ({"a": "12"}, 0)
