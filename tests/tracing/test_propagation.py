"""The context in headers, and in functions that run elsewhere."""

import asyncio
import functools
import inspect
import sys
import threading

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context

from testpilot_obs import tracing
from testpilot_obs.errors import MissingExtraError

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def parent_of(headers):
    """Return the ids that *headers* carry."""
    return trace.get_current_span(tracing.extract(headers)).get_span_context()


def test_今の文脈がヘッダーになる(spans):
    """`inject` writes the current span into any mapping, and returns it."""
    headers = {"x": "y"}
    with tracing.span("a") as span:
        assert tracing.inject(headers) is headers
        made = tracing.inject()

    ids = span.context
    assert headers == {"x": "y", **made}
    assert made["traceparent"] == f"00-{ids.trace_id:032x}-{ids.span_id:016x}-03"


def test_記録されない文脈もヘッダーになる(connect):
    """An unsampled trace tells others not to record either."""
    connect(traces_sampler="always_off")

    with tracing.span("a"):
        assert tracing.inject()["traceparent"].endswith("-02")


def test_何もなければ何も書かれない(spans):
    """Outside of any span there is nothing to tell."""
    assert tracing.inject() == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": PARENT},
        {"TraceParent": PARENT},
        {b"TRACEPARENT": PARENT.encode()},
        [(b"traceparent", PARENT.encode())],
        (("Traceparent", PARENT),),
        iter([("traceparent", PARENT)]),
    ],
)
def test_どんな形のヘッダーからも読める(spans, headers):
    """Mappings and pairs, text and bytes, in any case."""
    context = tracing.extract(headers)

    with tracing.start_transaction("x", parent=context) as tx:
        pass

    assert tx.span.parent.is_remote
    assert tx.record.trace_id == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        [],
        None,
        {"traceparent": ""},
        {"traceparent": "x" * 100_000},
        {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"},
        {"traceparent": "\ud800"},
        {"traceparent": 5},
        {5: object()},
        [("traceparent", PARENT), ("traceparent", PARENT)],
        [("x", "y")] * 5_000,
    ],
)
def test_読めないヘッダーからは何も来ない(spans, headers, caplog):
    """Garbage gives no parent, no error and no log line of ours."""
    assert not parent_of(headers).is_valid
    with tracing.start_transaction("x", parent=tracing.extract(headers)) as tx:
        pass
    assert tx.span.parent is None
    assert "testpilot_obs" not in {record.name for record in caplog.records}


@pytest.mark.guarded
@pytest.mark.parametrize("headers", [5, object(), [1, 2], [("a",)]])
def test_ヘッダーでない物からも何も来ない(spans, headers):
    """What is no headers at all is reported, and nothing raised."""
    assert tracing.extract(headers) == {}
    assert tracing.inject(headers) is headers


def test_荷物も運ばれる(spans):
    """Baggage and trace state travel with the parent, and on to the next service."""
    headers = {"traceparent": PARENT, "tracestate": "a=b", "baggage": "user=7"}
    token = otel_context.attach(baggage.set_baggage("here", "1"))
    with tracing.start_transaction("x", parent=tracing.extract(headers)):
        out = tracing.inject()
        seen = dict(baggage.get_all())
    otel_context.detach(token)

    assert seen["user"] == "7"
    assert (out["tracestate"], "user=7" in out["baggage"]) == ("a=b", True)
    assert baggage.get_all() == {}


@pytest.mark.parametrize("name", ["b3", "b3multi"])
def test_B3も選べる(connect, name):
    """B3, in one header or many, goes both ways; connecting again takes it back."""
    connect(propagators=(name,))
    with tracing.span("a") as span:
        headers = tracing.inject()
    assert {key.lower()[:2] for key in headers} <= {"b3", "x-"}
    assert parent_of(headers).span_id == span.context.span_id

    connect()
    with tracing.span("b"):
        assert set(tracing.inject()) == {"traceparent"}


def test_何も運ばないこともできる(connect):
    """With the propagator ``none`` nothing is written."""
    connect(propagators=("none",))

    with tracing.span("a"):
        assert tracing.inject() == {}


def test_W3Cと荷物は順番を選べる(connect):
    """Any selection of the standard propagators can be made."""
    connect(propagators=("baggage", "tracecontext"))

    with tracing.span("a"):
        assert set(tracing.inject()) == {"traceparent"}


def here():
    """Return what is current."""
    from testpilot_obs._core import current

    now = tracing.current_transaction()
    return tracing.trace_id(), now and now.name, dict(current.bound_fields())


def elsewhere(function):
    """Return what *function* returns in a thread that carries nothing."""
    found = []
    tracing.disconnect()
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_wrapは文脈を持って行く(spans):
    """A wrapped function runs in the context of when it was wrapped, wherever it is called."""
    with tracing.start_transaction("tx"), tracing.bound(a=1):
        wrapped, expected = tracing.wrap(here), here()
        assert elsewhere(wrapped) == expected

    assert here() == ("", None, {})
    assert wrapped() == (expected[0], None, expected[2])
    assert (wrapped.__name__, inspect.signature(wrapped)) == ("here", inspect.signature(here))


def test_wrapはコルーチンと生成器も包む(spans):
    """The body of a wrapped coroutine or generator runs in that context, not only its call."""

    async def coroutine():
        await asyncio.sleep(0)
        return tracing.trace_id()

    def generator():
        yield tracing.trace_id()
        yield tracing.trace_id()

    with tracing.span("x"):
        now = tracing.trace_id()
        wrapped, steps = tracing.wrap(coroutine), tracing.wrap(generator)

    assert asyncio.run(wrapped()) == now
    assert [(each, tracing.trace_id()) for each in steps()] == [(now, "")] * 2
    assert inspect.iscoroutinefunction(wrapped)


@pytest.mark.parametrize(
    "make", [functools.partial, lambda f: type("C", (), {"__call__": lambda _: f()})()]
)
def test_wrapは呼べるものなら何でも包む(spans, make):
    """Partials and callable objects can be wrapped."""
    with tracing.span("x"):
        now, wrapped = tracing.trace_id(), tracing.wrap(make(tracing.trace_id))

    assert wrapped() == now


def test_wrapはクラスを変えない(spans):
    """A wrapped class makes its objects in that context, and is not changed."""

    class Thing:
        def __init__(self):
            self.seen = tracing.trace_id()

        def method(self):
            """Do nothing."""

    method = Thing.method
    with tracing.span("x"):
        now, wrapped = tracing.trace_id(), tracing.wrap(Thing)

    assert (wrapped().seen, Thing.method) == (now, method)


@pytest.mark.parametrize("name", ["b3", "b3multi"])
def test_ない包みは名前を言われる(connect, monkeypatch, name):
    """Where the package of a propagator is missing, the user is told which to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.propagators.b3", None)
    monkeypatch.delattr("opentelemetry.propagators.b3", raising=False)

    with pytest.raises(MissingExtraError, match=r"testpilot-obs\[b3\]"):
        connect(propagators=(name,))
