"""Spans and asyncio: tasks, gather, cancellation, async generators."""

import asyncio
import contextlib

import pytest

from testpilot_obs import tracing
from tests.tracing.helpers import named

pytestmark = pytest.mark.usefixtures("quiet")


def nothing_is_current():
    """Return whether nothing is current."""
    return not tracing.trace_id() and tracing.current_transaction() is None


def run(main):
    """Run *main*, and check that nothing is left current, in it or after it."""

    async def checked():
        result = await main()
        assert nothing_is_current()
        return result

    result = asyncio.run(checked())
    assert nothing_is_current()
    return result


def test_並ぶタスクは同じ親を持つ(spans):
    """Tasks begin below what was current where they were made, and do not mix."""

    @tracing.traced("task")
    async def task(n):
        with tracing.span(f"in {n}"):
            await asyncio.sleep(0)
            with tracing.span(f"deep {n}"):
                await asyncio.sleep(0)

    async def main():
        with tracing.span("outer"):
            await asyncio.gather(*(task(n) for n in range(5)))

    run(main)

    outer = named(spans, "outer")
    assert [s.parent for s in spans if s.name == "task"] == [outer.context] * 5
    for n in range(5):
        assert named(spans, f"deep {n}").parent == named(spans, f"in {n}").context


def test_取り消しはそのまま通り抜ける(spans):
    """A cancelled task ends its spans, and cancellation is no error."""

    @tracing.traced("task")
    async def forever():
        with tracing.span("inner"):
            await asyncio.Event().wait()

    async def main():
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main)

    assert [(s.name, s.events, s.status.is_unset) for s in spans] == [
        ("inner", (), True),
        ("task", (), True),
    ]


def test_例外は同じ物が呼び手に届く(spans):
    """An exception of a decorated coroutine is recorded, and passes through."""
    error = ValueError("だめ")

    @tracing.traced
    async def broken():
        raise error

    async def main():
        with pytest.raises(ValueError, match="だめ") as caught:
            await broken()
        return caught.value

    assert run(main) is error
    assert len(spans[0].events) == 1


def test_子タスクの例外は親で二度記録されない(spans):
    """An exception that comes out of a task was recorded there."""

    @tracing.traced("task")
    async def broken():
        await asyncio.sleep(0)
        raise ValueError("だめ")

    async def main():
        with contextlib.suppress(ValueError), tracing.span("outer"):
            await asyncio.gather(broken(), asyncio.sleep(0))

    run(main)

    assert (len(named(spans, "task").events), len(named(spans, "outer").events)) == (1, 0)


def test_コールバックも文脈を継ぐ(spans):
    """`call_soon` runs with what was current when it was called."""

    async def main():
        with tracing.span("outer") as outer:
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(
                lambda: future.set_result(tracing.current_span() is outer)
            )
            assert await future

    run(main)


def test_スレッドに渡した仕事も文脈を継ぐ(spans):
    """`to_thread` and `run_in_executor` carry what is current."""

    async def main():
        with tracing.span("outer") as outer:
            loop = asyncio.get_running_loop()
            assert await asyncio.to_thread(tracing.current_span) is outer
            assert await loop.run_in_executor(None, tracing.current_span) is outer

    run(main)


def test_トランザクションは取り消されるとエラーである(spans):
    """A transaction that is cancelled did not succeed."""

    async def main():
        async def work():
            async with tracing.start_transaction("tx"):
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    run(main)

    assert spans[0].attributes["testpilot_obs.transaction.status"] == "error"
    assert spans[0].status.description == "CancelledError"


def test_トレーサーの飾りはコルーチンにも使える(tracer, spans):
    """A span's context manager decorates coroutine functions; each await is a new span."""

    @tracer.start_as_current_span("plain")
    async def plain():
        await asyncio.sleep(0)
        return tracing.trace_id()

    @tracer.start_as_current_span("linked", start_time=1)
    async def linked():
        return await plain()

    assert len({run(plain), run(plain), run(linked)}) == 3
    assert [span.name for span in spans] == ["plain", "plain", "plain", "linked"]


def test_記録されないスパンも非同期で使える(connect):
    """``async with`` works within an unsampled trace."""
    connect(traces_sampler="always_off")

    async def main():
        async with tracing.span("a"), tracing.span("b") as b:
            return b.is_recording()

    assert run(main) is False
