"""How spans end: once, and nothing after."""

import contextlib
import json

import pytest
from opentelemetry.trace import StatusCode

from testpilot_obs import tracing
from testpilot_obs._core import clock
from tests.tracing.helpers import remote

LATE = {
    "set_attribute": lambda span: span.set_attribute("a", 1),
    "set_attributes": lambda span: span.set_attributes({"a": 1}),
    "add_event": lambda span: span.add_event("e"),
    "add_link": lambda span: span.add_link(remote()),
    "update_name": lambda span: span.update_name("y"),
    "set_status": lambda span: span.set_status(StatusCode.ERROR),
    "record_exception": lambda span: span.record_exception(ValueError()),
    "end": lambda span: span.end(5),
}


@pytest.mark.parametrize("doing", LATE)
def test_終わったスパンは変わらない(tracer, doing, caplog):
    """Use after the end changes nothing, and is warned about once."""
    span = tracer.start_span("x")
    span.end(7)
    before = json.loads(span.to_json())

    LATE[doing](span)
    LATE[doing](span)

    assert json.loads(span.to_json()) == before
    assert (span.is_recording(), span.end_time) == (False, 7)
    assert [record.getMessage() for record in caplog.records] == [
        f"{doing}() was called on a span that has ended"
    ]


def test_一度だけ待ち行列に入る(tracer, spans):
    """A span ended by hand within its own block is queued once."""
    with tracer.start_as_current_span("x") as span:
        span.end()

    assert spans == [span]


def test_end_on_exitなしでは終わらない(tracer, spans):
    """With ``end_on_exit=False`` the span outlives its block."""
    with tracer.start_as_current_span("x", end_on_exit=False) as span:
        pass

    assert (span.end_time, spans) == (None, [])
    span.end()
    assert spans == [span]


def test_終わりが始まりより前でも壊れない(tracer):
    """An end before the start is kept as it was told."""
    span = tracer.start_span("x", start_time=10)
    span.end(5)

    assert (span.start_time, span.end_time) == (10, 5)
    json.loads(span.to_json())


def test_溢れそうな待ち行列は押される(connect, queue):
    """A queue that fills up is pressed, whichever way spans end."""
    connect()
    queue.high = 0

    with tracing.span("a"):
        tracing.traced(lambda: None)()
    tracing.start_transaction("b").end()

    assert (len(queue.items), queue.pressed) == (3, 3)


def test_JSONはSDKと同じ形である(tracer):
    """`to_json` has the words of the SDK."""
    span = tracer.start_span("x", attributes={"a": 1}, start_time=0)
    span.add_event("e", {"k": "v"}, 123)

    read = json.loads(span.to_json(indent=None))

    assert read["name"] == "x"
    assert read["kind"] == "SpanKind.INTERNAL"
    assert read["context"]["span_id"] == f"0x{span.context.span_id:016x}"
    assert read["events"][0]["attributes"] == {"k": "v"}
    assert read["resource"]["attributes"]["service.name"] == "試験"


async def run(manager):
    """Enter and leave an async context manager."""
    async with manager as span:
        return span


def test_非同期のブロックでも同じである(tracer, spans, queue):
    """``async with`` does as ``with`` does, for every kind of span."""
    import asyncio

    async def main():
        await run(tracer.start_as_current_span("a"))
        await run(tracer.start_as_current_span("b", start_time=1))
        await run(tracer.start_span("c"))
        await run(tracing.start_transaction("d"))

    asyncio.run(main())

    assert [span.name for span in spans] == ["a", "b", "c", "d"]


def test_壊れた時計でも長さは負にならない(tracer, spans):
    """A clock that goes backwards does no harm to who reads the span."""
    times = iter([10, 3])
    clock.use(time_ns=lambda: next(times))

    with tracer.start_as_current_span("x"):
        pass

    assert spans[0].readable().end_time == 3


def test_中で終えたスパンの例外は記録されない(tracer, spans):
    """A span that has ended notes nothing more of what leaves its block."""
    manager, error = tracer.start_as_current_span("x"), ValueError("だめ")
    with contextlib.suppress(ValueError), manager as span:
        span.end()
        raise error

    assert (span.events, span.status.is_unset) == ((), True)


def test_始めただけのスパンも待ち行列を押す(tracer, queue):
    """A full queue is pressed by spans that were ended by hand."""
    queue.high = 0

    tracer.start_span("x").end()

    assert queue.pressed == 1


def test_二度離れても壊れない(tracer, spans):
    """Leaving a block twice by hand ends the span once."""
    manager = tracer.start_as_current_span("x")
    manager.__enter__()
    manager.__exit__(None, None, None)
    manager.__exit__(None, None, None)

    assert len(spans) == 1
