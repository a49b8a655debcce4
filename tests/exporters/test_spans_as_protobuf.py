"""Spans as OTLP protobuf, compared field by field with the official messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1 import trace_pb2 as pb
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from tests.exporters.builders import (
    START_NS,
    Batch,
    Extra,
    LocalTrace,
    Span,
    decoded,
    decoded_span,
    pairs,
)
from tests.exporters.strategies import ATTRIBUTES, SPAN_IDS, STATES, TEXT, TRACE_IDS, UINT64

HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200
EVENTS = st.lists(st.tuples(TEXT, UINT64, ATTRIBUTES), max_size=3)
CONTEXTS = st.builds(
    SpanContext,
    TRACE_IDS,
    SPAN_IDS,
    st.booleans(),
    st.integers(0, 255).map(TraceFlags),
    STATES.map(TraceState),
)
LINKS = st.lists(st.tuples(CONTEXTS, ATTRIBUTES), max_size=3)
STATUSES = (
    st.none()
    | st.builds(Status, st.just(StatusCode.ERROR), st.none() | TEXT)
    | st.sampled_from([Status(StatusCode.OK), Status(StatusCode.UNSET)])
)
COUNTS = st.integers(0, 2**32 - 1)
EXTRAS = st.none() | st.builds(
    Extra, st.none() | EVENTS, st.none() | LINKS, STATUSES, COUNTS, COUNTS, COUNTS
)
LOCALS = st.builds(LocalTrace, TRACE_IDS, st.integers(0, 255), STATES.map(TraceState), SPAN_IDS)


@st.composite
def spans(draw):
    """Return a span with anything that is allowed in it."""
    local = draw(LOCALS)
    start_ns, end_ns = sorted((draw(UINT64), draw(UINT64)))
    parents = st.none() | SPAN_IDS | st.just(local.remote_parent_id)
    return Span(
        name=draw(TEXT),
        kind=draw(st.sampled_from(list(SpanKind))),
        local=local,
        span_id=draw(SPAN_IDS),
        parent_id=draw(parents),
        start_ns=start_ns,
        end_ns=end_ns,
        attrs=draw(ATTRIBUTES),
        extra=draw(EXTRAS),
    )


def official(span):
    """Return the official message of a span."""
    extra = span.extra or Extra()
    parent = span.parent_id
    remote = IS_REMOTE if parent is not None and parent == span.local.remote_parent_id else 0
    return pb.Span(
        trace_id=span.local.trace_id.to_bytes(16, "big"),
        span_id=span.span_id.to_bytes(8, "big"),
        parent_span_id=b"" if parent is None else parent.to_bytes(8, "big"),
        trace_state=span.local.trace_state.to_header(),
        name=span.name,
        kind=span.kind.value + 1,
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=pairs(span.attrs),
        events=[official_event(*event) for event in extra.events or ()],
        links=[official_link(*link) for link in extra.links or ()],
        status=official_status(extra.status),
        dropped_attributes_count=extra.dropped_attributes,
        dropped_events_count=extra.dropped_events,
        dropped_links_count=extra.dropped_links,
        flags=HAS_IS_REMOTE | remote | span.local.flags,
    )


def official_event(name, time_ns, attributes):
    """Return the official message of an event."""
    return pb.Span.Event(name=name, time_unix_nano=time_ns, attributes=pairs(attributes))


def official_link(context, attributes):
    """Return the official message of a link."""
    remote = IS_REMOTE if context.is_remote else 0
    return pb.Span.Link(
        trace_id=context.trace_id.to_bytes(16, "big"),
        span_id=context.span_id.to_bytes(8, "big"),
        trace_state=context.trace_state.to_header(),
        attributes=pairs(attributes),
        flags=HAS_IS_REMOTE | remote | context.trace_flags,
    )


def official_status(status):
    """Return the official message of a status."""
    status = status or Status()
    return pb.Status(code=status.status_code.value, message=status.description or "")


@given(spans())
def test_どのスパンも公式のメッセージと同じになる(span):
    """Every field of every span reads as in the official message; NaN keeps its bits."""
    ours = decoded_span(span)

    assert ours.SerializeToString(deterministic=True) == official(span).SerializeToString(
        deterministic=True
    )


def test_同じに見える値も型ごとに区別される():
    """True, 1 and 1.0 are equal in Python and stay different values, cached or not."""
    for _ in range(2):
        kinds = [
            decoded_span(Span(attrs={"k": value})).attributes[0].value.WhichOneof("value")
            for value in (True, 1, 1.0, "1")
        ]

        assert kinds == ["bool_value", "int_value", "double_value", "string_value"]


def test_始まりより前の終わりは始まりになる():
    """A clock that was set back gives a span of no length, not a negative one."""
    span = decoded_span(Span(start_ns=START_NS, end_ns=START_NS - 1))

    assert span.end_time_unix_nano == START_NS


@pytest.mark.parametrize(("dropped", "field"), [(3, "events"), (4, "links")])
def test_捨てられた属性の数は出来事とリンクにも書かれる(dropped, field):
    """Attributes that a limit dropped from an event or link are counted there."""

    class Kept(dict):
        pass

    attributes = Kept(a=1)
    attributes.dropped = dropped
    context = SpanContext(1, 2, is_remote=True)
    entry = ("e", 1, attributes) if field == "events" else (context, attributes)
    span = decoded_span(Span(extra=Extra(**{field: [entry]})))

    assert getattr(span, field)[0].dropped_attributes_count == dropped


def test_スコープと資源は一度だけ書かれる():
    """Spans are grouped by scope, under one resource, also where equal scopes are two objects."""
    first = InstrumentationScope("lib", "2.0", "https://schema", {"deep": True})
    twin = InstrumentationScope("lib", "2.0", "https://schema", {"deep": True})
    request = decoded(Batch(Span(scope=first), Span(scope=twin), Span(), resource={"a": "b"}))
    (group,) = request.resource_spans

    assert list(group.resource.attributes) == pairs({"a": "b"})
    assert [len(scope.spans) for scope in group.scope_spans] == [2, 1]
    assert group.scope_spans[0].scope.name == "lib"
    assert group.scope_spans[0].scope.version == "2.0"
    assert group.scope_spans[0].schema_url == "https://schema"
    assert list(group.scope_spans[0].scope.attributes) == pairs({"deep": True})


def test_多くの異なる値でも覚えるものは増え続けない():
    """Caches are bounded: more values than they hold are all written right."""
    wanted = [f"user-{number}" for number in range(10_000)]
    got = [
        decoded_span(Span(name=user, attrs={"user": user})).attributes[0].value.string_value
        for user in wanted
    ]

    assert got == wanted
