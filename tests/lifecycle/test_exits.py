"""The hooks at the end of a process, one by one."""

import atexit
import os
import signal
import threading
import time

import pytest

from testpilot_obs._core.exits import Exits
from tests.lifecycle.programs import run


class Ends:
    """Notes each call with the seconds it was given, and whether it was in the main thread."""

    def __init__(self):
        self.given = []
        self.error = None
        self.came = threading.Event()

    def __call__(self, timeout_s):
        """End."""
        self.given.append((timeout_s, threading.current_thread() is threading.main_thread()))
        self.came.set()
        if self.error is not None:
            raise self.error


@pytest.fixture
def ends():
    """Return what the hooks call."""
    return Ends()


@pytest.fixture
def make_exits(ends):
    """Return a function that sets the hooks; they are taken back."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    real, raising = os._exit, signal.raise_signal
    made = []

    def make():
        made.append(Exits(ends, lambda: 2.0))
        return made[-1]

    yield make
    for exits in made:
        exits.termination.stop()
        atexit.unregister(exits.at_end)
    os._exit, signal.raise_signal = real, raising
    signal.signal(signal.SIGTERM, before)


def test_利用者の処理はそのままである(make_exits, ends):
    """A handler that is there already stays."""
    mine = []
    signal.signal(signal.SIGTERM, lambda *_: mine.append(1))
    make_exits()

    signal.raise_signal(signal.SIGTERM)

    assert (mine, ends.given) == ([1], [])


def test_無視された信号は無視されたままである(make_exits, ends):
    """A signal that the application ignores ends nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    make_exits()

    signal.raise_signal(signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    assert ends.given == []


def test_SIGTERMは終わらせてから改めて送られる(make_exits, ends, monkeypatch):
    """What waits is delivered in the main thread, then the signal is sent with its old meaning."""
    killed = []
    monkeypatch.setattr(os, "kill", lambda *given: killed.append(given))
    make_exits()

    signal.raise_signal(signal.SIGTERM)

    assert [is_main for _, is_main in ends.given] == [True]
    assert killed == [(os.getpid(), signal.SIGTERM)]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_聞き逃した主の糸は起こされる(make_exits, ends, monkeypatch):
    """In a child of multiprocessing a main thread that sleeps through the signal is woken."""
    monkeypatch.setattr(os, "kill", lambda *_: None)
    make_exits().termination.listen()
    asleep = threading.Lock()
    asleep.acquire()
    ends.came.set = asleep.release
    told = threading.Event()
    # The signal comes in another thread, so nothing interrupts the sleep of this one.
    other = threading.Thread(target=told.wait)
    other.start()
    signal.pthread_kill(other.ident, signal.SIGTERM)

    is_woken = asleep.acquire(timeout=20)
    told.set()
    other.join()
    signal.set_wakeup_fd(-1)

    assert is_woken
    assert len(ends.given) == 1


def test_一番の過程はSIGTERMで終わらないので終えない(make_exits, monkeypatch):
    """The kernel does not end process 1 by SIGTERM, so nothing is watched either."""
    monkeypatch.setattr(os, "getpid", lambda: 1)

    exits = make_exits()

    assert not exits.termination.is_watched
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_終わりの期限は一つである(make_exits, ends, monkeypatch):
    """However often the end is noticed, the time runs from the first."""
    exits = make_exits()
    exits.at_end()
    passed = time.monotonic() + 1.5
    monkeypatch.setattr("testpilot_obs._core.clock.monotonic", lambda: passed)
    exits.at_end()

    (first, _), (second, _) = ends.given
    assert first == pytest.approx(2.0, abs=0.1)
    assert second == pytest.approx(0.5, abs=0.4)


def test_二度目のCtrlCは静かに終える(make_exits, ends):
    """Ctrl-C while the end is awaited stops the waiting, and prints no traceback."""
    ends.error = KeyboardInterrupt()
    exits = make_exits()

    exits.at_end()

    assert len(ends.given) == 1


FAILING = """
from testpilot_obs._core.exits import Exits
def end(timeout_s):
    os.write(1, b"ended")
    raise KeyboardInterrupt
Exits(end, lambda: 1.0)
try:
    os._exit("seven")
except TypeError:
    os._exit(status=7)
"""


def test_os_exitの前に呼ばれて同じ番号で去る():
    """``os._exit`` ends with its code after the call, even if that fails; a bad code raises."""
    _, printed, told = run(FAILING, code=7)

    assert (printed, told) == ("ended", "")


def test_去る途中でもう一度去ればすぐに去る(make_exits, ends, monkeypatch):
    """``os._exit`` in the middle of its own end, by a signal handler, waits for nothing."""
    left = []
    monkeypatch.setattr(os, "_exit", left.append)
    exits = make_exits()
    exits._is_leaving = True

    os._exit(3)

    assert (left, ends.given) == ([3], [])


HANGING = """
from testpilot_obs._core.exits import Exits
Exits(lambda timeout_s: threading.Event().wait(), lambda: 0.1)
os._exit(9)
"""


def test_固まってもos_exitは去る():
    """If delivery hangs for ever, the process ends all the same, soon and with its code."""
    took_s, _, _ = run(HANGING, code=9)

    assert took_s < 10
