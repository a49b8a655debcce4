"""What tests of tracing get: a queue that keeps, a connection, and spans in the order they end."""

import logging

import pytest

from testpilot_obs import tracing
from testpilot_obs.tracing import _propagation, _span
from tests.tracing.helpers import FakeQueue, settings


@pytest.fixture(autouse=True)
def _in_order():
    """Begin each test with spans that were left in the order they were entered in."""
    _span.is_out_of_order = False
    _propagation._in_use = ("tracecontext", "baggage")


@pytest.fixture
def queue():
    """Return a queue that keeps every span."""
    return FakeQueue()


@pytest.fixture
def connect(queue):
    """Return a function that connects tracing to *queue*, with any settings."""

    def connect(*, sampler=None, id_generator=None, span_processors=(), **changes):
        return tracing.connect(
            settings(**changes),
            queue,
            {"service.name": "試験"},
            sampler=sampler,
            id_generator=id_generator,
            span_processors=span_processors,
        )

    return connect


@pytest.fixture
def spans(connect, queue):
    """Connect tracing, and return the list of ended spans."""
    connect()
    return queue.items


@pytest.fixture
def tracer(connect):
    """Connect tracing, and return a tracer."""
    return connect().get_tracer("試験")


@pytest.fixture
def quiet(caplog):
    """Fail if anything at all is logged."""
    caplog.set_level(logging.WARNING)
    yield
    assert [record.getMessage() for record in caplog.get_records("call")] == []
