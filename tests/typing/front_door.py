"""How users call the front door; this file only has to type-check."""

from collections.abc import AsyncIterator, Iterator

from opentelemetry.trace import Span
from typing_extensions import assert_type

import testpilot_obs as obs


@obs.traced
def plain(number: int, *, name: str = "") -> str:
    """Keep the signature without arguments."""
    return name * number


@obs.traced("named", attributes={"kind": "demo"})
async def coroutine(number: int) -> int:
    """Keep the signature with arguments."""
    return number


@obs.transaction
def generator(number: int) -> Iterator[int]:
    """Keep the type of a generator."""
    yield number


@obs.transaction("job", kind="consumer")
async def async_generator(number: int) -> AsyncIterator[int]:
    """Keep the type of an async generator."""
    yield number


@obs.monitored
def monitored(number: int) -> int:
    """Keep the signature of what is monitored."""
    return number


class Service:
    """Decorated methods keep their types too."""

    @obs.traced
    def method(self, number: int) -> int:
        """Return the number."""
        return number

    @staticmethod
    @obs.traced
    def static(number: int) -> int:
        """Return the number."""
        return number


def check_decorators() -> None:
    """Each decorated function has the type it had."""
    assert_type(plain(1, name="x"), str)
    assert_type(generator(1), Iterator[int])
    assert_type(async_generator(1), AsyncIterator[int])
    assert_type(monitored(1), int)
    assert_type(Service().method(1), int)
    assert_type(Service.static(1), int)


async def check_coroutine() -> None:
    """A decorated coroutine function is awaited as before."""
    assert_type(await coroutine(1), int)


def check_init() -> None:
    """`init` returns a handle that is a context manager."""
    with obs.init(service_name="shop", otlp_endpoint="http://localhost:4318") as handle:
        assert_type(handle, obs.Handle)
        assert_type(handle.flush(timeout_s=1.0), bool)
    assert_type(obs.is_initialized(), bool)


async def check_transaction() -> None:
    """A transaction works with ``with``, ``async with`` and by hand."""
    with obs.start_transaction("a", kind="server", attributes={"n": 1}) as first:
        assert_type(first, obs.Transaction)
        first.set_attribute("key", "value")
    async with obs.start_transaction("b", parent=obs.extract({})) as second:
        assert_type(second, obs.Transaction)
    third = obs.start_transaction("c")
    third.end("success")


def check_span() -> None:
    """A span takes a mapping, keywords, or both."""
    with obs.span("a"), obs.span("b", {"db.system.name": "sqlite"}, rows=3) as span:
        span.set_attribute("key", "value")
    current: Span = obs.current_span()
    current.add_event("event")


def check_context() -> None:
    """Fields, headers and functions carry the context."""
    obs.bind(user="a", n=1)
    with obs.bound(user="b"):
        headers: dict[str, str] = {}
        obs.inject(headers)
    assert_type(obs.trace_id(), str)
    assert_type(obs.wrap(plain)(1), str)


def check_metrics() -> None:
    """Instruments are declared once and updated through their labels."""
    total = obs.metrics.counter("a_total", "What it counts.", ["status"])
    total.labels(status="ok").inc()
    obs.metrics.histogram("b_seconds", "What it measures.", buckets=(0.1, 1)).observe(0.5)
    obs.metrics.gauge("c", "What it shows.").set(3)
    assert_type(obs.metrics.render(), bytes)
