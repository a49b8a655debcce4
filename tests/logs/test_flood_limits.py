"""A flood of lines begins and ends, and what happens if something is in its way."""

import logging
import threading
import time

import pytest

import testpilot_obs as obs
from testpilot_obs import logs
from testpilot_obs._core import redaction
from testpilot_obs._core.redaction import Redactor
from testpilot_obs.logs import _flood, _own_thread
from testpilot_obs.logs._pipeline import state
from tests.logs.waiting import numbers, wait_for, written


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


def test_糸が僅かしか作れなくても溢れは続く(flooded, tmp_path, monkeypatch):
    """A flood is not over because its thread hardly runs: lines that wait count too."""
    flooded()
    log = logs.get_logger("shop")
    for number in range(100):
        log.info("work", number=number)
    waiting = []

    def hardly_runs():
        waiting.append(len(state.flood._waiting))
        return state.flood._make(2, patience_s=0)

    monkeypatch.setattr(state.flood, "_work", hardly_runs)
    state.flood._watch()

    assert not state.flood.is_on
    assert waiting[-1] < _flood._FEW_LINES
    assert len(waiting) > 40
    assert numbers(tmp_path) == list(range(100))


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

    assert numbers(tmp_path) == list(range(20))
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


def test_前の設定で残された行は前の規則で隠される(tmp_path):
    """What was left under one redaction is made under it, though another has come since."""
    obs.init(service_name="w", log_dir=str(tmp_path), log_format="none", logs_exporter="none")
    state.flood._thread.wake = lambda: True
    state.flood.begin()
    obs.get_logger("shop").info("login", password="hunter2")
    assert len(state.flood._waiting) == 1

    obs.init(
        service_name="w",
        log_dir=str(tmp_path),
        log_format="none",
        logs_exporter="none",
        redaction=False,
    )
    obs.get_logger("shop").info("login", password="hunter2")

    passwords = [line["password"] for line in written(tmp_path)]
    assert passwords == ["[redacted: password]", "hunter2"]


def test_溢れの終わりにも順序は守られる(flooded, tmp_path, monkeypatch):
    """A line that comes when the flood has ended stands after those that still wait."""
    flooded()
    log = logs.get_logger("shop")
    log.info("work", number=1)
    monkeypatch.setattr(state.flood, "is_on", False)

    log.info("work", number=2)

    assert numbers(tmp_path) == [1, 2]


def test_終わりの途中で溢れは始まらない(flooded, tmp_path, monkeypatch):
    """A flood that begins while the process ends, in another thread, is none."""
    flooded()
    state.flood.end()
    state.flood._is_ending = False
    active = redaction.active

    def end_meanwhile():
        state.flood._is_ending = True
        return active()

    with monkeypatch.context() as patched:
        patched.setattr(redaction, "active", end_meanwhile)
        state.flood.begin()

    assert not state.flood.is_on
    assert not state.flood.is_busy


def test_中断された書き出しは行を失わない(flooded, tmp_path, monkeypatch):
    """Ctrl-C in the middle of a flush loses no line: the next flush has them, in order."""
    flooded()
    log = logs.get_logger("shop")
    for number in range(30):
        log.info("work", number=number)
    compose, calls = _flood.compose, []

    def interrupted(*arguments, **options):
        calls.append(True)
        if len(calls) in (5, 17):
            raise KeyboardInterrupt
        return compose(*arguments, **options)

    monkeypatch.setattr(_flood, "compose", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            state.flood.settle()
    logs.settle()

    assert numbers(tmp_path) == list(range(30))


def test_渡す途中で中断されても失わず重ねない(flooded, tmp_path):
    """Ctrl-C while lines are handed out loses none and doubles none, in the file and for OTLP."""
    wired = flooded()
    log = logs.get_logger("shop")
    for number in range(30):
        log.info("work", number=number)
    files, otlp = state.flood._sinks
    interrupts = {files._combined: "_encode", otlp: "_encoded"}
    for sink, name in interrupts.items():
        usual, calls = getattr(sink, name), []

        def interrupted(*arguments, usual=usual, calls=calls):
            calls.append(True)
            if len(calls) in (3, 14):
                raise KeyboardInterrupt
            return usual(*arguments)

        setattr(sink, name, interrupted)
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            state.flood.settle()
    logs.settle()

    assert numbers(tmp_path) == list(range(30))
    assert [record.attributes["number"] for record in wired.records] == list(range(30))


def test_片付けの間に書かれた行は前の行を追い越さない(flooded, tmp_path, monkeypatch):
    """An error that a finaliser logs while lines are made stands after those in the making."""
    flooded()
    log = logs.get_logger("shop")
    for number in range(6):
        log.info("work", number=number)
    compose, said = _flood.compose, []

    def finalise(*arguments, **options):
        made = compose(*arguments, **options)
        if len(said) < 3:
            said.append(True)
            if len(said) == 3:
                log.error("work", number=6)
        return made

    monkeypatch.setattr(_flood, "compose", finalise)
    logs.settle()

    assert numbers(tmp_path) == list(range(7))


def test_書けない間の書き出しは一度しか待たない(flooded, tmp_path, monkeypatch):
    """However many lines wait, a flush asks the disk once: one that hangs costs a second."""
    flooded()
    monkeypatch.setattr(_flood, "_MANY", 10_000)
    log = logs.get_logger("shop")
    for number in range(4_000):
        log.info("work", number=number)
    asked = []
    monkeypatch.setattr(state.flood._sinks[0]._combined.file, "write_all", asked.append)
    state.flood.settle()
    monkeypatch.undo()
    logs.settle()

    assert len(asked) == 1
    assert numbers(tmp_path) == list(range(4_000))


def test_片付けの行も失われない(flooded, tmp_path, monkeypatch):
    """A finaliser that logs on the thread of the flood has its line written."""
    flooded()
    log = logs.get_logger("shop")
    log.info("work", number=1)
    take = state.flood._sinks[0].take
    said = []

    def take_and_finalise(lines):
        if not said:
            said.append(True)
            log.warning("work", number=2)
            logging.getLogger("theirs").warning("work", extra={"number": 3})
        return take(lines)

    monkeypatch.setattr(state.flood._sinks[0], "take", take_and_finalise)
    thread = threading.Thread(target=state.flood.settle, name="testpilot_obs logs")
    thread.start()
    thread.join()
    logs.settle()

    assert sorted(numbers(tmp_path)) == [1, 2, 3]


def test_溢れる行も捕まる(tmp_path):
    """`capture` has all lines at any moment, and a flood ends though the clock stands still."""
    from testpilot_obs.testing import FakeClock, capture

    with capture(clock=FakeClock(), log_dir=str(tmp_path)) as captured:
        log = obs.get_logger("shop")
        for number in range(300):
            log.info("work", number=number)
        state.flood.begin()
        for number in range(300):
            log.info("work", number=number)
        assert len(captured.logs) == 600
        wait_for(lambda: not state.flood.is_on)


def test_満ちた列は溢れても限られる(wire, tmp_path):
    """Each line of a flood that finds the queue full pushes out one, and is counted."""
    from testpilot_obs.delivery._queue import SignalQueue

    queue = SignalQueue(max_items=100, max_bytes=1 << 20, batch=50, wake=bool)
    queue.takes_entries = True
    wired = wire(log_dir=str(tmp_path), log_format="none")
    logs.connect(wired.config, queue)
    state.flood._thread.wake = lambda: True
    state.flood.begin()
    for number in range(500):
        logs.get_logger("shop").info("work", number=number)
    logs.settle()

    assert len(queue.items) == 100
    assert queue.dropped == {"queue_full": 400}
