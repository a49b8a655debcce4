"""Before `connect`, and after `disconnect`: everything works, and nothing is recorded."""

import asyncio

import pytest
from opentelemetry import trace

from testpilot_obs import tracing


def use(span):
    """Call everything that a span has."""
    span.set_attribute("a", 1)
    span.set_attributes({"a": 1})
    span.add_event("e")
    span.add_link(trace.INVALID_SPAN_CONTEXT)
    span.update_name("y")
    span.set_status(trace.StatusCode.ERROR)
    span.record_exception(ValueError())
    span.end()


def test_スパンは何もせずに使える():
    """A span before `connect` takes every call."""
    with tracing.span("x", a=1) as span:
        use(span)

    assert isinstance(span, trace.Span)
    assert isinstance(span, trace.NonRecordingSpan)
    assert (span.is_recording(), span.get_span_context().is_valid) == (False, False)


def test_トランザクションも何もせずに使える():
    """A transaction before `connect` takes every call, and has no record."""
    with tracing.start_transaction("x") as tx:
        use(tx.span)
        tx.set_attribute("a", 1)
        tx.set_status(trace.StatusCode.ERROR)
        tx.end("error")

    assert (tx.record, tx.status, tx.duration_s) == (None, None, 0.0)
    assert tracing.current_transaction() is None


def test_非同期でも使える():
    """``async with`` works before `connect`."""

    async def main():
        async with tracing.span("x") as span, tracing.start_transaction("y") as tx:
            return span.is_recording(), tx.record

    assert asyncio.run(main()) == (False, None)


def test_今は何もない():
    """Nothing is current, and asking is allowed."""
    assert tracing.current_span() is trace.INVALID_SPAN
    assert (tracing.current_transaction(), tracing.trace_id()) == (None, "")
    assert tracing.inject() == {}
    assert tracing.extract({}) == {}


def test_飾られた関数はそのまま動く():
    """What a span decorates that records nothing does what it did."""

    @tracing.span("x")
    def work(one, *, two):
        return one, two

    assert work(1, two=2) == (1, 2)


def test_例外は通り抜ける():
    """Exceptions pass through what records nothing."""
    with pytest.raises(ValueError, match="だめ"), tracing.start_transaction("x"), tracing.span("y"):
        raise ValueError("だめ")


def test_よその現在のスパンは見える():
    """Spans of others are seen before `connect`."""
    ids = trace.SpanContext(1, 2, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(ids)):
        assert tracing.trace_id() == f"{1:032x}"


def test_走っている間に切っても壊れない(spans):
    """Spans and transactions that run while tracing is switched off end quietly."""
    with tracing.start_transaction("x") as tx, tracing.span("y"):
        tracing.disconnect()

    assert (tx.record.status, spans) == ("success", [])
    assert not tracing.trace_id()
