"""Log files: what is in them, who may read them, when they are put aside, and trouble."""

import gzip
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from testpilot_obs import logs
from testpilot_obs._core import clock
from testpilot_obs.logs import _log_file, _old_files
from testpilot_obs.logs._log_file import LogFile
from testpilot_obs.logs._old_files import Policy, old_files

DAY_S = 86_400


@pytest.fixture
def folder(tmp_path):
    """Return the folder of the log files, which is not there yet."""
    return tmp_path / "deep" / "logs"


def read(path):
    """Return the lines of a log file as objects."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def all_lines(path):
    """Return the lines of a log file and of all that was put aside of it, in no order."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    for old in old_files(path):
        data = gzip.decompress(old.read_bytes()) if old.suffix == ".gz" else old.read_bytes()
        lines += data.splitlines()
    return lines


def write_all(file, count, size=50):
    """Write numbered lines of *size* bytes."""
    for number in range(count):
        file.write(f"{number:0{size - 1}d}\n".encode())


def test_すべての行とエラーの行は別々のファイルにある(wire, folder):
    """combined.log has every line, error.log those of level error and up; both are JSON lines."""
    wire(log_dir=str(folder), log_format="none")
    log = logs.get_logger("cart")

    log.info("placed", order=1)
    log.error("failed", order=2)
    log.critical("worse", order=3)

    combined, errors = read(folder / "combined.log"), read(folder / "error.log")
    assert [line["event"] for line in combined] == ["placed", "failed", "worse"]
    assert [line["event"] for line in errors] == ["failed", "worse"]
    assert combined[1] == errors[0]
    assert combined[0]["service"] == "shop"


def test_画面とファイルは同じ行である(wire, folder):
    """A line is made once, for the console and for the files."""
    wired = wire(log_dir=str(folder), log_format="json")

    logs.get_logger("cart").info("placed", order=1)

    assert read(folder / "combined.log") == wired.lines


def test_持ち主だけが読める(wire, folder):
    """Files are 0600, folders that we make 0700."""
    wire(log_dir=str(folder))
    logs.get_logger("x").error("x")

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())]
    assert modes == [0o700, 0o600, 0o600]


def test_大きくなったら脇に置かれる(tmp_path):
    """A file is put aside before a line would make it too large; no line is lost."""
    file = LogFile(tmp_path / "combined.log", Policy(size=1_000, count=1_000))

    write_all(file, 200)

    assert len(old_files(file.path)) == 9
    assert all(path.stat().st_size <= 1_000 for path in tmp_path.iterdir())
    assert sorted(map(int, all_lines(file.path))) == list(range(200))


def test_大きすぎる行も書かれる(tmp_path):
    """A line larger than a file may be has a file of its own."""
    file = LogFile(tmp_path / "combined.log", Policy(size=10, count=9))

    write_all(file, 3)

    assert len(old_files(file.path)) == 2


def test_時が来たら脇に置かれる(tmp_path):
    """A file of an earlier interval is put aside, a current one stays."""
    file = LogFile(tmp_path / "combined.log", Policy(interval_s=DAY_S))
    write_all(file, 2)
    assert old_files(file.path) == []

    os.utime(file.path, times=(0, clock.time_ns() / 1e9 - DAY_S))
    write_all(file, 2)

    assert len(old_files(file.path)) == 1
    assert len(all_lines(file.path)) == 4


def test_古いファイルは数が限られる(tmp_path):
    """Beyond the count the oldest go."""
    file = LogFile(tmp_path / "combined.log", Policy(size=1_000, count=3))

    write_all(file, 200)

    kept = sorted(map(int, all_lines(file.path)))
    assert len(old_files(file.path)) == 3
    assert kept == list(range(200))[-len(kept) :]


def test_古いファイルは歳が限られる(tmp_path):
    """Older ones go at the next rotation; files of others are left alone."""
    file = LogFile(tmp_path / "combined.log", Policy(size=1_000, age_s=DAY_S))
    ancient = tmp_path / "combined.log.20200101T000000.000000.gz"
    ancient.write_bytes(b"")
    other = tmp_path / "combined.log.bak"
    other.write_bytes(b"")

    write_all(file, 50)

    assert not ancient.exists()
    assert other.exists()
    assert len(old_files(file.path)) == 2


def join_compressors():
    """Wait for the threads that compress."""
    for thread in threading.enumerate():
        if thread.name == "testpilot_obs compress":
            thread.join(20)


def test_古いファイルは圧縮される(tmp_path):
    """Old files are compressed in a thread; they keep every line and stay private."""
    file = LogFile(tmp_path / "combined.log", Policy(size=1_000, count=1_000, gzip=True))

    write_all(file, 100)
    join_compressors()
    _old_files._compress_all(file.path)

    old = old_files(file.path)
    assert {path.suffix for path in old} == {".gz"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in old} == {0o600}
    assert sorted(map(int, all_lines(file.path))) == list(range(100))


def test_圧縮の途中で死んでも二重にならない(tmp_path):
    """What a killed process left is finished or thrown away by the next."""
    path = tmp_path / "combined.log"
    done, begun = (tmp_path / f"combined.log.20260101T00000{n}.000000" for n in (1, 2))
    done.write_bytes(b"1\n")
    Path(f"{done}.gz").write_bytes(gzip.compress(b"1\n"))
    begun.write_bytes(b"2\n")
    begun.with_name(f".{begun.name}.part").write_bytes(b"half")

    _old_files._compress_all(path)

    assert sorted(all_lines(path)) == [b"1", b"2"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.needs("fcntl")
def test_まだ書かれているファイルには触らない(tmp_path):
    """An old file that a process still writes to is neither compressed nor deleted."""
    old = tmp_path / "combined.log.20260101T000000.000000"
    writer = LogFile(old, Policy())
    writer.write(b"1\n")

    _old_files._compress_all(tmp_path / "combined.log")
    _old_files._prune(tmp_path / "combined.log", Policy(count=0))
    assert old.exists()

    writer.close()
    _old_files._prune(tmp_path / "combined.log", Policy(count=0))
    assert not old.exists()


@pytest.mark.needs("fcntl")
def test_他の過程が脇に置いている間は書き続ける(tmp_path):
    """Nobody waits for the process that puts the file aside."""
    file = LogFile(tmp_path / "combined.log", Policy(size=100))

    with _old_files.locked(file.path) as is_ours:
        assert is_ours
        write_all(file, 10)
        assert old_files(file.path) == []
    write_all(file, 1)

    assert len(old_files(file.path)) == 1


def test_外から動かされたら新しく始める(tmp_path):
    """After an outside logrotate the next line is in a new file, the rest where it was moved."""
    file = LogFile(tmp_path / "combined.log", Policy())
    file.write(b"1\n")

    file.path.rename(tmp_path / "moved")
    file.write(b"2\n")
    os.truncate(file.path, 0)
    file.write(b"3\n")

    assert (tmp_path / "moved").read_bytes() == b"1\n"
    assert file.path.read_bytes() == b"3\n"


def test_フォルダーが消えても続く(wire, folder):
    """A folder that vanished is made again."""
    wire(log_dir=str(folder), log_format="none")
    log = logs.get_logger("x")
    log.info("one")

    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    log.info("two")

    assert [line["event"] for line in read(folder / "combined.log")] == ["two"]


@pytest.mark.needs("/dev/full")
def test_満杯のディスクは数えられ空けば続く(wire, folder, caplog):
    """A full disk is counted and told once; writing goes on when there is room again."""
    folder.mkdir(parents=True)
    (folder / "combined.log").symlink_to("/dev/full")
    wire(log_dir=str(folder), log_format="none")
    log = logs.get_logger("x")

    for _ in range(50):
        log.info("lost")
    told = [record for record in caplog.records if "log lines are lost there" in record.message]
    assert len(told) == 1
    assert logs.lost() == {"combined.log": 50, "error.log": 0, "audit.log": 0}

    (folder / "combined.log").unlink()
    log.info("kept")
    for _ in range(10):
        log.info("more")
    logs.settle()
    events = [line["event"] for line in read(folder / "combined.log")]
    assert set(events) == {"kept", "more"}


def test_書けないフォルダーは数えられる(wire, folder):
    """A folder that nobody may write to is counted, and the application goes on."""
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    if os.geteuid() == 0:
        # Modes do not stop root; this file system does.
        folder = Path("/proc/self")
    wire(log_dir=str(folder), log_format="none")

    logs.get_logger("x").info("lost")

    assert logs.lost()["combined.log"] == 1


def test_ファイルの場所がフォルダーでも続く(wire, folder):
    """A path that cannot be opened is counted; when it can, lines arrive."""
    (folder / "combined.log").mkdir(parents=True)
    wired = wire(log_dir=str(folder))

    logs.get_logger("x").info("lost")
    (folder / "combined.log").rmdir()
    logs.get_logger("x").info("kept")

    assert len(wired.lines) == 2
    assert logs.lost()["combined.log"] == 1
    assert [line["event"] for line in read(folder / "combined.log")] == ["kept"]


class Disk:
    """Takes only so many bytes."""

    def __init__(self, room):
        self.room = room

    def write(self, fd, data):
        """Write what fits."""
        took = min(len(data), self.room)
        self.room -= took
        if not took:
            raise OSError(28, "No space left on device")
        return os.write(fd, data[:took])


@pytest.mark.parametrize("takes_back", [True, False])
def test_途中で切れた行は残らない(tmp_path, monkeypatch, takes_back):
    """Of a line that the disk took in part nothing is left, or at most a line of its own."""
    file = LogFile(tmp_path / "combined.log", Policy())
    file.write(b"first\n")
    disk = Disk(room=3)
    with monkeypatch.context() as patched:
        patched.setattr(_log_file, "os", OsWith(disk.write, truncates=takes_back))
        assert not file.write(b"second\n")
        assert not file.write(b"third\n")
    assert file.write(b"fourth\n")

    lines = file.path.read_bytes().splitlines()
    assert lines == [b"first", *([] if takes_back else [b"sec"]), b"fourth"]
    assert file.lost == 2


class OsWith:
    """The module os with another write."""

    def __init__(self, write, *, truncates):
        self.write = write
        self._truncates = truncates

    def fstat(self, fd):
        """Say the truth, or that somebody has written more."""
        found = os.fstat(fd)
        if self._truncates:
            return found
        return os.stat_result((*found[:6], found.st_size + 1, *found[7:]))

    def __getattr__(self, name):
        return getattr(os, name)


def test_書いている間に割り込まれても書ける(tmp_path, monkeypatch):
    """A signal handler that logs while its thread puts the file aside loses nothing."""
    file = LogFile(tmp_path / "combined.log", Policy(size=100, count=100))
    put_aside = _old_files.put_aside

    def interrupted(path):
        file.write(b"handler\n")
        return put_aside(path)

    monkeypatch.setattr(_log_file._old_files, "put_aside", interrupted)
    write_all(file, 5)

    lines = all_lines(file.path)
    assert len([line for line in lines if line != b"handler"]) == 5
    assert lines.count(b"handler") == len(old_files(file.path))


def open_files():
    """Return how many files this process has open, where that can be known."""
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.exists() else 0


def test_切り離すとファイルは閉じる(wire, folder):
    """After disconnect no file is open."""
    before = open_files()
    wire(log_dir=str(folder))
    logs.get_logger("x").error("x")
    logs.disconnect()

    assert open_files() <= before
    assert logs.lost() == {}


def test_錠のない所でも回る(tmp_path, monkeypatch):
    """Where there is no ``flock``, or the file system knows none, a single process rotates."""

    def refuses(fd, how):
        raise OSError(95, "Operation not supported")

    for number, lock in enumerate([None, refuses]):
        fake = None if lock is None else OsWith(os.write, truncates=True)
        if fake is not None:
            fake.flock, fake.LOCK_EX, fake.LOCK_SH, fake.LOCK_NB = lock, 2, 1, 4
        monkeypatch.setattr(_old_files, "fcntl", fake)
        file = LogFile(tmp_path / f"{number}.log", Policy(size=100, count=50))

        write_all(file, 10)

        assert len(old_files(file.path)) == 4


def test_同じ瞬間に二つ置かれても名は別である(tmp_path):
    """Two files that are put aside in one microsecond have different names."""
    clock.use(time_ns=lambda: 1_700_000_000_123_456_789)
    file = LogFile(tmp_path / "combined.log", Policy(size=50))

    write_all(file, 3)

    names = [path.name for path in old_files(file.path)]
    assert names == ["combined.log.20231114T221320.123457", "combined.log.20231114T221320.123456"]


def test_消せない古いファイルは書くのを妨げない(tmp_path, monkeypatch, caplog):
    """Old files that cannot be listed, deleted or compressed are told of, once."""
    file = LogFile(tmp_path / "combined.log", Policy(size=50, gzip=True))

    def refuses(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_old_files, "_candidates", refuses)
    write_all(file, 3)
    join_compressors()

    assert file.lost == 0
    assert len([r for r in caplog.records if "Permission denied" in r.getMessage()]) == 2
    with _old_files._alone(tmp_path / "none") as fd:
        assert fd == -1


def test_開くたびに奪われる名は諦める(tmp_path, monkeypatch):
    """A file that is taken away each time it is opened is given up on, and counted."""
    monkeypatch.setattr(_log_file, "lock", lambda fd, exclusive: False)
    file = LogFile(tmp_path / "combined.log", Policy())

    assert not file.write(b"x\n")
    assert file.lost == 1
