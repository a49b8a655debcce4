"""A flood of lines: left by their callers, made by one thread, and the same lines as ever."""

import json
import logging
import threading
import time

import pytest

import testpilot_obs as obs
from testpilot_obs import logs, tracing
from testpilot_obs._core import redaction
from testpilot_obs._core.redaction import Redactor
from testpilot_obs.logs import _flood, _own_thread
from testpilot_obs.logs._pipeline import state
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.logs.waiting import wait_for


@pytest.fixture
def flooded(wire, tmp_path):
    """Return logs in a flood whose thread does nothing, so that the test says when to go on."""

    def begin(**settings):
        wired = wire(log_dir=str(tmp_path), log_format="none", **settings)
        state.flood._thread.wake = lambda: True
        state.flood.begin()
        return wired

    return begin


def written(folder, name="combined.log"):
    """Return the lines of a file."""
    path = folder / name
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def numbers(folder, event="work"):
    """Return the numbers of the lines about an event."""
    return [line["number"] for line in written(folder) if line["event"] == event]


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


def test_溢れは始まり終わる(wire, tmp_path):
    """A flood begins by itself, and when lines are few again each is in the file at once."""
    wire(log_dir=str(tmp_path), log_format="none")
    log = logs.get_logger("shop")
    count = 0
    deadline = time.monotonic() + 20
    while not state.flood.is_on and time.monotonic() < deadline:
        log.info("before")
        count += 1
    assert state.flood.is_on

    wait_for(lambda: not state.flood.is_on)
    # One that comes right after may still be gathered; the next is not.
    wait_for(lambda: len(written(tmp_path)) == count)
    pause = threading.Event()
    pause.wait(0.1)
    log.info("work", number=1)

    assert numbers(tmp_path) == [1]


def test_多くの糸が溢れさせても一度ずつ(wire, tmp_path):
    """Lines of eight threads, with flushes between, are there once, those of a thread in order."""
    wire(log_dir=str(tmp_path), log_format="none")
    log = logs.get_logger("shop")
    begun = threading.Event()

    def write(thread):
        for number in range(2_000):
            log.info("work", number=number, thread=thread)
            if state.flood.is_on:
                begun.set()
            if number % 300 == thread:
                logs.settle()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logs.settle()

    assert begun.is_set()
    lines = written(tmp_path)
    for thread in range(8):
        assert [line["number"] for line in lines if line["thread"] == thread] == list(range(2_000))


def test_糸が遅れれば呼び手が手伝う(flooded, tmp_path, monkeypatch):
    """When many lines wait their callers make some, so that no more and no more of them wait."""
    flooded()
    monkeypatch.setattr(_flood, "_MANY", 16)
    log = logs.get_logger("shop")
    for number in range(1_000):
        log.info("work", number=number)
        assert len(state.flood._waiting) <= 16
    logs.settle()

    assert numbers(tmp_path) == list(range(1_000))


def test_誰も書けなければ古い行を数えて手放す(flooded, tmp_path, monkeypatch):
    """If another thread hangs while it writes, memory is bounded, and what goes is counted."""
    flooded()
    monkeypatch.setattr(_flood, "_MANY", 5)
    monkeypatch.setattr(_flood, "_MOST", 10)
    monkeypatch.setattr(_flood, "_PATIENCE_S", 0.001)
    log = logs.get_logger("shop")
    held, done = threading.Event(), threading.Event()

    def hang():
        with state.flood._lock:
            held.set()
            done.wait(20)

    hanging = threading.Thread(target=hang)
    hanging.start()
    held.wait(20)
    for number in range(30):
        log.info("work", number=number)
    done.set()
    hanging.join()
    logs.settle()

    assert numbers(tmp_path) == list(range(20, 30))
    assert logs.lost()["combined.log"] == 20


def test_糸が作れなければ溢れは始まらない(wire, tmp_path, monkeypatch):
    """Without a thread to be had lines go their usual way."""

    def refuses(*_arguments):
        raise RuntimeError

    wire(log_dir=str(tmp_path), log_format="none")
    monkeypatch.setattr(_own_thread._thread, "start_new_thread", refuses)
    log = logs.get_logger("shop")
    for number in range(3_000):
        log.info("work", number=number)
        assert not state.flood.is_on

    assert numbers(tmp_path) == list(range(3_000))


def test_作る途中の信号も行を失わない(flooded, tmp_path, monkeypatch):
    """A signal handler that logs while its thread makes lines neither hangs nor loses anything."""
    flooded()
    log = logs.get_logger("shop")
    take = state.flood._sinks[0].take
    interrupted = []

    def interrupt(lines):
        if not interrupted:
            interrupted.append(True)
            log.info("handler", number=1)
            log.error("handler", number=2)
            logs.settle()
        return take(lines)

    monkeypatch.setattr(state.flood._sinks[0], "take", interrupt)
    for number in range(20):
        log.info("work", number=number)
    logs.settle()

    assert sorted(numbers(tmp_path)) == list(range(20))
    assert numbers(tmp_path, "handler") == [1, 2]


@pytest.mark.guarded
def test_一つの行き先の失敗は他に及ばない(flooded, tmp_path, monkeypatch, caplog):
    """A sink that fails in a flood does not keep lines from the others."""
    wired = flooded()
    monkeypatch.setattr(state.flood._sinks[0], "take", None)
    logs.get_logger("shop").info("work", number=1)
    logs.settle()

    assert [record.body for record in wired.records] == ["work"]
    assert "write log lines to one of their places" in caplog.text


def test_利用者の判断は呼んだ糸で問われる(flooded, tmp_path):
    """A callback of the user's for redaction is asked before the call returns."""
    asked = []

    def decide(match):
        asked.append(threading.current_thread().name)

    redaction.use(Redactor(decide=decide))
    try:
        flooded()
        logs.get_logger("shop").info("work", password="p4ss", number=1)
        assert asked == [threading.current_thread().name]
        logs.settle()
    finally:
        redaction.use(Redactor())

    assert numbers(tmp_path) == [1]


def test_捕まえる試験は溢れても捕まえる(flooded):
    """``structlog.testing.capture_logs`` has the lines that are written in its block."""
    from structlog.testing import capture_logs

    flooded()
    log = logs.get_logger("shop")
    with capture_logs() as captured:
        log.info("work", number=1)

    assert [line["event"] for line in captured] == ["work"]


def test_画面へ書くなら溢れは始まらない(wire, tmp_path):
    """Lines that are printed are printed by their callers, so no flood begins."""
    wire(log_dir=str(tmp_path), log_format="json")
    state.flood.begin()

    assert not state.flood.is_on
