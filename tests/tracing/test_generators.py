"""Spans and generators: suspended, interleaved, left early, closed elsewhere."""

import contextlib
import gc
import sys

import pytest

from testpilot_obs import tracing
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
    assert all(span.status.is_unset for span in spans)


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
    with tracing.span("outer"):
        next(ours)

    assert ours.close() == plain.close() == ("closed" if sys.version_info >= (3, 13) else None)
    assert len(spans) == 2


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


class Closing:
    """Stands for a generator of Python 3.13 or newer, whose `close` returns a value."""

    def __iter__(self):
        """Return the same object, as generators do."""
        return self

    def __next__(self):
        """Return a first item."""
        return self.send(None)

    def send(self, value):
        """Return a first item."""
        return 1

    def close(self):
        """Return a value."""
        return "closed"


@pytest.mark.parametrize("decorate", [tracing.traced, tracing.transaction])
def test_閉じた時の値は渡される(spans, decorate):
    """What a generator returns when it is closed ends the span without an error."""

    def make():
        yield

    make = decorate(make)
    make.__closure__[[*make.__code__.co_freevars].index("function")].cell_contents = Closing
    generator = make()
    with tracing.span("outer"):
        next(generator)

    assert generator.close() == ("closed" if sys.version_info >= (3, 13) else None)
    assert all(span.status.is_unset for span in spans)


@pytest.mark.parametrize("has_parent", [True, False])
def test_呼び手のトランザクションは変わらない(spans, has_parent):
    """A generator that ends leaves the caller the transaction that it has by then."""
    with tracing.span("outer") if has_parent else contextlib.nullcontext():
        generator = numbers(2)
        first = tracing.start_transaction("first")
        next(generator)
        first.end()
        with tracing.start_transaction("second") as second:
            assert list(generator) == [1]
            assert tracing.current_transaction() is second

    assert nothing_is_current()


def test_子の生成器も例外と束縛を記録する(spans, queue):
    """Below another span a generator records exceptions, has bound fields and presses the queue."""

    @tracing.traced("gen")
    def broken():
        yield 1
        raise ValueError("だめ")

    queue.high = 0
    with contextlib.suppress(ValueError), tracing.span("outer"), tracing.bound(a=1):
        list(broken())

    gen, outer = spans
    assert (gen.attributes["a"], len(gen.events), len(outer.events)) == (1, 1, 0)
    assert queue.pressed == 2


def test_子の生成器を手で終えても一度だけである(spans):
    """A span ended within its generator is queued once."""

    @tracing.traced("gen")
    def ending():
        tracing.current_span().end()
        yield 1

    with tracing.span("outer"):
        list(ending())

    assert [span.name for span in spans] == ["gen", "outer"]


def returns_none():
    """Return nothing, in two ways."""
    if (yield 1):
        return
    yield 2


def returns_something():
    """Return a value, in one of two ways."""
    if (yield 1):
        return "sent"
    yield 2


@pytest.mark.parametrize(("make", "expected"), [(returns_none, None), (returns_something, "sent")])
def test_戻り値は失われない(spans, make, expected):
    """What a generator returns is returned, whichever way its span takes."""
    with tracing.span("outer"):
        generator = tracing.traced(make)()
        next(generator)
        with pytest.raises(StopIteration) as stop:
            generator.send("something")

    assert stop.value.value == expected
    assert [span.name for span in spans] == [make.__name__, "outer"]
