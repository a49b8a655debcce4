"""Which traces are recorded: the standard samplers, and samplers of one's own."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, sampling
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.trace import TraceFlags

from testpilot_obs import tracing
from testpilot_obs.tracing import TracerProvider
from tests.tracing.helpers import below, remote

ON, OFF = sampling.ALWAYS_ON, sampling.ALWAYS_OFF
SDK_SAMPLERS = {
    "always_on": ON,
    "always_off": OFF,
    "traceidratio": sampling.TraceIdRatioBased(0.5),
    "parentbased_always_on": sampling.ParentBased(ON),
    "parentbased_always_off": sampling.ParentBased(OFF),
    "parentbased_traceidratio": sampling.ParentBased(sampling.TraceIdRatioBased(0.5)),
}
PARENTS = [None] + [(flags, is_remote) for flags in (0, 1) for is_remote in (False, True)]


class Ids:
    """Makes the same ids again and again."""

    def __init__(self, trace_id):
        self.trace_id = trace_id

    def generate_trace_id(self):
        """Return the trace id."""
        return self.trace_id

    def generate_span_id(self):
        """Return a span id."""
        return 7

    def is_trace_id_random(self):
        """Return False."""
        return False


def start(provider, parent):
    """Return a new span of *provider* below *parent* (flags and whether it is remote)."""
    context = None if parent is None else below(remote(parent[0], is_remote=parent[1]))
    return provider.get_tracer("t").start_span("x", context=context)


@pytest.mark.parametrize("trace_id", [1 << 100 | 0x7FFFFFFFFFFFFFFF, 1 << 100 | 0x8000000000000000])
@pytest.mark.parametrize("parent", PARENTS)
@pytest.mark.parametrize("name", SDK_SAMPLERS)
@pytest.mark.parametrize("how", ["object", "name", "watched"])
def test_標準の抽出器はSDKと同じに決める(connect, name, parent, trace_id, how):
    """The six standard samplers decide as the SDK's do, given as object or by name."""
    ids = Ids(trace_id)
    if how == "name":
        ours = connect(traces_sampler=name, traces_sampler_arg="0.5", id_generator=ids)
    else:
        ours = TracerProvider(SDK_SAMPLERS[name], id_generator=ids)
    if how == "watched":
        ours.add_span_processor(Listening())
    theirs = SdkTracerProvider(SDK_SAMPLERS[name], id_generator=ids, shutdown_on_exit=False)

    mine, expected = start(ours, parent), start(theirs, parent)

    assert mine.is_recording() == expected.is_recording()
    assert mine.get_span_context() == expected.get_span_context()


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


@pytest.mark.parametrize("ratio", ["", "1", "0.0", "0.25"])
def test_割合は名前の引数である(connect, queue, ratio):
    """The ratio comes with the name; none means everything."""
    connect(traces_sampler="traceidratio", traces_sampler_arg=ratio)

    for _ in range(400):
        with tracing.span("x"):
            pass

    low, high = {"": (400, 400), "1": (400, 400), "0.0": (0, 0), "0.25": (50, 150)}[ratio]
    assert low <= len(queue.items) <= high


def test_記録されない根の下は何も記録されない(connect, queue):
    """All spans below an unsampled root are off, share its ids and cost nothing."""
    tracer = connect(traces_sampler="always_off").get_tracer("t")
    with tracing.span("a") as a, tracing.span("b", x=1) as b:
        c = tracer.start_span("c")
        d = tracing.traced(tracing.current_span)()
        assert trace.get_current_span() is b
        assert tracing.trace_id() == f"{a.get_span_context().trace_id:032x}"

    assert queue.items == []
    assert [s.is_recording() for s in (a, b, c, d)] == [False] * 4
    assert {s.get_span_context().trace_id for s in (a, b, c, d)} == {a.get_span_context().trace_id}
    assert a.get_span_context().trace_flags == TraceFlags.RANDOM_TRACE_ID
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_記録されないスパンも普通に使える(connect, queue):
    """Everything can be called on a span that is off, and nothing happens."""
    tracer = connect(traces_sampler="always_off").get_tracer("t")
    with tracer.start_as_current_span("x", attributes={"a": 1}) as span:
        span.set_attribute("a", 1)
        span.add_event("e")
        span.set_status(trace.StatusCode.ERROR)
        span.record_exception(ValueError())
        span.end()
    with pytest.raises(ValueError, match="v"), tracing.span("outer"), tracing.span("x"):
        raise ValueError("v")

    assert isinstance(span, trace.NonRecordingSpan)
    assert queue.items == []
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_常に記録しない提供者は親に関わらず記録しない(connect, queue):
    """ALWAYS_OFF drops spans below a recorded parent of another provider too."""
    connect()
    off = TracerProvider(OFF).get_tracer("t")

    with tracing.span("a"), off.start_as_current_span("b") as b:
        pass

    assert (b.is_recording(), len(queue.items)) == (False, 1)


def test_常に記録する提供者は記録されない親の下でも記録する(connect, queue):
    """ALWAYS_ON records below an unrecorded parent of another provider."""
    connect(traces_sampler="always_on")
    off = TracerProvider(OFF).get_tracer("t")

    with off.start_as_current_span("a"), tracing.span("b"):
        pass

    assert [span.name for span in queue.items] == ["b"]


def test_環境の抽出器を単独の提供者も使う(monkeypatch):
    """A provider that stands by itself takes its sampler from the environment."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")

    assert not TracerProvider().get_tracer("t").start_span("x").is_recording()


def test_記録されないスパンは文脈管理にも飾りにも使える(connect):
    """A span that is off can be entered, and decorates nothing."""
    tracer = connect(traces_sampler="always_off").get_tracer("t")

    def work():
        return 1

    with tracer.start_span("x") as span, tracing.span("y"):
        assert tracer.start_as_current_span("z")(work) is work
    assert trace.set_span_in_context(span) is not None
