"""The decorators on everything that can be called."""

import asyncio
import contextlib
import inspect

import pytest

from testpilot_obs import tracing

DECORATORS = [tracing.traced, tracing.transaction, tracing.monitored]
every_decorator = pytest.mark.parametrize("decorate", DECORATORS)


def plain(a, /, b: int = 2, *args, c, **kwargs) -> str:
    """Return the arguments."""
    return f"{a} {b} {args} {c} {kwargs}"


async def coroutine(a: int, b: str = "x") -> int:
    """Return a."""
    return a


def generator(a: int):
    """Yield a."""
    yield a


async def async_generator(a: int):
    """Yield a."""
    yield a


KINDS = [
    inspect.isfunction,
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
]


@every_decorator
@pytest.mark.parametrize("function", [plain, coroutine, generator, async_generator])
def test_見た目は変わらない(decorate, function):
    """Name, docstring, signature and kind are those of the function."""
    decorated = decorate(function)

    assert decorated.__wrapped__ is function
    assert (decorated.__name__, decorated.__doc__) == (function.__name__, function.__doc__)
    assert inspect.signature(decorated) == inspect.signature(function)
    assert [is_kind(decorated) for is_kind in KINDS] == [is_kind(function) for is_kind in KINDS]


@every_decorator
@pytest.mark.parametrize("connected", [True, False])
def test_どの関数も同じ値を返す(decorate, connected, request, queue):
    """Every kind of function gives the same values, with a span when connected."""
    if connected:
        request.getfixturevalue("connect")()

    async def all_of():
        return [n async for n in decorate(async_generator)(4)]

    assert decorate(plain)(1, 3, 4, c=5, d=6) == plain(1, 3, 4, c=5, d=6)
    assert asyncio.run(decorate(coroutine)(2)) == 2
    assert list(decorate(generator)(3)) == [3]
    assert asyncio.run(all_of()) == [4]
    assert [span.name for span in queue.items] == (
        ["plain", "coroutine", "generator", "async_generator"] if connected else []
    )


@every_decorator
@pytest.mark.parametrize(
    "with_arguments",
    [
        lambda decorate: decorate("名"),
        lambda decorate: decorate(name="名"),
        lambda decorate: decorate("other", name="名"),
    ],
)
def test_名前を付けられる(decorate, with_arguments, spans):
    """The name is given as the only argument, or by keyword, which wins."""
    with_arguments(decorate)(lambda: None)()

    assert [span.name for span in spans] == ["名"]


@every_decorator
def test_属性を付けられる(decorate, spans):
    """Attributes are set on every span, and are not shared between them."""
    given = {"a": 1}

    @decorate(attributes=given)
    def work(n):
        tracing.current_span().set_attribute("n", n)

    work(1)
    work(2)
    with tracing.span("outer"):
        work(3)

    assert [(s.attributes["a"], s.attributes["n"]) for s in spans[:3]] == [(1, 1), (1, 2), (1, 3)]
    assert given == {"a": 1}


@every_decorator
@pytest.mark.parametrize("parent", [True, False])
def test_例外は同じ物が通り抜ける(decorate, parent, spans):
    """What a decorated function raises reaches its caller as the same object, recorded once."""
    error = ValueError("だめ")

    @decorate
    def broken():
        raise error

    outer = tracing.span("outer") if parent else contextlib.nullcontext()
    with pytest.raises(ValueError, match="だめ") as caught, outer:
        broken()

    assert caught.value is error
    assert [len(span.events) for span in spans] == [1, 0][: len(spans)]


@every_decorator
def test_繋ぐ前に飾った関数も後で働く(decorate, connect, queue):
    """Decorated before `connect`: nothing; then spans; nothing after `disconnect`; then again."""
    work = decorate("work")(lambda: len(queue.items))

    seen = [work()]
    connect()
    seen.append(work())
    tracing.disconnect()
    seen.append(work())
    connect()
    seen.extend([work(), len(queue.items)])

    assert seen == [0, 0, 1, 1, 2]


@every_decorator
def test_抽出されない時も値は返る(decorate, connect, queue):
    """Within an unsampled trace decorated functions just work."""
    connect(traces_sampler="always_off")

    async def all_of():
        return [await decorate(coroutine)(1), *[n async for n in decorate(async_generator)(2)]]

    with tracing.span("outer"):
        assert decorate(len)("") == 0
        assert asyncio.run(all_of()) == [1, 2]
        assert list(decorate(generator)(3)) == [3]
    assert queue.items == []


@every_decorator
def test_再帰する関数は入れ子になる(decorate, spans):
    """A recursive function makes one span inside of the other."""

    @decorate
    def dive(depth):
        return dive(depth - 1) if depth else tracing.trace_id()

    trace_id = dive(3)

    assert len(spans) == 4
    assert [s.parent.span_id for s in spans[:-1]] == [s.context.span_id for s in spans[1:]]
    assert f"{spans[0].context.trace_id:032x}" == trace_id


def test_監視される関数はエラー行を求める(spans):
    """`monitored` asks for an error line, `transaction` does not."""
    seen = []
    tracing.set_transaction_hooks(
        None, None, lambda tx: seen.append((tx.name, tx.logs_errors)), slow=0.0
    )

    tracing.monitored("a")(lambda: None)()
    tracing.transaction("b")(lambda: None)()

    assert seen == [("a", True), ("b", False)]


def test_処理器があっても飾りは働く(connect, queue):
    """With span processors the slow paths are taken, with the same result."""
    from opentelemetry.sdk.trace import SpanProcessor

    connect(span_processors=[SpanProcessor()])

    assert list(tracing.traced(generator)(1)) == [1]
    assert tracing.traced(plain)(1, c=2) == plain(1, c=2)
    assert [span.name for span in queue.items] == ["generator", "plain"]


def test_束縛した項目は飾りのスパンにも付く(spans):
    """Bound fields reach the spans of decorated functions."""
    with tracing.bound(a=1), tracing.span("outer"):
        tracing.traced(lambda: None)()

    assert [span.attributes["a"] for span in spans] == [1, 1]
