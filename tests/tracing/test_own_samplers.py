"""Samplers of one's own, working and broken."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, sampling
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult, StaticSampler
from opentelemetry.trace import TraceState

from testpilot_obs import tracing
from testpilot_obs.tracing import TracerProvider
from tests.tracing.helpers import below, remote


class Listening(SpanProcessor):
    """A span processor that hears the names of spans that start and end."""

    def __init__(self):
        self.started, self.ended = [], []

    def on_start(self, span, parent_context=None):
        """Remember the name."""
        self.started.append(span.name)

    def on_end(self, span):
        """Remember the name."""
        self.ended.append(span.name)


class Custom:
    """A sampler of one's own, which answers what it is told to."""

    def __init__(self, decision, attributes=None, state=None):
        self.answer = (decision, attributes, state)
        self.asked = []

    def should_sample(self, *asked, **more):
        """Remember the question, and answer."""
        self.asked.append((*asked, *more.values()))
        return SamplingResult(*self.answer)

    def get_description(self):
        """Return what it is called."""
        return "Custom"


def test_自作の抽出器は毎回すべてを尋ねられる():
    """A custom sampler is asked for each span, with all there is to know."""
    sampler = Custom(Decision.RECORD_AND_SAMPLE)
    tracer = TracerProvider(sampler).get_tracer("t")
    context = below(remote())

    with tracer.start_as_current_span("a") as a:
        tracer.start_span("b", context=context, kind=trace.SpanKind.CLIENT, attributes={"k": 1})

    (first, second) = sampler.asked
    assert first[:4] == (None, a.context.trace_id, "a", trace.SpanKind.INTERNAL)
    assert second[:5] == (context, remote().trace_id, "b", trace.SpanKind.CLIENT, {"k": 1})


def test_自作の抽出器は属性と状態を決める():
    """Attributes and trace state of the answer are those of the span."""
    state = TraceState([("s", "1")])
    sampler = Custom(Decision.RECORD_AND_SAMPLE, {"by": "sampler"}, state)
    tracer = TracerProvider(sampler).get_tracer("t")

    with tracer.start_as_current_span("x", attributes={"mine": 1}, context=below(remote())) as span:
        pass

    assert dict(span.attributes) == {"by": "sampler"}
    assert span.context.trace_state == state
    assert span.parent.trace_state == remote().trace_state


@pytest.mark.parametrize("sampler", [Custom, StaticSampler])
def test_記録だけのスパンは処理器だけが見る(connect, queue, sampler):
    """RECORD_ONLY: recorded, not sampled, told to processors, never queued."""
    heard = Listening()
    connect(sampler=sampler(Decision.RECORD_ONLY), span_processors=[heard])

    with tracing.span("a") as a, tracing.span("b") as b:
        pass

    assert [s.context.trace_flags.sampled for s in (a, b)] == [False, False]
    assert b.parent == a.context
    assert (heard.ended, queue.items) == (["b", "a"], [])


def test_記録だけの親の下に他の提供者の子が混ざらない(connect, queue):
    """A span of another provider below a RECORD_ONLY parent asks its own sampler."""
    connect()
    only = TracerProvider(Custom(Decision.RECORD_ONLY)).get_tracer("t")

    with only.start_as_current_span("a"), tracing.span("b") as b:
        pass

    assert (b.is_recording(), queue.items) == (False, [])


class Broken:
    """A sampler that raises."""

    def should_sample(self, *asked):
        """Raise."""
        raise RuntimeError("broken sampler")

    def get_description(self):
        """Raise."""
        raise RuntimeError("broken sampler")


@pytest.mark.guarded
def test_壊れた抽出器では記録される(connect, queue, caplog):
    """A sampler that raises is reported, and the span recorded."""
    connect(sampler=Broken())

    with tracing.span("x", a=1):
        pass

    assert [(s.name, dict(s.attributes)) for s in queue.items] == [("x", {"a": 1})]
    assert "failed to ask the sampler" in caplog.text


def test_自作を包んだ親基準は毎回尋ねられる(connect, queue):
    """A parent-based sampler around one of one's own is asked for each span."""
    inner = Custom(Decision.RECORD_AND_SAMPLE, {"a": 1})
    connect(sampler=sampling.ParentBased(inner))

    with tracing.span("x"):
        pass

    assert dict(queue.items[0].attributes) == {"a": 1}


@pytest.mark.guarded
def test_説明できない標準の抽出器は自作として扱われる(connect, queue):
    """A parent-based sampler around a broken one is asked for each span, and told of."""
    connect(sampler=sampling.ParentBased(Broken()))

    with tracing.span("x"):
        pass

    assert len(queue.items) == 1


def test_束縛した項目は見られるスパンにも付く(connect, queue):
    """Bound fields reach spans of a custom sampler."""
    connect(sampler=Custom(Decision.RECORD_AND_SAMPLE))
    queue.high = 0

    with tracing.bound(a=1), tracing.span("x") as span:
        pass
    span.end()

    assert dict(queue.items[0].attributes) == {"a": 1}
    assert (len(queue.items), queue.pressed) == (1, 1)


def test_落とすと決めたスパンは処理器も聞かない(connect, queue):
    """DROP of a custom sampler: no processor hears of it, nothing is queued."""
    heard = Listening()
    connect(sampler=Custom(Decision.DROP), span_processors=[heard])

    with tracing.span("x") as span:
        pass

    assert (span.is_recording(), heard.started, queue.items) == (False, [], [])


def test_見られるスパンもwithで終わる(connect, queue):
    """``with start_span()`` ends a span of a custom sampler."""
    tracer = connect(sampler=Custom(Decision.RECORD_AND_SAMPLE)).get_tracer("t")

    with tracer.start_span("x") as span:
        assert trace.get_current_span() is trace.INVALID_SPAN

    assert queue.items == [span]
