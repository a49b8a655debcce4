"""Levels: for each logger, at run time, for a while, by a signal, by a request."""

import logging
import os
import signal
import threading

import pytest

from testpilot_obs import logs


def events(wired):
    """Return the events that were written."""
    return [line["event"] for line in wired.lines]


def speak(*names, through=logs.get_logger):
    """Write a debug and an info line by each logger."""
    for name in names:
        through(name).debug(f"{name} debug")
        through(name).info(f"{name} info")


def test_ロガーごとに水準がある(wire):
    """Patterns raise and lower the level of loggers; the last that fits wins."""
    wired = wire(log_levels="app.*=debug,noisy=error,app.quiet=warning")

    speak("app", "app.db", "app.quiet", "noisy", "other")

    assert events(wired) == ["app debug", "app info", "app.db debug", "app.db info", "other info"]


def test_標準のロガーにも水準がある(wire):
    """The same holds for loggers of logging, which get their level back."""
    wired = wire(log_levels="a9.*=debug,n9=error,*x9=error")
    logging.getLogger("yx9").setLevel(logging.NOTSET)

    speak("a9", "a9.db", "n9", "yx9", "o9", through=logging.getLogger)

    assert events(wired) == ["a9 debug", "a9 info", "a9.db debug", "a9.db info", "o9 info"]
    logs.disconnect()
    assert logging.getLogger("a9").level == logging.NOTSET


def test_走っている間に変えられる(wire):
    """`set_log_level` changes one logger, those of a pattern, or all others, at once."""
    wired = wire()
    log, standard = logs.get_logger("app.db"), logging.getLogger("app.std")

    logs.set_log_level("app.*", "debug")
    log.debug("one")
    standard.debug("two")
    logs.set_log_level("app.db", logging.ERROR)
    log.warning("not")
    logs.set_log_level(None, "error")
    logs.get_logger("other").warning("not")
    logging.getLogger("other").warning("not")

    assert events(wired) == ["one", "two"]


def test_知らない水準は断られる():
    """A level that does not exist is a mistake of the caller's."""
    with pytest.raises(ValueError, match="debug, info, warning"):
        logs.set_log_level("app", "loud")
    with pytest.raises(ValueError, match="loud"), logs.log_level("loud"):
        pass


def test_しばらくの間だけ変えられる(wire):
    """`log_level` holds in its context, other threads notice nothing, and it ends."""
    wired = wire()
    log = logs.get_logger("x")

    with logs.log_level("debug"):
        log.debug("inside")
        thread = threading.Thread(target=log.debug, args=("elsewhere",))
        thread.start()
        thread.join(5)
        with logs.log_level("error"):
            log.warning("silenced")
    log.debug("after")

    assert events(wired) == ["inside"]


def test_合図で細かい行が出る(wire):
    """The signal switches debug lines on, the next one off; the handler of before is called."""
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        wired = wire(log_level_signal="SIGUSR1")
        log = logs.get_logger("x")
        os.kill(os.getpid(), signal.SIGUSR1)
        log.debug("on")
        os.kill(os.getpid(), signal.SIGUSR1)
        log.debug("off")
        logs.disconnect()
        assert signal.getsignal(signal.SIGUSR1).__name__ == "<lambda>"
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert events(wired) == ["on"]
    assert len(seen) == 2


def test_主でない糸では合図を待たない(wire):
    """Connected in another thread, which cannot handle signals, everything else works."""
    before = signal.getsignal(signal.SIGUSR1)
    thread = threading.Thread(target=wire, kwargs={"log_level_signal": "SIGUSR1"})
    thread.start()
    thread.join(5)

    assert signal.getsignal(signal.SIGUSR1) is before


@pytest.mark.parametrize(
    ("setting", "headers", "expected"),
    [
        ("x-log-level", {"X-Log-Level": " Debug "}, ["detail"]),
        ("x-log-level", {"X-Log-Level": "everything"}, []),
        ("x-log-level", {}, []),
        (None, {"X-Log-Level": "debug"}, []),
    ],
)
def test_見出しで水準を変えられる(wire, setting, headers, expected):
    """A request may ask for more lines, by the header that was named, and no other."""
    wired = wire(log_level_header=setting)

    with logs.level_from_headers(headers):
        logs.get_logger("x").debug("detail")

    assert events(wired) == expected
