"""A flood of lines: left by their callers, made by one thread, and the same lines as ever."""

import logging
import time

import pytest

import testpilot_obs as obs
from testpilot_obs import logs, tracing
from testpilot_obs.logs._pipeline import state
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.logs.waiting import numbers, wait_for, written


def without_time(line):
    """Return a line as it would be at any moment."""
    return {key: value for key, value in line.items() if key not in {"timestamp", "@timestamp"}}


def plain(log):
    """Write a line as most are."""
    log.info("placed", order=17, amount=12.5, paid=True, user="ü", note=None)


def reserved(log):
    """Use our names for fields."""
    log.info("placed", level="high", logger="mine", trace_id="x", service="y")


def secret(log):
    """Say what nobody should read."""
    log.warning("Bearer abcdefghijklmnop0123456789", password="p4ss", card=4111111111111111)


def with_arguments(log):
    """Use positional arguments."""
    log.info("%s of %d", "one", 17, number=1)


def nested(log):
    """Write what may change, and change it."""
    items = ["a"]
    log.info("placed", items=items)
    items.append("b")


def long_text(log):
    """Write a text that needs to be cut."""
    log.info("x" * 5_000, body="y" * 100_000)


def failing(log):
    """Write an exception."""
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        log.warning("broken", exc_info=True)


def by_context(log):
    """Write with what is bound to the context, and bind something else."""
    with obs.bound(customer=7, secret="s"):
        log.info("placed")
    with obs.bound(customer=8):
        pass


def by_structlog(log):
    """Write with what structlog's contextvars hold."""
    import structlog

    with structlog.contextvars.bound_contextvars(request="r-1"):
        log.info("placed")


def by_standard(log):
    """Write with ``logging``, at a level of one's own too."""
    logging.getLogger("theirs").warning("placed %s", 1, extra={"order": 17})
    logging.getLogger("theirs").log(logging.WARNING + 5, "between")


def several(log):
    """Write nothing unusual, in a logger with fields of its own."""
    bound = log.bind(shop="s-1")
    bound.debug("not wanted")
    bound.info(None, event="by keyword")
    bound.info("")


WAYS = [
    plain,
    reserved,
    secret,
    with_arguments,
    nested,
    long_text,
    failing,
    by_context,
    by_structlog,
    by_standard,
    several,
]


@pytest.mark.parametrize("settings", [{}, {"log_caller": True}, {"log_schema": "ecs"}])
@pytest.mark.parametrize("way", WAYS)
def test_溢れても行は同じ(flooded, tmp_path, way, settings):
    """Whatever is written, the line is the same in a flood, in the file and for OTLP."""
    wired = flooded(**settings)
    state.flood.end()
    log = logs.get_logger("shop")
    way(log)
    logs.settle()
    usual = [without_time(line) for line in written(tmp_path)]
    records = [(one.body, one.attributes, one.severity_text, one.logger) for one in wired.records]
    assert usual

    wired = flooded(**settings)
    way(log)
    assert state.flood.is_on
    logs.settle()

    assert [without_time(line) for line in written(tmp_path)][len(usual) :] == usual
    assert [
        (one.body, one.attributes, one.severity_text, one.logger) for one in wired.records
    ] == records


@pytest.mark.needs("requests")
def test_溢れても受け手には同じ記録が一度だけ届く(tmp_path):
    """A real receiver gets the same records of lines in a flood, once each."""
    with OtlpReceiver() as receiver:
        handle = obs.init(
            service_name="shop",
            otlp_endpoint=receiver.http_endpoint,
            log_dir=str(tmp_path),
            log_format="none",
        )
        log = obs.get_logger("shop")
        arrived = []
        for is_flood in (False, True):
            if is_flood:
                state.flood.begin()
            with obs.start_transaction("order"):
                for way in WAYS:
                    way(log)
            assert state.flood.is_on is is_flood
            assert handle.flush(10)
            arrived.append([(one.record, one.scope) for one in receiver.logs])
        handle.shutdown(5)
    usual, both = arrived
    in_flood = both[len(usual) :]
    for record, _ in both:
        record.ClearField("time_unix_nano")
        record.ClearField("observed_time_unix_nano")
        record.ClearField("trace_id")
        record.ClearField("span_id")

    def words(records):
        return sorted(f"{scope}{record}" for record, scope in records)

    assert len(usual) > len(WAYS)
    assert words(in_flood) == words(usual)


def test_溢れる行は残されるだけ(flooded, tmp_path):
    """Nothing of a line is made by its caller; a flush makes it, with the time of the call."""
    flooded()
    before = time.time_ns() // 1_000_000
    plain(logs.get_logger("shop"))
    after = time.time_ns() // 1_000_000 + 1
    assert len(state.flood._waiting) == 1
    assert written(tmp_path) == []

    wait_for(lambda: time.time_ns() // 1_000_000 > after + 5)
    logs.settle()

    (line,) = written(tmp_path)
    from datetime import datetime

    made = datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00")).timestamp() * 1_000
    assert before <= made <= after


def test_その時の取引と追跡が付く(wire, tmp_path):
    """A line has the transaction and the trace of the moment of its call."""
    obs.init(service_name="w", log_dir=str(tmp_path), log_format="none", logs_exporter="none")
    state.flood._thread.wake = lambda: True
    state.flood.begin()
    log = obs.get_logger("shop")
    with obs.start_transaction("first") as transaction:
        log.info("inside")
        transaction.name = "second"
        trace_id = tracing.trace_id()
    with obs.start_transaction("other"):
        logs.settle()

    (line,) = written(tmp_path)
    assert line["transaction"] == "first"
    assert line["trace_id"] == trace_id


def test_順序は守られる(flooded, tmp_path):
    """Lines that are left, made by their caller or written at once stand in the order of calls."""
    flooded()
    log = logs.get_logger("shop")
    ways = [
        lambda number: log.info("work", number=number),
        lambda number: log.info("%s", "work", number=number),
        lambda number: log.error("work", number=number),
        lambda number: log.info("work", number=number, items=[1, 2]),
    ]
    for number in range(200):
        ways[number * 7 % 5 % 4](number)
    logs.settle()

    assert numbers(tmp_path) == list(range(200))


def test_誤りの行はすぐにある(flooded, tmp_path):
    """An error in a flood of other lines is in error.log when the call returns."""
    flooded()
    log = logs.get_logger("shop")
    log.info("work", number=1)
    log.error("broken", number=2)

    assert [line["number"] for line in written(tmp_path, "error.log")] == [2]
