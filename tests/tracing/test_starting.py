"""How spans start: arguments, parents, times."""

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

from testpilot_obs import tracing
from testpilot_obs._core import clock
from tests.tracing.helpers import Raising, below, named, remote


@pytest.mark.parametrize("way", ["start_span", "start_as_current_span"])
def test_開始の引数はすべて効く(tracer, spans, way):
    """Name, kind, attributes and start time are as given."""
    clock.use(time_ns=lambda: 9)
    with getattr(tracer, way)("x", kind=SpanKind.CLIENT, attributes={"a": 1}, start_time=5):
        pass

    (span,) = spans
    assert (span.name, span.kind, dict(span.attributes)) == ("x", SpanKind.CLIENT, {"a": 1})
    assert (span.start_time, span.end_time) == (5, 9)


def test_スパンはOpenTelemetryのスパンである(tracer):
    """Both sides of OpenTelemetry's API recognise the span."""
    with tracer.start_as_current_span("x") as span:
        assert isinstance(span, trace.Span)
        assert trace.get_current_span() is span is tracing.current_span()
        assert span.is_recording()
        assert not span.context.is_remote


def test_根には親がない(tracer):
    """A span begun where nothing is current is a root with a sampled, random trace id."""
    span = tracer.start_span("x")

    assert span.parent is None
    assert span.get_span_context().is_valid
    assert span.get_span_context().trace_flags == TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID


def test_子は今のスパンの下に生まれる(tracer):
    """A span begins below what is current; only the current kind becomes current."""
    with tracer.start_as_current_span("a") as a, tracer.start_as_current_span("b") as b:
        c = tracer.start_span("c")
        assert trace.get_current_span() is b

    assert (b.parent, c.parent) == (a.get_span_context(), b.get_span_context())
    assert {span.context.trace_id for span in (a, b, c)} == {a.context.trace_id}
    assert len({span.context.span_id for span in (a, b, c)}) == 3
    assert trace.get_current_span() is INVALID_SPAN


@pytest.mark.parametrize("flags", [1, 3])
@pytest.mark.parametrize("is_remote", [True, False])
def test_明示した親が勝つ(tracer, flags, is_remote):
    """An explicit parent wins over the current span; ids, flags and state come from it."""
    parent = remote(flags, is_remote=is_remote)
    with tracer.start_as_current_span("now"):
        span = tracer.start_span("x", context=below(parent))

    assert span.parent == parent
    assert span.context.trace_id == parent.trace_id
    assert span.context.trace_flags == flags
    assert span.context.trace_state == parent.trace_state
    assert not span.context.is_remote


def test_孫は遠い親を覚えない(tracer):
    """Only the first span below a remote parent has a remote parent."""
    with tracer.start_as_current_span("a", context=below(remote())) as a:
        b = tracer.start_span("b")

    assert (a.parent.is_remote, b.parent.is_remote) == (True, False)
    assert b.context.trace_state == remote().trace_state


@pytest.mark.parametrize("context", [Context(), below(INVALID_SPAN_CONTEXT), {}])
def test_親のない文脈からは根が生まれる(tracer, context):
    """An explicit context without a valid span begins a new trace."""
    with tracer.start_as_current_span("now") as now:
        span = tracer.start_span("x", context=context)

    assert span.parent is None
    assert span.context.trace_id != now.context.trace_id


@pytest.mark.parametrize("bad", [5, "text", object(), Raising()])
def test_文脈でない文脈からも根が生まれる(tracer, bad, caplog):
    """What is no context is no parent, with a warning."""
    span = tracer.start_span("x", context=bad)

    assert (span.parent, span.is_recording()) == (None, True)
    assert "not an OpenTelemetry context" in caplog.text


def test_スパンを文脈として渡せる(tracer):
    """A span given where a context belongs is meant as the parent."""
    parent = tracer.start_span("a")

    assert tracer.start_span("b", context=parent).parent == parent.context


def test_明示した親の荷物は中に入らない(tracer):
    """An explicit context gives the parent; the baggage inside stays that of the caller."""
    given = baggage.set_baggage("k", "given", below(remote()))
    token = otel_context.attach(baggage.set_baggage("k", "mine"))

    with tracer.start_as_current_span("x", context=given) as span:
        inside = baggage.get_baggage("k")
        child = tracer.start_span("y")
    otel_context.detach(token)

    assert (inside, child.parent) == ("mine", span.context)


def test_荷物はスパンの内側でも見える(tracer):
    """Baggage set outside or inside of a span is seen below it, and gone afterwards."""
    token = otel_context.attach(baggage.set_baggage("outer", "1"))
    with tracer.start_as_current_span("a") as a:
        inner = otel_context.attach(baggage.set_baggage("inner", "2"))
        with tracer.start_as_current_span("b") as b:
            seen = dict(baggage.get_all())
        otel_context.detach(inner)
        after = dict(baggage.get_all())
    otel_context.detach(token)

    assert (seen, after, dict(baggage.get_all())) == (
        {"outer": "1", "inner": "2"},
        {"outer": "1"},
        {},
    )
    assert b.parent == a.context


def test_use_spanで現在にできる(tracer, spans):
    """OpenTelemetry's `use_span` makes our span current, and ends it if asked to."""
    span = tracer.start_span("a")
    with trace.use_span(span, end_on_exit=True), tracer.start_as_current_span("b"):
        assert trace.get_current_span().parent == span.context

    assert [one.name for one in spans] == ["b", "a"]


def test_よそのスパンの下にも入れる(tracer):
    """A span of somebody else that is current becomes the parent."""
    with trace.use_span(NonRecordingSpan(remote())), tracer.start_as_current_span("x") as span:
        assert span.parent == remote()


def test_set_span_in_contextで親にできる(tracer):
    """A context made with OpenTelemetry's function carries our span."""
    parent = tracer.start_span("a")

    child = tracer.start_span("b", context=set_span_in_context(parent))

    assert child.parent == parent.context
    assert trace.get_current_span(set_span_in_context(parent)) is parent


def test_デコレータとして使える(tracer, spans):
    """A span's context manager decorates functions; each call is a new span."""

    @tracer.start_as_current_span("plain", attributes={"a": 1})
    def plain():
        """Say so."""
        return trace.get_current_span()

    @tracer.start_as_current_span("linked", start_time=1)
    def linked():
        return trace.get_current_span()

    assert plain() is not plain()
    assert linked() is not linked()
    assert plain.__doc__ == "Say so."
    assert [(s.name, dict(s.attributes)) for s in spans] == [
        ("plain", {"a": 1}),
        ("plain", {"a": 1}),
        ("linked", {}),
        ("linked", {}),
    ]
    assert spans[2].start_time == spans[3].start_time == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [(0, 0), (-5, 0), (5.9, 5), (True, 1), (2**80, 2**63 - 1)],
)
def test_時刻は使える範囲に収められる(tracer, given, expected):
    """Times that are numbers are clamped to what can be sent."""
    span = tracer.start_span("x", start_time=given)
    span.add_event("e", timestamp=given)
    span.end(given)

    assert (span.start_time, span.events[0].timestamp, span.end_time) == (expected,) * 3


@pytest.mark.parametrize("bad", ["7", b"7", float("nan"), float("inf"), object(), Raising(), [1]])
def test_時刻でない時刻は今になる(tracer, bad, caplog):
    """A time that is no number is now, with a warning."""
    clock.use(time_ns=lambda: 42)

    span = tracer.start_span("x", start_time=bad)

    assert span.start_time == 42
    assert "a time must be an int" in caplog.text


def test_名前は変えられる(tracer, spans):
    """`update_name` renames, until the end."""
    with tracer.start_as_current_span("old") as span:
        span.update_name("new")

    assert named(spans, "new").name == "new"


def test_reprは始まる前にも書ける(tracer):
    """The text of a span names it, also before it has begun."""
    manager = tracer.start_as_current_span("名")

    assert repr(manager) == "CurrentSpan(name='名', not begun)"
    with manager as span:
        assert f"{span.context.span_id:016x}" in repr(span)
