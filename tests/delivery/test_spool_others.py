"""Several processes at one spool: what one leaves, the other finds; what goes away is noticed."""

import fcntl
import logging
import os
import shutil
import subprocess
import sys
import threading

import pytest

from testpilot_obs._core import clock
from testpilot_obs.delivery.spool import Limits, Spool, _folder, _segment, look_around
from testpilot_obs.delivery.spool._segment import Segment
from tests.delivery.spools import Request, descriptors, files, names_in, save, take_all


@pytest.fixture
def folder(tmp_path):
    """Return where the spool of the tests lies: as the only one of a service."""
    return tmp_path / "shop" / "otlp" / "logs"


@pytest.fixture
def spool(folder):
    """Return the spool of a process that runs."""
    made = Spool(str(folder), "logs", limits=Limits(max_bytes=512 * 1024))
    yield made
    made.close()


def test_残されたものの数だけ見はしない(folder, spool, monkeypatch):
    """The folder is listed for all the files that were left, and after the last; not for each."""
    for number in range(20):
        save(folder, str(number))
    listed = []
    real = _folder.segments
    monkeypatch.setattr(_folder, "segments", lambda path: listed.append(path) or real(path))

    assert take_all(spool) == [str(number) for number in range(20)]
    assert len(listed) == 2


def test_作りかけで残されたものは消える(folder, spool):
    """What a process left that died while it made a file is removed, unless it is young."""
    save(folder, "a")
    for name in ("old.spool.new", "young.spool.new"):
        (folder / name).touch()
    long_ago_s = clock.time_ns() / 1e9 - 7200
    os.utime(folder / "old.spool.new", (long_ago_s, long_ago_s))

    assert take_all(spool) == ["a"]
    assert names_in(folder) == [".draining", "young.spool.new"]


@pytest.mark.skipif(not hasattr(fcntl, "F_OFD_GETLK"), reason="locks cannot be seen here")
def test_一覧は誰も締め出さない(folder):
    """Processes that start while somebody looks at the list take over what was left, always."""
    over = threading.Event()

    def look():
        while not over.is_set():
            list(look_around(str(folder.parents[2])))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for number in range(300):
            save(folder, str(number))
            started = Spool(str(folder), "logs")
            assert take_all(started) == [str(number)]
            started.close()
    finally:
        over.set()
        looker.join(5)


def test_一覧は誰が持っているかを言う(folder, spool):
    """The list says which process uses a file, or is about to send it."""
    save(folder, "first")
    save(folder, "second")
    spool.save(Request("mine"))
    spool.take()

    listed = list(look_around(str(folder.parents[2])))

    assert [(one.is_in_use, one.process) for one in listed] == [
        (True, os.getpid()),
        (False, os.getpid()),
        (True, os.getpid()),
    ]


def test_一覧は死んだ書き手ではなく送り手を言う(folder, spool):
    """Of a file whose writer has ended the list names the process that sends it."""
    save(folder, "left")
    (path,) = files(folder)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    path.rename(path.with_name(path.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")))
    spool.take()

    (lying,) = look_around(str(folder.parents[2]))

    assert (lying.is_in_use, lying.process) == (True, os.getpid())


def test_消されたフォルダーは作り直される(folder, spool):
    """After somebody has removed the folder the next record is in a new one, for others to find."""
    spool.save(Request("lost", 3))
    shutil.rmtree(folder.parents[1])

    assert spool.save(Request("kept"))
    assert len(files(folder)) == 1
    assert spool.saved == 4

    spool.close()
    assert (spool.saved, spool.lost) == (1, {"spool_removed": 3})
    assert take_all(Spool(str(folder), "logs")) == ["kept"]


def test_消されたファイルも生きている間は送れる(folder, spool):
    """As long as the process runs, it can still send what was in a file that was removed."""
    spool.save(Request("gone"))
    files(folder)[0].unlink()
    spool.save(Request("new"))

    assert sorted(take_all(spool)) == ["gone", "new"]
    spool.close()
    assert (spool.saved, spool.lost) == (0, {})


def test_他の過程のファイルが消されたらそれも数える(folder, spool):
    """What another process had left and somebody removed while it was sent is counted, apart."""
    save(folder, "a", "b", "c")
    stored = spool.take()
    files(folder)[0].unlink()
    spool.give_back(stored)

    assert take_all(spool) == []
    assert spool.lost_of_others == {"spool_removed": 3}


def test_警告は錠を返してから告げられる(folder, spool):
    """Whoever hears a warning may use the spool in another thread, and for as long as he likes."""
    folder.parents[2].joinpath("shop").write_text("in the way")
    heard = []

    class Listener(logging.Handler):
        def emit(self, record):
            other = threading.Thread(target=spool.take)
            other.start()
            other.join(5)
            heard.append((record.getMessage(), other.is_alive()))

    listener = Listener()
    logging.getLogger("testpilot_obs").addHandler(listener)
    try:
        assert not spool.save(Request("a"))
    finally:
        logging.getLogger("testpilot_obs").removeHandler(listener)

    ((message, is_stuck),) = heard
    assert "cannot be kept on disk" in message
    assert not is_stuck
    folder.parents[2].joinpath("shop").unlink()


def test_書く途中の信号からも置ける(folder, spool, monkeypatch):
    """A signal handler that lands in a write of its own thread and saves too is not held up."""
    real = _segment._write_at

    def write(fd, data, offset):
        monkeypatch.setattr(_segment, "_write_at", real)
        assert spool.save(Request("nested"))
        return real(fd, data, offset)

    monkeypatch.setattr(_segment, "_write_at", write)
    done = threading.Thread(target=spool.save, args=(Request("outer"),), daemon=True)
    done.start()
    done.join(5)

    assert not done.is_alive()
    assert spool.saved == 2
    assert take_all(spool) == ["outer", "nested"]


def test_書く途中で満ちても外側は終わる(folder, spool, monkeypatch):
    """A nested record that begins a new file leaves the file of the outer one open."""
    spool.save(Request("x" * 60_000), in_a_hurry=True)
    real = _segment._write_at

    def write(fd, data, offset):
        monkeypatch.setattr(_segment, "_write_at", real)
        assert spool.save(Request("y" * 60_000), in_a_hurry=True)
        return real(fd, data, offset)

    monkeypatch.setattr(_segment, "_write_at", write)
    spool.save(Request("outer"), in_a_hurry=True)

    assert len(files(folder)) == 2
    assert [text[:5] for text in take_all(spool)] == ["xxxxx", "outer", "yyyyy"]


def test_始めの失敗は何も残さない(folder, spool, monkeypatch):
    """When a new file cannot be made no descriptor and no half-made file stays."""
    spool.save(Request("a"))
    spool.take()
    files(folder)[0].unlink()
    before = descriptors()

    def fail(*_):
        raise OSError(5, "broken")

    monkeypatch.setattr(os, "rename", fail)
    assert not spool.save(Request("b"))

    assert descriptors() <= before
    assert names_in(folder) == [".draining"]


@pytest.mark.guarded
def test_錠のない場所では誰も送り始めない(folder, spool, monkeypatch):
    """Where it cannot be known whether another process is sending, nothing is taken over."""
    save(folder, "left")

    def fail(*_):
        raise OSError(37, "no locks")

    monkeypatch.setattr("fcntl.flock", fail)
    before = descriptors()

    assert spool.take() is None
    assert not spool.save(Request("new"))
    assert descriptors() <= before

    monkeypatch.undo()
    spool.look_now()
    assert take_all(spool) == ["left"]


def test_閉じた後のファイルは引き取れる(folder):
    """A file is free for others as soon as its process has closed it."""
    save(folder, "a")

    assert Segment.adopt(str(files(folder)[0])) is not None
