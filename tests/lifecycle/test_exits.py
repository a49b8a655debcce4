"""The hooks at the end of a process, one by one."""

import atexit
import multiprocessing.process
import multiprocessing.util
import os
import signal
import sys
import threading

import pytest

from testpilot_obs._core.exits import Exits


@pytest.fixture
def ended():
    """Return the list of ends that were noticed."""
    return []


@pytest.fixture
def make_exits(ended):
    """Return a function that sets the hooks; they are taken back."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    callbacks = []

    def make():
        def end():
            ended.append(1)

        callbacks.append(end)
        return Exits(end)

    yield make
    for callback in callbacks:
        atexit.unregister(callback)
    signal.signal(signal.SIGTERM, before)


def test_SIGTERMで届けてから同じ信号で死ぬ(make_exits, ended, monkeypatch):
    """The handler ends first, then gives the signal back its meaning and sends it again."""
    killed = []
    monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
    make_exits()

    signal.raise_signal(signal.SIGTERM)

    assert ended == [1]
    assert killed == [(os.getpid(), signal.SIGTERM)]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_一番の過程はSIGTERMで終わらないので終えない(make_exits, ended, monkeypatch):
    """The kernel does not end process 1 by SIGTERM, so nothing is shut down either."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    make_exits()

    signal.raise_signal(signal.SIGTERM)

    assert ended == []


def test_利用者の処理はそのままである(make_exits, ended):
    """A handler that is there already stays."""
    mine = []
    signal.signal(signal.SIGTERM, lambda *_: mine.append(1))
    make_exits()

    signal.raise_signal(signal.SIGTERM)

    assert (mine, ended) == ([1], [])


def test_主でない糸では信号に触らない(make_exits):
    """Outside of the main thread no handler can be set, and none is."""
    thread = threading.Thread(target=make_exits)
    thread.start()
    thread.join()

    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_multiprocessingの子では後始末に加わる(make_exits, ended, monkeypatch):
    """In a child of multiprocessing the end is noticed by its finalizers."""
    monkeypatch.setattr(multiprocessing.process, "parent_process", object)
    registry = multiprocessing.util._finalizer_registry
    before = set(registry)

    make_exits()

    for key in set(registry) - before:
        registry[key]()
    assert ended == [1]


def test_multiprocessingがなければ何もしない(make_exits, monkeypatch):
    """Without multiprocessing there is nothing to watch, and it is not imported."""
    monkeypatch.delitem(sys.modules, "multiprocessing.util")

    make_exits()

    assert "multiprocessing.util" not in sys.modules
