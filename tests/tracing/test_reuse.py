"""One `span(...)` that is used more than once: as a decorator, early, and entered again."""

import asyncio
import inspect

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor

from testpilot_obs import tracing


def names(spans):
    """Return the names of the spans in the order they ended."""
    return [one.name for one in spans]


def decorated():
    """Return one decorated function of each kind, each of which gives its current span."""

    @tracing.span("sync", {"a.b": 1}, rows=2)
    def sync(*, wanted):
        """Say what."""
        return wanted, tracing.current_span()

    @tracing.span("coroutine")
    async def coroutine():
        await asyncio.sleep(0)
        return tracing.current_span()

    @tracing.span("generator")
    def generator():
        yield tracing.current_span()

    return sync, coroutine, generator


def test_早く飾られた関数もinitの後は記録される(connect, queue):
    """A function decorated before `init` makes no span before it, and one a call after it."""
    sync, coroutine, generator = decorated()
    assert sync(wanted=5) == (5, trace.INVALID_SPAN)

    connect()
    for _ in range(2):
        assert sync(wanted=6)[1].attributes == {"a.b": 1, "rows": 2}
    asyncio.run(coroutine())
    list(generator())

    assert names(queue.items) == ["sync", "sync", "coroutine", "generator"]
    assert (sync.__name__, sync.__doc__) == ("sync", "Say what.")
    assert inspect.iscoroutinefunction(coroutine)


def test_後で飾られた生成器も最後まで測られる(spans):
    """A generator's span lasts until the generator ends, not only while it is made."""
    _, _, generator = decorated()

    items = generator()
    assert (next(items).name, names(spans)) == ("generator", [])
    list(items)

    assert names(spans) == ["generator"]


def test_飾れないものは断られる():
    """What cannot be called cannot be decorated, before `init` as after it."""
    with pytest.raises(TypeError, match="callable"):
        tracing.span("x")(5)


def test_二度入ると二つのスパンになる(spans):
    """Entering again begins another span: what was queued stays as it was."""
    step = tracing.span("step", a=1)
    with step as first:
        pass
    before = (first.span_id, first.parent_id, first.start_ns, first.end_ns)
    with tracing.span("outer") as outer, step as second:
        assert tracing.current_span() is second

    assert before == (first.span_id, first.parent_id, first.start_ns, first.end_ns)
    assert names(spans) == ["step", "step", "outer"]
    assert (second.parent_id, second.attributes) == (outer.span_id, {"a": 1})
    assert first.local.trace_id != second.local.trace_id
    assert tracing.current_span() is trace.INVALID_SPAN


def test_中でもう一度入ると子になる(spans, quiet):
    """A span that is entered while it is open gets a child like it, and both end."""
    step = tracing.span("step")
    with step as outer, tracing.span("between"):
        with pytest.raises(KeyError), step as inner:
            raise KeyError("x")
        assert tracing.current_span().name == "between"

    assert names(spans) == ["step", "between", "step"]
    assert [len(one.events) for one in spans] == [1, 0, 0]
    assert inner.parent_id == spans[1].span_id
    assert spans[2] is outer
    assert tracing.current_span() is trace.INVALID_SPAN


def test_手で終えたスパンに入ると新しく始まる(spans, quiet):
    """So after an end by hand; leaving more often than entering does nothing."""
    step = tracing.span("step")
    with step as first:
        first.end()
    with step:
        pass
    step.__exit__(None, None, None)

    assert names(spans) == ["step", "step"]


def test_処理器があっても二度入れる(connect, queue):
    """With a span processor, nested and in a row, each entering is a span that ends."""
    ended = []

    class Notes(SpanProcessor):
        def on_end(self, span):
            ended.append(span.name)

    connect(span_processors=[Notes()])
    step = tracing.span("step")
    with step:
        with step, tracing.span("inside"):
            pass
    with step:
        pass

    assert ended == ["inside", "step", "step", "step"]
    assert tracing.current_span() is trace.INVALID_SPAN
