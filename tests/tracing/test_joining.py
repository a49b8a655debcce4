"""An application with a tracer provider of its own: joined, not replaced."""

import contextlib

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Link, SpanKind, StatusCode

from testpilot_obs import tracing
from testpilot_obs.tracing import TracerProvider
from tests.tracing.helpers import Raising, named, remote


@pytest.fixture
def theirs():
    """Set an SDK provider as the application's own."""
    provider = SdkTracerProvider(resource=Resource({"mine": 1}), shutdown_on_exit=False)
    trace.set_tracer_provider(provider)
    return provider


def test_応用の提供者はそのまま使われる(theirs, connect, queue):
    """Their spans and ours are of one tree, and all reach our queue."""
    assert connect() is theirs
    with theirs.get_tracer("app").start_as_current_span("a") as a, tracing.span("b", k=1) as b:
        with theirs.get_tracer("app").start_as_current_span("c"):
            tracing.traced("d")(lambda: None)()

    assert trace.get_tracer_provider() is theirs
    assert [span.name for span in queue.items] == ["d", "c", "b", "a"]
    assert b.parent == a.get_span_context()
    assert named(queue.items, "b").attrs == {"k": 1}
    assert named(queue.items, "b").scope.name == "testpilot_obs"
    assert (named(queue.items, "a").parent_id, named(queue.items, "a").scope.name) == (None, "app")


def test_すべての中身が待ち行列に届く(theirs, connect, queue):
    """A foreign span arrives whole."""
    connect()
    parent = trace.set_span_in_context(trace.NonRecordingSpan(remote()))
    span = theirs.get_tracer("app").start_span(
        "x", parent, SpanKind.SERVER, {"a": [1]}, [Link(remote(), {"l": 1})], 5
    )
    span.add_event("e", {"k": "v"}, 6)
    span.set_status(StatusCode.ERROR, "why")
    span.end(7)

    (record,) = queue.items
    assert (record.name, record.kind, record.attrs) == ("x", SpanKind.SERVER, {"a": (1,)})
    assert (record.start_ns, record.end_ns) == (5, 7)
    assert record.local.remote_parent_id == record.parent_id == remote().span_id
    assert record.local.trace_state == remote().trace_state
    assert record.extra.events == [("e", 6, {"k": "v"})]
    assert record.extra.links == [(remote(), {"l": 1})]
    assert record.extra.status.description == "why"


def test_繋ぎ直しても一度だけ届く(theirs, connect, queue):
    """Connecting twice adds one processor; after `disconnect` nothing arrives."""
    connect()
    connect()
    theirs.get_tracer("app").start_span("a").end()
    tracing.disconnect()
    theirs.get_tracer("app").start_span("b").end()

    assert [span.name for span in queue.items] == ["a"]


def test_記録されないスパンは届かない(connect, queue):
    """What the application does not sample is not sent."""
    trace.set_tracer_provider(SdkTracerProvider(ALWAYS_OFF, shutdown_on_exit=False))
    connect()

    with tracing.span("a"), tracing.start_transaction("b") as tx:
        tx.set_status(StatusCode.ERROR)

    assert (queue.items, tx.record.status) == ([], "error")


def test_トランザクションも応用の提供者で作られる(theirs, connect, queue):
    """Transactions, with parents of all kinds, are spans of their provider."""
    connect()
    with tracing.start_transaction("a", attributes={"k": 1}, parent=remote()) as tx:
        assert tracing.current_transaction() is tx
    with tracing.start_transaction("b", parent=tx, links=[Link(remote()), None]):
        pass

    a, b = queue.items
    assert (a.parent_id, b.parent_id) == (remote().span_id, a.span_id)
    assert (a.attrs["k"], a.attrs["testpilot_obs.transaction.status"]) == (1, "success")
    assert len(b.extra.links) == 1


def test_例外は一度だけ記録される(theirs, connect, queue):
    """Also in their spans an exception is recorded once, by us."""
    connect()
    with contextlib.suppress(ValueError), tracing.span("outer"), tracing.span("inner"):
        raise ValueError("だめ")

    inner, outer = queue.items
    assert (len(inner.extra.events), outer.extra.events) == (1, None)
    assert outer.extra.status.description == "ValueError: だめ"


class NamelessError(Exception):
    """An exception whose text cannot be had."""

    def __str__(self):
        raise RuntimeError("no text")


def test_おかしな入力でも例外は出ない(theirs, connect, queue):
    """What the SDK would raise for is made usable first."""
    connect()
    error = NamelessError()
    with pytest.raises(NamelessError) as caught, tracing.span(5, {1: Raising(), "": 1, "b": 2}):
        with tracing.span("x", 5):
            raise error

    assert caught.value is error
    assert [span.name for span in queue.items] == ["x", "5"]
    assert queue.items[1].attrs == {"1": "<Raising: no text>", "b": 2}


@pytest.mark.guarded
def test_応用の処理器の失敗は呼び手に届かない(theirs, connect, queue):
    """What the application's own processors raise does not leave our functions."""

    class Failing(SpanProcessor):
        def on_start(self, span, parent_context=None):
            raise RuntimeError("start")

        def on_end(self, span):
            raise RuntimeError("end")

    connect()
    span = tracing.span("a")
    with span:
        theirs.add_span_processor(Failing())
    with tracing.span("b") as b:
        pass

    assert [span.name for span in queue.items] == ["a"]
    assert b is trace.INVALID_SPAN


def test_与えた処理器は応用の提供者に加わる(theirs, connect):
    """Span processors given to us are added to their provider."""
    heard = []

    class Hearing(SpanProcessor):
        def on_end(self, span):
            heard.append(span.name)

    connect(span_processors=[Hearing()])
    theirs.get_tracer("app").start_span("a").end()

    assert heard == ["a"]
    assert theirs.force_flush()
    theirs.shutdown()


def test_ownでは置き換えられる(theirs, connect, queue):
    """With ``providers="own"`` our spans go our way, and theirs theirs."""
    provider = connect(providers="own")
    theirs.get_tracer("app").start_span("a").end()
    with tracing.span("b"):
        pass

    assert provider is not theirs
    assert [span.name for span in queue.items] == ["b"]


def test_私たちの提供者も応用の物なら加わるだけ(connect, queue):
    """Our own class, set by the application, is joined like any other."""
    provider = TracerProvider(shutdown_on_exit=False)
    trace.set_tracer_provider(provider)

    assert connect() is provider
    with provider.get_tracer("app").start_as_current_span("a"), tracing.span("b"):
        pass

    assert [span.name for span in queue.items] == ["b", "a"]


def test_SDKでない提供者は置き換えられる(connect, queue, caplog):
    """A provider that nothing can be added to is not joined."""
    trace.set_tracer_provider(trace.NoOpTracerProvider())

    provider = connect()
    with tracing.span("a"):
        pass

    assert isinstance(provider, TracerProvider)
    assert len(queue.items) == 1


def test_溢れそうな待ち行列は押される(theirs, connect, queue):
    """A full queue is pressed by joined spans too."""
    queue.high = 0
    connect()

    theirs.get_tracer("app").start_span("a").end()

    assert queue.pressed == 1
