"""Spans and generators: suspended, interleaved, left early, closed elsewhere."""

import contextvars
import gc
import sys
import threading

import pytest

from testpilot_obs import tracing
from testpilot_obs.tracing import _span
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


def test_休んでいる生成器は何も現在にしない(spans):
    """Between two steps the caller has its own span again, within a step the generator's."""
    with tracing.span("outer") as outer:
        generator = numbers()
        seen = [(next(generator), tracing.current_span() is outer) for _ in range(3)]
        with tracing.span("between") as between:
            pass
        assert list(generator) == []

    assert seen == [(n, True) for n in range(3)]
    assert between.parent == outer.context
    assert named(spans, "gen").parent == outer.context
    gen = named(spans, "gen")
    assert [named(spans, f"step {n}").parent for n in range(3)] == [gen.context] * 3
    assert nothing_is_current()


def test_生成器の約束は守られる(spans):
    """Values sent, exceptions thrown and the value returned go through unchanged."""

    @tracing.traced
    def talk():
        got = yield "first"
        try:
            yield got
        except KeyError as error:
            yield error
        return "result"

    generator, error = talk(), KeyError("k")

    assert (next(generator), generator.send("hello"), generator.throw(error)) == (
        "first",
        "hello",
        error,
    )
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "result"
    assert spans[0].status.is_unset


def test_生成器の例外は記録される(spans):
    """An exception that leaves a generator is recorded on its span."""

    @tracing.traced("gen")
    def broken():
        yield 1
        raise ValueError("だめ")

    with pytest.raises(ValueError, match="だめ"):
        list(broken())

    assert [event.name for event in spans[0].events] == ["exception"]


@pytest.mark.parametrize("leave", ["close", "del", "break"])
def test_途中で捨てられた生成器もスパンを終える(spans, leave):
    """A generator that is closed, collected or left early ends its spans, without an error."""
    generator = numbers()
    if leave == "break":
        for _ in generator:
            break
    else:
        next(generator)
    if leave == "close":
        generator.close()
    del generator
    gc.collect()

    assert [(s.name, s.status.is_unset) for s in spans] == [("step 0", True), ("gen", True)]
    assert nothing_is_current()


def test_片付け中のスパンも親を持つ(spans):
    """What a generator does while it is closed belongs to its span."""

    @tracing.traced("gen")
    def tidy():
        try:
            yield
        finally:
            with tracing.span("tidy"):
                pass

    generator = tidy()
    next(generator)
    generator.close()

    assert named(spans, "tidy").parent == named(spans, "gen").context


def test_閉じるのを拒む生成器はPythonに叱られる(spans):
    """A generator that yields while it is closed raises what Python raises."""

    @tracing.traced("gen")
    def stubborn():
        try:
            yield 1
        except GeneratorExit:
            yield 2

    generator = stubborn()
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()

    assert nothing_is_current()


@pytest.mark.parametrize("decorate", [tracing.traced, tracing.transaction])
def test_閉じた時の値は今のPythonと同じである(spans, decorate):
    """What `close` returns is what it returns without us: a value since Python 3.13."""

    def closing():
        try:
            yield
        except GeneratorExit:
            return "closed"

    plain, ours = closing(), decorate(closing)()
    next(plain)
    next(ours)

    assert ours.close() == plain.close() == ("closed" if sys.version_info >= (3, 13) else None)
    assert len(spans) == 1


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


def test_トランザクションも生成器の中だけで現在である(spans):
    """A transaction around a generator is current within its steps only."""

    @tracing.transaction("tx")
    def work():
        yield tracing.current_transaction().name

    generator = work()
    assert next(generator) == "tx"
    assert nothing_is_current()
    assert list(generator) == []
    assert spans[0].attributes["testpilot_obs.transaction.status"] == "success"


def test_生成器の中で始めたトランザクションも外に漏れない(spans):
    """A transaction begun inside of a traced generator is not the caller's."""

    @tracing.traced("gen")
    def work():
        with tracing.start_transaction("inner"):
            yield tracing.current_transaction().name
            yield tracing.current_transaction().name

    generator = work()
    with tracing.start_transaction("outer"):
        assert next(generator) == "inner"
        assert tracing.current_transaction().name == "outer"
    assert list(generator) == ["inner"]
    assert nothing_is_current()
