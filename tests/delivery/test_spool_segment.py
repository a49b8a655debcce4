"""One spool file: what lands in the middle of a write, what is left when making one fails."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from testpilot_obs._core import file_lock
from testpilot_obs.delivery.spool import _segment
from testpilot_obs.delivery.spool._record import pack
from testpilot_obs.delivery.spool._segment import Segment
from tests.delivery.spools import descriptors, names_in


def record(text):
    """Return a record with *text*."""
    return pack(text.encode(), flags=0, origin=b"o" * 8, count=1, time_s=1)


def texts_in(segment):
    """Return the texts of the records of *segment*, and how often it was damaged."""
    texts, damaged = [], []
    while (found := segment.next(damaged=damaged.append)) is not None:
        texts.append(found.payload.decode())
        segment.settle(found.offset)
    return texts, len(damaged)


@pytest.fixture
def segment(tmp_path):
    """Return a new file."""
    made = Segment.create(str(tmp_path), "one")
    yield made
    with suppress(OSError):
        made.close(remove=True)


@pytest.fixture
def land(monkeypatch):
    """Return a function that lets a call land in the middle of the next write to a file."""

    def prepare(call, *, fails=False):
        real = _segment._write_at

        def write(fd, data, offset):
            monkeypatch.setattr(_segment, "_write_at", real)
            written = real(fd, data[: len(data) // 2], offset)
            call()
            if fails:
                raise OSError(errno.ENOSPC, "full")
            return written

        monkeypatch.setattr(_segment, "_write_at", write)

    return prepare


def test_書く途中に来た記録は上書きしない(segment, land):
    """A record that a signal handler adds in the middle of another stands behind it."""
    land(lambda: segment.append(record("nested")))
    segment.append(record("outer" * 100))

    assert texts_in(segment) == (["outer" * 100, "nested"], 0)


def test_書きかけの記録は読まれない(segment, land):
    """Who reads in the middle of a write gets what is whole, and hears of no damage."""
    read = []
    segment.append(record("before"))
    land(lambda: read.append(texts_in(segment)))
    segment.append(record("outer"))

    assert read == [(["before"], 0)]
    assert texts_in(segment) == (["outer"], 0)


def test_失敗した記録の後ろの記録は残る(segment, land):
    """When the outer write fails the nested record is kept, and nothing counts as damaged."""
    land(lambda: segment.append(record("nested")), fails=True)
    with pytest.raises(OSError, match="full"):
        segment.append(record("outer" * 100))
    segment.append(record("after"))

    assert texts_in(segment) == (["nested", "after"], 0)


def test_書く途中に閉じられても他のファイルには書かない(segment, land, tmp_path):
    """Closed by a signal handler in the middle of a write, it ends after that write."""
    opened = []

    def close():
        segment.close(remove=False)
        opened.append(os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT))

    land(close)
    segment.append(record("whole" * 100))

    assert os.fstat(opened[0]).st_size == 0
    os.close(opened[0])
    after = Segment.adopt(segment.path)
    assert texts_in(after) == (["whole" * 100], 0)


@pytest.mark.parametrize("step", ["flock", "rename", "fsync"])
def test_作りかけのファイルは残さない(step, tmp_path, monkeypatch):
    """When a new file cannot be locked, named or synced, neither it nor its descriptor is left."""

    def fail(*_):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(file_lock.fcntl if step == "flock" else os, step, fail)
    before = descriptors()

    with pytest.raises(OSError, match="no locks"):
        Segment.create(str(tmp_path), "one", durable=True)
    assert list(tmp_path.iterdir()) == []
    assert descriptors() <= before


def test_錠のない場所のファイルは引き取らない(tmp_path, monkeypatch):
    """Where files cannot be locked nobody takes over what another may be sending."""
    Segment.create(str(tmp_path), "one").close(remove=False)

    def fail(*_):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(file_lock.fcntl, "flock", fail)

    assert Segment.adopt(str(tmp_path / "one.spool")) is None


def test_リンクも管も引き取らない(tmp_path):
    """What is called like a file but is none is left alone: a link, a pipe."""
    Segment.create(str(tmp_path), "one").close(remove=False)
    (tmp_path / "link.spool").symlink_to(tmp_path / "one.spool")
    os.mkfifo(tmp_path / "pipe.spool")

    assert Segment.adopt(str(tmp_path / "link.spool")) is None
    assert Segment.adopt(str(tmp_path / "pipe.spool")) is None


@pytest.mark.parametrize("durable", [True, False])
def test_確実にと言えば名前もディスクに届く(durable, tmp_path, monkeypatch):
    """With ``durable`` the folder is synced once the new file has its name."""
    synced = []
    real = os.fsync

    def fsync(fd):
        synced.append((stat.S_ISDIR(os.fstat(fd).st_mode), names_in(tmp_path)))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    Segment.create(str(tmp_path), "one", durable=durable)

    assert synced == ([(True, ["one.spool"])] if durable else [])


def test_見るだけでは錠を取らない(segment, monkeypatch):
    """Whether a file is locked can be seen without locking it, so nobody is kept out by looking."""
    monkeypatch.setattr(file_lock.fcntl, "flock", None)
    with Path(segment.path).open("rb") as file:
        was_locked = file_lock.is_locked(file.fileno())
        segment.close(remove=False)
        is_locked = file_lock.is_locked(file.fileno())

    assert (was_locked, is_locked) == (True, False)


def test_見えない錠は試して見る(segment, monkeypatch):
    """Where the system cannot show a lock it is taken for a moment and given back."""
    monkeypatch.delattr(file_lock.fcntl, "F_OFD_GETLK")
    with Path(segment.path).open("rb") as file:
        was_locked = file_lock.is_locked(file.fileno())
        segment.close(remove=False)
        is_locked = file_lock.is_locked(file.fileno())
        after = Segment.adopt(segment.path)

    assert (was_locked, is_locked) == (True, False)
    assert after is not None
