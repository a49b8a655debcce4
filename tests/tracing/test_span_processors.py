"""Span processors of the SDK and of one's own."""

import pytest
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    ReadableSpan,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
)
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from testpilot_obs import tracing
from testpilot_obs._core import clock
from testpilot_obs.tracing import TracerProvider
from tests.tracing.helpers import below, remote


class Hearing(SpanProcessor):
    """Writes down what it is told."""

    def __init__(self, name="p", heard=None):
        self.name = name
        self.heard = [] if heard is None else heard

    def on_start(self, span, parent_context=None):
        """Write down a start."""
        self.heard.append((self.name, "start", span.name))

    def _on_ending(self, span):
        self.heard.append((self.name, "ending", span.name))

    def on_end(self, span):
        """Write down an end."""
        self.heard.append((self.name, "end", span.name))


def test_処理器は順に聞かされる():
    """Each processor hears of start, ending and end, in the order they were added."""
    provider, heard = TracerProvider(), []
    provider.add_span_processor(Hearing("p", heard))
    provider.add_span_processor(Hearing("q", heard))

    with provider.get_tracer("t").start_as_current_span("a"):
        pass

    assert heard == [(p, what, "a") for what in ("start", "ending", "end") for p in "pq"]


def test_途中から加わった処理器も終わりを聞く(tracer, connect, queue):
    """A processor added while spans run hears of their ends, and so does the queue."""
    hearing = Hearing()
    provider = tracer.provider
    with tracer.start_as_current_span("a"), tracing.span("b"):
        provider.add_span_processor(hearing)
        late = tracer.start_span("c")
    late.end()

    assert [told[1:] for told in hearing.heard] == [
        ("start", "c"),
        *((what, name) for name in "bac" for what in ("ending", "end")),
    ]
    assert [span.name for span in queue.items] == ["b", "a", "c"]


def test_処理器は終わる前のスパンを変えられる():
    """The specification lets processors change a span while it starts and ends, and not later."""

    class Changing(Hearing):
        def on_start(self, span, parent_context=None):
            span.set_attribute("start", 1)

        def _on_ending(self, span):
            span.set_attribute("ending", span.is_recording())

        def on_end(self, span):
            self.heard.append(span)

    provider, changing = TracerProvider(), Changing()
    provider.add_span_processor(changing)
    provider.get_tracer("t").start_span("x").end()

    (read,) = changing.heard
    assert dict(read.attributes) == {"start": 1, "ending": True}
    assert isinstance(read, ReadableSpan)


def test_処理器は明示した文脈を受け取る():
    """`on_start` is given the context that was passed, else None."""
    contexts = []

    class Asking(SpanProcessor):
        def on_start(self, span, parent_context=None):
            contexts.append(parent_context)

    provider, given = TracerProvider(), below(remote())
    provider.add_span_processor(Asking())
    provider.get_tracer("t").start_span("x", context=given)
    provider.get_tracer("t").start_span("y")

    assert contexts == [given, None]


class Failing(SpanProcessor):
    """Raises whatever it is told."""

    def on_start(self, span, parent_context=None):
        """Raise."""
        raise RuntimeError("start")

    def _on_ending(self, span):
        raise RuntimeError("ending")

    def on_end(self, span):
        """Raise."""
        raise RuntimeError("end")

    def shutdown(self):
        """Raise."""
        raise RuntimeError("shutdown")

    def force_flush(self, timeout_millis=30_000):
        """Raise."""
        raise RuntimeError("flush")


@pytest.mark.guarded
def test_壊れた処理器は隣の邪魔をしない(connect, queue):
    """What a processor raises reaches neither the caller nor the next processor, nor the queue."""
    hearing = Hearing()
    provider = connect(span_processors=[Failing(), hearing])

    with tracing.span("a"):
        pass

    assert [told[1] for told in hearing.heard] == ["start", "ending", "end"]
    assert len(queue.items) == 1
    assert provider.force_flush() is False
    provider.shutdown()


@pytest.mark.guarded
@pytest.mark.parametrize("multi", [SynchronousMultiSpanProcessor, ConcurrentMultiSpanProcessor])
def test_SDKの束ね役も使える(multi):
    """The SDK's own fan-outs can be given, and added to."""
    hearing = Hearing()
    provider = TracerProvider(active_span_processor=multi())
    provider.add_span_processor(hearing)
    with provider.get_tracer("t").start_as_current_span("a"):
        pass

    broken = TracerProvider(active_span_processor=Failing())
    broken.get_tracer("t").start_span("x").end()

    assert [told[1] for told in hearing.heard] == ["start", "ending", "end"]
    assert (provider.force_flush(), broken.force_flush()) == (True, False)
    provider.shutdown()
    broken.shutdown()


@pytest.mark.parametrize("kind", [SimpleSpanProcessor, BatchSpanProcessor])
def test_SDKの輸出器が使える(kind):
    """Spans reach an SDK exporter through the SDK's processors."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(kind(exporter))
    with provider.get_tracer("t").start_as_current_span("a", attributes={"k": (1, "x")}):
        pass

    assert provider.force_flush()
    (span,) = exporter.get_finished_spans()
    assert (span.name, dict(span.attributes)) == ("a", {"k": (1, "x")})
    provider.shutdown()


def test_掃き出しは全員に時間を分ける():
    """A flush fails if one processor fails or the time is over; the rest is not asked then."""

    class Flushing(SpanProcessor):
        def __init__(self, answer):
            self.answer, self.asked = answer, []

        def force_flush(self, timeout_millis=30_000):
            self.asked.append(timeout_millis)
            return self.answer

    provider, members = TracerProvider(), [*map(Flushing, (True, False, None))]
    assert provider.force_flush() is True
    for member in members:
        provider.add_span_processor(member)
    clock.use(monotonic=lambda: 5.0)

    assert provider.force_flush(100) is False
    assert provider.force_flush(0) is False
    assert [member.asked for member in members] == [[100], [100], [100]]


def test_繋ぎ直すと前の処理器は外れる(connect):
    """The processors of one connection are gone with the next; added ones stay."""
    first, second, added = Hearing(), Hearing(), Hearing()
    provider = connect(span_processors=[first])
    provider.add_span_processor(added)

    connect(span_processors=[second])
    with tracing.span("x"):
        pass
    tracing.disconnect()
    provider.get_tracer("t").start_span("y").end()

    assert [len(p.heard) for p in (first, second, added)] == [0, 3, 6]


class Bare:
    """A processor with no more than it needs; it ends spans itself."""

    def on_start(self, span, parent_context=None):
        """Do nothing."""

    def on_end(self, span):
        """Do nothing."""


def test_終わりかけを聞かない処理器でもよい(tracer, spans):
    """`_on_ending` is optional, for late processors and fan-outs too."""
    provider = tracer.provider
    with tracer.start_as_current_span("a"):
        provider.add_span_processor(Bare())
    with tracer.start_as_current_span("b"):
        pass
    with tracer.start_as_current_span("c"):
        provider.processor = Bare()

    assert [span.name for span in spans] == ["a", "b", "c"]


def test_終わりかけに終えても一度だけである(connect, queue):
    """A processor that ends the span while it is ending does not end it twice."""

    class Ending(Bare):
        def __init__(self):
            self.is_first = True

        def _on_ending(self, span):
            if self.is_first:
                self.is_first = False
                span.end(5)

    connect(span_processors=[Ending()])
    with tracing.span("x"):
        pass

    assert [span.end_time for span in queue.items] == [5]
    assert queue.items[0]._readable_span().end_time == 5
