"""Generators that overlap, are abandoned, or are finished elsewhere."""

import contextvars
import gc
import threading

import pytest

from testpilot_obs import tracing
from testpilot_obs.tracing import _decorators, _span
from tests.tracing.helpers import named

pytestmark = pytest.mark.usefixtures("quiet")


@tracing.traced("gen")
def numbers(count=3):
    """Yield numbers, each within a span of its own."""
    for n in range(count):
        with tracing.span(f"step {n}"):
            yield n
    return "done"


def spanned(name, count=1):
    """Yield within a span, undecorated."""
    with tracing.span(name):
        yield from range(count)


def nothing_is_current():
    """Return whether nothing is current."""
    return not tracing.trace_id() and tracing.current_transaction() is None


def test_交互に進む生成器は混ざらない(spans):
    """Interleaved decorated generators keep their own spans."""
    one, two = numbers(2), numbers(2)
    assert [next(one), next(two), next(one), next(two)] == [0, 0, 1, 1]

    assert (list(one), list(two)) == ([], [])
    for gen in [span for span in spans if span.name == "gen"]:
        assert [s.name for s in spans if s.parent == gen.context] == ["step 0", "step 1"]
    assert nothing_is_current()


def test_飾りのない生成器が交互でも最後は元に戻る(spans):
    """Spans left in another order than entered: nothing is current afterwards."""
    one, two, three = spanned("1"), spanned("2"), spanned("3")
    for generator in (one, two, three):
        next(generator)
    for generator in (two, one, three):
        assert list(generator) == []

    assert [span.name for span in spans] == ["2", "1", "3"]
    assert nothing_is_current()


def test_重なり続けても鎖は伸びない(spans):
    """A pipeline of overlapping spans keeps no chain of ended ones."""
    last = spanned("0")
    next(last)
    for n in range(1, 500):
        later = spanned(str(n))
        next(later)
        list(last)
        last = later

    chain, now = 0, tracing.current_span().token.old_value
    while isinstance(now, _span.Span) and now.extra is not None:
        chain, now = chain + 1, now.extra.outer
    assert chain <= 1
    list(last)
    assert nothing_is_current()


def test_飾りのない生成器を捨てても残らない(spans):
    """An undecorated generator that is collected takes its span away."""
    generator = spanned("x")
    next(generator)
    del generator
    gc.collect()

    assert nothing_is_current()


@pytest.mark.parametrize("make", [numbers, lambda: spanned("x")])
@pytest.mark.parametrize("where", ["context", "copy", "thread"])
def test_別の場所で閉じられても何も言わない(spans, make, where):
    """A generator closed in another context, copied context or thread disturbs nothing there."""
    generator, seen = make(), []
    contextvars.copy_context().run(next, generator)

    def finish():
        with tracing.span("elsewhere") as own:
            generator.close()
            seen.append(tracing.current_span() is own)
        seen.append(nothing_is_current())

    if where == "thread":
        thread = threading.Thread(target=finish)
        thread.start()
        thread.join()
    else:
        (contextvars.Context() if where == "context" else contextvars.copy_context()).run(finish)

    assert seen == [True, True]
    assert named(spans, "elsewhere").parent is None
    assert nothing_is_current()


def test_写した文脈で終えても元は元のままである(spans):
    """A span ended within a copy of the context is gone there, and stays where it was begun."""
    manager = tracing.span("x")
    with tracing.span("outer") as outer:
        span = manager.__enter__()
        copy = contextvars.copy_context()
        copy.run(manager.__exit__, None, None, None)

        assert copy.run(tracing.current_span) is outer
        assert tracing.current_span() is span
    assert tracing.current_span() is span


def test_前の経路でも同じである(spans):
    """Once spans were left out of order, everything still works."""
    test_飾りのない生成器が交互でも最後は元に戻る(spans)
    assert _span.is_out_of_order
    spans.clear()

    with tracing.span("a"), tracing.span("b"):
        tracing.traced(lambda: None)()
    assert [len(spans), nothing_is_current()] == [3, True]


def test_記録されないスパンも違う順に離れてよい(connect):
    """Unsampled spans may be left in any order too."""
    connect(traces_sampler="always_off")
    one, two = spanned("1"), spanned("2")
    next(one)
    with tracing.span("x"):
        next(two)
        assert list(one) == []
    assert list(two) == []

    assert nothing_is_current()


def test_現在を戻せなくても呼んだ側には何も届かない(spans, monkeypatch):
    """What ContextVar.reset may raise never reaches the application, and the spans end."""

    def refuses(token):
        raise LookupError(token.var)

    def uses():
        with tracing.span("by hand"):
            pass
        return next(generator, "the end")

    def begins():
        return next(generator)

    generator = numbers(1)
    here = contextvars.copy_context()
    assert here.run(begins) == 0
    for module in (_span, _decorators):
        monkeypatch.setattr(module, "reset", refuses)
    assert here.run(uses) == "the end"

    assert {"by hand", "gen"} <= {span.name for span in spans}
