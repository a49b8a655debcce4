"""Whose trace context is believed."""

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind

from testpilot_obs import tracing

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
ON = f"00-{TRACE_ID:032x}-b7ad6b7169203331-01"
OFF = f"00-{TRACE_ID:032x}-b7ad6b7169203331-00"
STATE = "ot=th:8;rv:ffffffffffffff,k=v"
NET = ("10.0.0.0/8", "2001:db8::/32")


class Own(Sampler):
    """A sampler of the application's own, asked for every span; follows what its parent says."""

    def __init__(self):
        self.asked = []

    def should_sample(self, parent_context, trace_id, name, *arguments, **more):
        """Follow the parent; record roots."""
        parent = trace.get_current_span(parent_context).get_span_context()
        self.asked.append(parent.is_valid)
        sampled = parent.trace_flags.sampled if parent.is_valid else True
        decision = Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP
        return SamplingResult(decision, None, parent.trace_state)

    def get_description(self):
        """Return nothing that is known."""
        return "Own"


def begin(headers, *, peer=None, kind=SpanKind.SERVER, **attributes):
    """Return a span that has begun below what *headers* say, as an instrumentation does it."""
    tracer = trace.get_tracer("web")
    parent = tracing.extract(headers, peer)
    span = tracer.start_span("GET /", parent, kind, attributes)
    span.end()
    return span


def incoming(traceparent=ON):
    """Return the headers of a request."""
    return {"traceparent": traceparent, "tracestate": STATE, "baggage": "user=7"}


def is_child(span):
    """Tell whether *span* continues the trace of the headers."""
    return span.get_span_context().trace_id == TRACE_ID


def test_元のままなら誰でも信じる(connect):
    """By default a parent is a parent, and decides."""
    connect()

    assert is_child(begin(incoming()))
    assert not begin(incoming(OFF)).is_recording()
    assert begin(incoming()).context.trace_state.to_header() == STATE


@pytest.mark.parametrize("sampler", [None, Own, "watched"])
def test_誰も信じなければ新しい跡が始まる(connect, sampler):
    """With ``none`` a new trace begins; a link, without his trace state, leads to the stranger."""
    own = Own() if sampler is Own else ALWAYS_ON if sampler else None
    connect(trust_inbound=("none",), sampler=own)

    span = begin(incoming(OFF))

    assert not is_child(span)
    assert span.parent is None
    (link,) = span.links
    assert (link.context.trace_id, link.context.is_remote) == (TRACE_ID, True)
    assert not link.context.trace_state
    assert not span.context.trace_state


def test_誰も信じなければ荷物も捨てる(connect):
    """With ``none`` his baggage goes nowhere, whoever reads the headers."""
    connect(trust_inbound=("none",))
    from opentelemetry import propagate

    assert baggage.get_all(tracing.extract(incoming())) == {}
    assert baggage.get_all(propagate.extract(incoming())) == {}


@pytest.mark.parametrize("is_own", [False, True])
def test_旗だけ信じないこともできる(connect, is_own):
    """With ``sampled-off`` the ids are kept, and the own sampler decides as for a root."""
    own = Own()
    connect(trust_inbound=("sampled-off",), sampler=own if is_own else None)

    span = begin(incoming(OFF))

    assert is_child(span)
    assert span.is_recording() or span.end_time
    assert span.context.trace_flags.sampled
    assert span.context.trace_state["k"] == "v"
    assert True not in own.asked


@pytest.mark.parametrize("is_own", [False, True])
def test_他人は跡の番号でも選べない(connect, is_own):
    """Neither a chosen trace id nor a chosen ``rv`` lets a stranger force the choice."""
    connect(
        trust_inbound=("sampled-off",),
        sampler=Own() if is_own else None,
        traces_sampler="parentbased_traceidratio",
        traces_sampler_arg="0.5",
    )
    lowest = incoming(f"00-{1:032x}-b7ad6b7169203331-01")

    spans = [begin(lowest) for _ in range(100)]

    states = {span.get_span_context().trace_state["ot"] for span in spans}
    assert len(states) == 100
    assert not any("th:" in state or "ffffffffffffff" in state for state in states)
    if not is_own:
        assert 10 < sum(span.get_span_context().trace_flags.sampled for span in spans) < 90


@pytest.mark.parametrize(
    ("peer", "is_believed"),
    [
        ("10.1.2.3", True),
        (("10.1.2.3", 4711), True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::1", True),
        ("11.1.2.3", False),
        ("2001:db9::1", False),
        ("unix:", False),
        ("", False),
        (None, False),
    ],
)
def test_網の中の相手だけを信じる(connect, peer, is_believed):
    """With networks a peer must be in one of them, as `extract` or the span is told."""
    connect(trust_inbound=NET)
    address = peer[0] if isinstance(peer, tuple) else peer

    assert is_child(begin(incoming(), peer=peer)) is is_believed
    for key in ("network.peer.address", "net.peer.ip", "client.address"):
        assert is_child(begin(incoming(), **{key: address or ""})) is is_believed


def test_extractに言われた相手が先に数える(connect):
    """The address given to `extract` wins over what a span says of itself."""
    connect(trust_inbound=NET)

    assert is_child(begin(incoming(), peer="10.1.1.1", **{"client.address": "11.1.1.1"}))
    assert not is_child(begin(incoming(), peer="11.1.1.1", **{"client.address": "10.1.1.1"}))


def test_直接の相手の属性が先に数える(connect):
    """What may come from a header is asked last."""
    connect(trust_inbound=NET)
    both = {"client.address": "10.1.1.1", "network.peer.address": "11.1.1.1"}

    assert not is_child(begin(incoming(), **both))


def test_私的な網という言葉もある(connect):
    """``private`` stands for loopback and the private networks."""
    connect(trust_inbound=("private",))

    assert is_child(begin(incoming(), peer="192.168.3.4"))
    assert is_child(begin(incoming(), peer="127.0.0.1"))
    assert not is_child(begin(incoming(), peer="8.8.8.8"))


def test_他人の番号だけ使うこともできる(connect):
    """With networks and ``sampled-off`` strangers keep their ids, and decide nothing."""
    connect(trust_inbound=(*NET, "sampled-off"))

    assert begin(incoming(OFF), peer="11.1.1.1").context.trace_flags.sampled
    assert not begin(incoming(OFF), peer="10.1.1.1").get_span_context().trace_flags.sampled


def test_仲介者から来た知らせは網の設定でも信じる(connect):
    """A message has no peer: with networks its context is believed, with ``none`` it is not."""
    connect(trust_inbound=NET)
    assert is_child(begin(incoming(), kind=SpanKind.CONSUMER))

    connect(trust_inbound=("none",))
    assert not is_child(begin(incoming(), kind=SpanKind.CONSUMER))


def test_transactionにも同じ規則が働く(connect):
    """The rule holds for our own front door too, and for what is current."""
    connect(trust_inbound=("none",))
    with tracing.start_transaction("x", parent=tracing.extract(incoming())) as tx:
        pass
    assert not is_child(tx.span)
    assert len(tx.span.links) == 1

    connect(trust_inbound=NET)
    token = otel_context.attach(tracing.extract(incoming(), "11.0.0.1"))
    with tracing.span("y") as span, tracing.span("z") as child:
        pass
    otel_context.detach(token)
    assert not is_child(span)
    assert child.context.trace_id == span.context.trace_id
    assert child.links == ()


def test_自分の子には何も聞かない(connect):
    """Only remote parents are judged; what happens in the process stays one trace."""
    connect(trust_inbound=("none",), sampler=Own())

    with tracing.span("a") as above, tracing.span("b") as below:
        pass

    assert below.parent.span_id == above.context.span_id


@pytest.mark.needs("opentelemetry.instrumentation.wsgi")
@pytest.mark.parametrize(("peer", "is_believed"), [("10.2.3.4", True), ("11.2.3.4", False)])
def test_contribのWSGIでも働く(connect, peer, is_believed):
    """An instrumentation that reads the headers itself is judged by the address it notes."""
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    provider = connect(trust_inbound=NET)
    seen = []

    def app(environ, start_response):
        seen.append(trace.get_current_span())
        start_response("200 OK", [])
        return [b""]

    middleware = OpenTelemetryMiddleware(app, tracer_provider=provider)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "REMOTE_ADDR": peer,
        "HTTP_TRACEPARENT": ON,
    }
    list(middleware(environ, lambda *_: None))

    assert is_child(seen[0]) is is_believed
    assert len(seen[0].links) == (not is_believed)
