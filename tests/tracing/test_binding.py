"""Fields that are bound to the context, and reach its spans."""

import asyncio
import contextvars

from opentelemetry import trace

from testpilot_obs import tracing
from testpilot_obs._core import current


def fields():
    """Return what is bound."""
    return dict(current.bound_fields())


def isolated(function):
    """Run *function* in a context of its own."""
    contextvars.copy_context().run(function)


def test_束縛は今のスパンと後のスパンに付く(spans):
    """`bind` reaches the current span and every later one of the context."""

    def work():
        with tracing.span("outer"):
            tracing.bind(a=1)
            with tracing.span("inner", a="own wins", b=2):
                pass
        with tracing.span("later"):
            pass

    isolated(work)
    with tracing.span("elsewhere"):
        pass

    assert [(span.name, dict(span.attributes)) for span in spans] == [
        ("inner", {"a": "own wins", "b": 2}),
        ("outer", {"a": 1}),
        ("later", {"a": 1}),
        ("elsewhere", {}),
    ]


def test_boundはブロックの間だけである(spans):
    """`bound` lasts for its block, inner binds included; spans begun inside keep the fields."""
    with tracing.bound(a=1):
        with tracing.bound(a=2, b=3):
            tracing.bind(c=4)
            with tracing.span("x"):
                pass
            inside = fields()
        between = fields()

    assert (inside, between, fields()) == ({"a": 2, "b": 3, "c": 4}, {"a": 1}, {})
    assert dict(spans[0].attributes) == {"a": 2, "b": 3, "c": 4}


def test_違う順に離れても漏れない():
    """Blocks left in another order than entered leave nothing bound."""

    def block(**bound):
        with tracing.bound(**bound):
            yield

    one, two, three = block(a=1), block(b=2), block(c=3)
    for generator in (one, two, three):
        next(generator)
    list(two)
    list(one)
    assert fields() == {"a": 1, "b": 2, "c": 3}
    list(three)

    assert fields() == {}


def test_別の文脈で離れても漏れない():
    """A block left in another context takes nothing away there."""

    def block():
        with tracing.bound(a=1):
            yield

    generator = block()
    contextvars.copy_context().run(next, generator)

    def elsewhere():
        with tracing.bound(b=2):
            list(generator)
            return fields()

    assert contextvars.copy_context().run(elsewhere) == {"b": 2}


def test_タスクの束縛は外に漏れない(spans):
    """What a task binds is its own."""

    async def task(n):
        tracing.set_user(str(n))
        await asyncio.sleep(0)
        with tracing.span("x"):
            return fields()

    async def main():
        return await asyncio.gather(*(task(n) for n in range(3)))

    assert asyncio.run(main()) == [{"user.id": str(n)} for n in range(3)]
    assert [span.attributes["user.id"] for span in spans] == ["0", "1", "2"]


def test_どのスパンにも束縛が付く(tracer, spans):
    """However a span begins, it has the bound fields."""
    with tracing.bound(a=1):
        tracer.start_span("x").end()
        with trace.use_span(tracer.start_span("w")):
            tracer.start_span("v").end()
        with tracer.start_as_current_span("y", start_time=1), tracing.span("z"):
            pass
        tracing.start_transaction("t").end()

    assert [span.attributes["a"] for span in spans] == [1, 1, 1, 1, 1]


def test_値は束縛した時の写しである(spans):
    """A later change of a bound value reaches no span."""
    value = [1]
    with tracing.bound(a=value):
        value.append(2)
        with tracing.span("x"):
            pass

    assert spans[0].attributes["a"] == (1,)
