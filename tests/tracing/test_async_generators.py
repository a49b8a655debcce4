"""Async generators: suspended, interleaved, left early, closed by others."""

import asyncio
import gc

import pytest

from testpilot_obs import tracing
from tests.tracing.helpers import named

pytestmark = pytest.mark.usefixtures("quiet")


@tracing.traced("agen")
async def numbers(count=3):
    """Yield numbers, each within a span of its own, and tidy up slowly."""
    try:
        for n in range(count):
            with tracing.span(f"step {n}"):
                await asyncio.sleep(0)
                yield n
    finally:
        await asyncio.sleep(0)


async def spanned(name):
    """Yield within a span, undecorated."""
    with tracing.span(name):
        yield name


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


def test_非同期生成器は使う側の現在を変えない(spans):
    """Between two steps the caller has its own span again."""

    async def main():
        with tracing.span("outer") as outer:
            async for _ in numbers():
                assert tracing.current_span() is outer

    run(main)

    agen = named(spans, "agen")
    assert agen.parent == named(spans, "outer").context
    assert [named(spans, f"step {n}").parent for n in range(3)] == [agen.context] * 3


def test_非同期生成器の約束は守られる(spans):
    """Values sent and exceptions thrown go through unchanged."""

    @tracing.traced("agen")
    async def talk():
        got = yield "first"
        try:
            yield got
        except KeyError as error:
            yield error

    async def main():
        generator, error = talk(), KeyError("k")
        said = [await generator.asend(None), await generator.asend("hi")]
        assert await generator.athrow(error) is error
        await generator.aclose()
        return said

    assert run(main) == ["first", "hi"]


@pytest.mark.parametrize("leave", ["break", "aclose", "other task", "del", "shutdown"])
def test_途中で離れた非同期生成器もスパンを終える(spans, leave):
    """Left early, closed by another task, collected, or at the loop's end: all spans end."""
    kept = []

    async def main():
        generator = numbers()
        await generator.__anext__()
        if leave == "aclose":
            await generator.aclose()
        elif leave == "other task":
            await asyncio.create_task(generator.aclose())
        elif leave == "shutdown":
            kept.append(generator)
        elif leave == "break":
            async for _ in generator:
                break
        del generator
        gc.collect()
        for _ in range(10):
            await asyncio.sleep(0)

    run(main)

    assert {"step 0", "agen"} <= {span.name for span in spans}
    assert all(span.status.is_unset for span in spans)


def test_飾りのない非同期生成器を別のタスクが閉じる(spans):
    """A span inside an undecorated async generator may be ended by another task."""

    async def use():
        generator = spanned("x")
        await generator.__anext__()
        return generator

    async def main():
        generator = await asyncio.create_task(use())
        with tracing.span("own") as own:
            await asyncio.create_task(generator.aclose())
            assert tracing.current_span() is own

    run(main)

    assert [span.name for span in spans] == ["x", "own"]


def test_交互に進む非同期生成器は混ざらない(spans):
    """Interleaved async generators keep their own spans."""

    async def main():
        one, two = numbers(2), numbers(2)
        assert [await g.__anext__() for g in (one, two, one, two)] == [0, 0, 1, 1]
        assert [n async for n in one] + [n async for n in two] == []

    run(main)

    for agen in [span for span in spans if span.name == "agen"]:
        assert [s.name for s in spans if s.parent == agen.context] == ["step 0", "step 1"]


def test_一斉に使われる非同期生成器も混ざらない(spans):
    """Async generators used by many tasks at once keep their own spans."""

    async def use():
        return [n async for n in numbers(4)]

    async def main():
        return await asyncio.gather(*(use() for _ in range(10)))

    assert run(main) == [[0, 1, 2, 3]] * 10
    assert len([span for span in spans if span.name == "agen"]) == 10
