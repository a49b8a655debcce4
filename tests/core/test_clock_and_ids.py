"""Clocks that can be replaced, ids that differ."""

import gc
import os
import subprocess
import sys

import pytest

from testpilot_obs._core import clock, fork, ids


def test_時計は取り替えられて戻せる():
    """A replaced clock is seen at once, and the real one comes back."""
    clock.use(time_ns=lambda: 1, monotonic=lambda: 2.0)
    assert (clock.time_ns(), clock.monotonic()) == (1, 2.0)

    clock.use()
    assert clock.time_ns() > 10**18


def test_識別子は重ならない():
    """Ids are of the size asked for, and differ."""
    made = {ids.getrandbits(64) for _ in range(10_000)}

    assert len(made) == 10_000
    assert max(made) < 2**64


def test_種を変えると列も変わる():
    """Seeding anew begins another sequence."""
    state = ids._random.getstate()
    first = ids.getrandbits(128)
    ids._random.setstate(state)
    ids.reseed()

    assert ids.getrandbits(128) != first


FORKING = """
import os
from testpilot_obs._core import fork, ids

class Thing:
    def told(self):
        print("told", flush=True)

thing = Thing()
fork.after_in_child(thing.told)
fork.after_in_child(lambda: print("function", flush=True))
state = ids._random.getstate()
pid = os.fork()
if not pid:
    print(ids._random.getstate() != state, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""


@pytest.mark.needs("fork")
def test_分岐した子は新しく始める():
    """A child gets ids of its own, and tells those who asked."""
    command = [sys.executable, "-c", FORKING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert (done.stdout.split(), done.stderr) == (["told", "function", "True"], "")


@pytest.mark.guarded
def test_失敗した用意は次の邪魔をしない(monkeypatch):
    """A callback that raises does not keep the next from running; a dead one is forgotten."""
    monkeypatch.setattr(fork, "_in_child", [])
    monkeypatch.setattr(fork, "_registered", [])
    monkeypatch.setattr(os, "register_at_fork", lambda **_: None)
    told = []

    class Thing:
        def tell(self):
            told.append(self)

        def fail(self):
            raise RuntimeError("broken")

    gone, kept = Thing(), Thing()
    for callback in (gone.tell, kept.fail, kept.tell):
        fork.after_in_child(callback)
    del gone, callback
    gc.collect()

    fork._run_in_child()
    assert told == [kept]
