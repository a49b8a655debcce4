"""The decorators ``@timed``, ``@counted`` and ``@inflight``."""

import asyncio

import pytest

from testpilot_obs import metrics


def work(*, fails=False):
    """Do something, or fail."""
    if fails:
        raise ValueError("no")
    return 1


def in_flight(samples, name):
    """Return the number of running calls of *name*."""
    return samples()["function_calls_in_flight", (("function", name),)]


def test_呼び出しは成否別に数えられる(samples):
    """@counted counts calls that end, by success and error."""
    counted = metrics.counted("work")(work)
    counted()
    with pytest.raises(ValueError, match="no"):
        counted(fails=True)

    counts = samples()
    for status, kind in (("success", ""), ("error", "ValueError")):
        labels = (("exception_type", kind), ("function", "work"), ("status", status))
        assert counts["function_calls_total", labels] == 1


def test_呼び出しの時間が測られる(samples):
    """@timed observes each call in a histogram, by success and error."""
    timed = metrics.timed(work)
    timed()
    with pytest.raises(ValueError, match="no"):
        timed(fails=True)

    counts = samples()
    for status in ("success", "error"):
        labels = (("function", "work"), ("status", status))
        assert counts["function_duration_seconds_count", labels] == 1


def test_実行中の呼び出しが見える(samples):
    """@inflight shows the calls that are running now, and none afterwards."""

    @metrics.inflight
    def look():
        return in_flight(samples, look.__qualname__.rsplit(".", 1)[-1])

    assert look() == 1
    assert in_flight(samples, "look") == 0


def test_コルーチンとジェネレータも測られる(samples):
    """Coroutines and generators are measured until they end, however they end."""

    @metrics.counted("coroutine")
    async def coroutine():
        return 1

    @metrics.counted("generator")
    def generator():
        yield 1
        yield 2

    asyncio.run(coroutine())
    next(left_early := generator())
    left_early.close()

    for name in ("coroutine", "generator"):
        labels = (("exception_type", ""), ("function", name), ("status", "success"))
        assert samples()["function_calls_total", labels] == 1


def test_装飾しても関数の名前と戻り値は変わらない():
    """A decorated function keeps its name and returns what it returned."""
    for decorator in (metrics.counted, metrics.timed, metrics.inflight):
        assert decorator(work).__name__ == "work"
        assert decorator(work)() == 1
