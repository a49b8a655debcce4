"""Threads and executors carry the context, and keep nothing of it."""

import concurrent.futures
import contextlib
import signal
import threading

import pytest

from testpilot_obs import tracing
from testpilot_obs.tracing import _threads
from tests.tracing.helpers import named

pytestmark = pytest.mark.usefixtures("quiet")


def state():
    """Return what is current: span, transaction name, bound fields."""
    from testpilot_obs._core import current

    now = tracing.current_transaction()
    return tracing.trace_id(), None if now is None else now.name, dict(current.bound_fields())


def in_thread(function):
    """Return what *function* returns in a new thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_スレッドは文脈を継ぐ(spans):
    """A thread begins with the span, transaction and fields of who started it."""
    with tracing.start_transaction("tx"), tracing.bound(a=1):
        here = state()
        assert in_thread(state) == here

    assert here[1:] == ("tx", {"a": 1})
    assert in_thread(state) == ("", None, {})


def test_派生したスレッドも継ぐ(spans):
    """A subclass with a `run` of its own carries too, and can be collected."""

    class Own(threading.Thread):
        def run(self):
            self.seen = tracing.trace_id()

    with tracing.span("x"):
        thread = Own()
        thread.start()
        thread.join()
        assert thread.seen == tracing.trace_id()
    assert "run" not in vars(thread)


def test_執行器の仕事は渡した時の文脈で動く(spans):
    """Work runs with what was current when it was submitted; workers keep nothing."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with tracing.start_transaction("one"):
            first = pool.submit(state)
            assert first.result() == state()
        with tracing.span("two"):
            assert pool.submit(state).result() == state()
            assert list(pool.map(lambda _: tracing.trace_id(), [1])) == [tracing.trace_id()]
        assert pool.submit(state).result() == ("", None, {})
        assert _threads._originals["submit"](pool, state).result() == ("", None, {})


def test_仕事の例外は一度だけ記録される(spans):
    """An exception that comes out of a future was recorded by the span in the worker."""

    @tracing.traced("work")
    def work():
        raise ValueError("だめ")

    pool = concurrent.futures.ThreadPoolExecutor(1)
    with pool, contextlib.suppress(ValueError), tracing.span("outer"):
        pool.submit(work).result()

    assert (len(named(spans, "work").events), len(named(spans, "outer").events)) == (1, 0)


def test_切ると標準ライブラリは元に戻る(connect):
    """`disconnect` gives the standard library its own methods back."""
    start, submit = threading.Thread.start, concurrent.futures.ThreadPoolExecutor.submit
    connect()
    assert threading.Thread.start is not start

    tracing.disconnect()

    assert threading.Thread.start is start
    assert concurrent.futures.ThreadPoolExecutor.submit is submit


def test_二度繋いでも一度だけ包む(connect):
    """Connecting twice wraps once."""
    connect()
    wrapped = threading.Thread.start
    connect()

    assert threading.Thread.start is wrapped
    assert _threads._originals["start"] is not wrapped


def test_別のスレッドで終えたスパンも届く(tracer, spans):
    """A span may be ended by another thread than the one that began it."""
    manager = tracer.start_as_current_span("x")
    manager.__enter__()

    in_thread(lambda: manager.__exit__(None, None, None))

    assert [span.name for span in spans] == ["x"]
    assert in_thread(lambda: tracing.current_span().is_recording()) is False


def test_多くのスレッドの操作は失われない(tracer, spans):
    """Many threads on one span lose nothing and break nothing."""
    span, barrier = tracer.start_span("x"), threading.Barrier(8)

    def work(n):
        barrier.wait()
        for i in range(100):
            span.set_attribute(f"{n % 4}.{i % 30}", i)
            span.add_event("e")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    span.end()

    assert len(span.attributes) == 120
    assert len(span.events) + span.dropped_events == 800


def test_信号の中からも使える(spans):
    """A signal handler that lands in a span's own methods cannot deadlock."""
    landed = []

    def handler(*_):
        with tracing.span("signal"):
            tracing.current_span().set_attribute("a", 1)
        outer.set_attribute("signal", len(landed))
        landed.append(1)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with tracing.span("outer") as outer:
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            n = 0
            while len(landed) < 20:
                n += 1
                with tracing.span("inner") as inner:
                    inner.set_attribute("n", n)
                    inner.add_event("e")
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert {span.name for span in spans} == {"outer", "inner", "signal"}
    assert not tracing.trace_id()
