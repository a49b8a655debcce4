"""Living with OpenTelemetry's own storage of the context, or somebody else's."""

import subprocess
import sys
import threading

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider

from testpilot_obs import tracing
from testpilot_obs._core import context
from tests.tracing.helpers import named


class Chosen(ContextVarsRuntimeContext):
    """A storage that the user chose."""


@pytest.fixture
def chosen(monkeypatch):
    """Let OpenTelemetry use another storage than ours."""
    monkeypatch.setattr(otel_context, "_RUNTIME_CONTEXT", Chosen())


def test_既定の置き場は取り替えられる(monkeypatch):
    """OpenTelemetry's default storage is replaced, and what was current stays visible."""
    monkeypatch.setattr(otel_context, "_RUNTIME_CONTEXT", ContextVarsRuntimeContext())
    token = otel_context.attach(otel_context.set_value("k", "v"))

    assert (context.is_installed(), context.install(), context.install()) == (False, True, True)
    assert otel_context.get_value("k") == "v"
    inner = otel_context.attach(otel_context.set_value("k2", "v2"))
    assert (otel_context.get_value("k"), otel_context.get_value("k2")) == ("v", "v2")
    otel_context.detach(inner)
    otel_context.detach(token)

    assert otel_context.get_value("k") is None


def test_前の置き場の親も親である(monkeypatch, connect, queue):
    """A span that was current before we came is the parent of ours, in threads too."""
    monkeypatch.setattr(otel_context, "_RUNTIME_CONTEXT", ContextVarsRuntimeContext())
    outer = SdkTracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("outer")
    with trace.use_span(outer):
        connect()
        assert tracing.trace_id() == f"{outer.get_span_context().trace_id:032x}"
        with tracing.span("x"):
            pass
        thread = threading.Thread(target=tracing.traced(lambda: None))
        thread.start()
        thread.join()

    assert [span.parent for span in queue.items] == [outer.get_span_context()] * 2


def test_よその合言葉では何も起きない(quiet):
    """A token of another context or storage restores nothing, and nothing is logged."""
    assert context.install()
    token = otel_context.attach(otel_context.set_value("k", "v"))
    other = ContextVarsRuntimeContext()
    foreign = other.attach(otel_context.get_current())
    otel_context.detach(token)

    otel_context.detach(token)
    otel_context.detach(foreign)

    assert otel_context.get_value("k") is None


def test_選ばれた置き場は残される(chosen, connect, queue):
    """Another storage is left alone; spans, transactions and ids work through its API."""
    assert context.install() is False
    tracer = connect().get_tracer("t")

    with tracing.start_transaction("tx") as tx, tracing.span("a", k=1) as a:
        assert tracing.current_span() is a is trace.get_current_span()
        assert tracing.trace_id() == f"{a.context.trace_id:032x}"
        with tracer.start_as_current_span("b", start_time=1):
            tracing.traced("c")(lambda: None)()

    assert [span.name for span in queue.items] == ["c", "b", "a", "tx"]
    assert named(queue.items, "a").parent == tx.span.context
    assert named(queue.items, "c").parent == named(queue.items, "b").context
    assert tracing.trace_id() == ""


def test_選ばれた置き場でも文脈は運ばれる(chosen, spans):
    """Threads and `wrap` carry what is current in another storage."""
    found = []
    with tracing.span("x") as span:
        wrapped = tracing.wrap(tracing.current_span)
        thread = threading.Thread(target=lambda: found.append(tracing.current_span()))
        thread.start()
        thread.join()

    assert found == [span] == [wrapped()]
    assert not tracing.trace_id()


def test_選ばれた置き場でも生成器は混ざらない(chosen, spans):
    """Generators leave nothing current in another storage."""

    @tracing.traced("gen")
    def steps():
        with tracing.span("step"):
            yield 1

    one, two = steps(), steps()
    assert [next(one), next(two), tracing.trace_id()] == [1, 1, ""]
    assert (list(one), list(two)) == ([], [])
    assert [span.name for span in spans] == ["step", "gen"] * 2


def test_選ばれた置き場でも例外は一度だけ(chosen, spans):
    """Exceptions are recorded once with another storage too."""
    with pytest.raises(ValueError, match="だめ"), tracing.span("outer"), tracing.span("inner"):
        raise ValueError("だめ")

    assert [len(span.events) for span in spans] == [1, 0]


def test_記録されない時も選ばれた置き場で動く(chosen, connect, queue):
    """Unsampled traces work with another storage."""
    connect(traces_sampler="always_off")

    with tracing.span("a"), tracing.span("b") as b:
        assert not b.is_recording()

    assert (queue.items, tracing.trace_id()) == ([], "")


PROGRAM = """
import sys
__import__(sys.argv[1])
from opentelemetry import context, trace
from testpilot_obs._core.context import RuntimeContext, install, is_installed
assert type(context._RUNTIME_CONTEXT) is RuntimeContext, context._RUNTIME_CONTEXT
assert is_installed() and install()
assert context.get_current() == {}
from testpilot_obs.tracing import TracerProvider
tracer = TracerProvider().get_tracer("t")
with tracer.start_as_current_span("a") as a, tracer.start_as_current_span("b") as b:
    assert b.parent == a.context and trace.get_current_span() is b
assert not trace.get_current_span().get_span_context().is_valid
print("ok")
"""


@pytest.mark.parametrize("first", ["testpilot_obs", "opentelemetry.trace"])
def test_環境変数でも選べる(monkeypatch, first):
    """``OTEL_PYTHON_CONTEXT=testpilot_obs`` loads our storage, whatever is imported first."""
    monkeypatch.setenv("OTEL_PYTHON_CONTEXT", "testpilot_obs")
    command = [sys.executable, "-c", PROGRAM, first]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert (done.stdout, done.stderr) == ("ok\n", "")


def test_素のSDKと互いに入れ子になる(spans, quiet):
    """Spans of a stock SDK provider and ours are parents of each other."""
    sdk = SdkTracerProvider(shutdown_on_exit=False).get_tracer("t")

    with tracing.span("a") as a, sdk.start_as_current_span("b") as b, tracing.span("c") as c:
        assert trace.get_current_span() is c

    assert (b.parent, c.parent) == (a.context, b.get_span_context())
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_一人で立つ置き場も動く():
    """Loaded by OpenTelemetry itself, our storage has no older one to ask."""
    storage, other = context.RuntimeContext(), ContextVarsRuntimeContext()
    token = storage.attach(otel_context.Context({"k": "v"}))
    assert storage.get_current() == {"k": "v"}

    storage.detach(other.attach(otel_context.Context()))
    storage.detach(token)

    assert storage.get_current() == {}
