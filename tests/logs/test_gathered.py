"""A flood of lines: gathered, written together, and in the file whatever ends the process."""

import json
import os
import signal
import subprocess
import sys
from collections import deque

import pytest

from testpilot_obs import logs
from testpilot_obs.logs import _gathered, _log_file, _own_thread
from testpilot_obs.logs._gathered import Gathered
from testpilot_obs.logs._line import Facts
from testpilot_obs.logs._log_file import LogFile
from testpilot_obs.logs._old_files import Policy, old_files
from tests.logs.waiting import wait_for

START = """
import os, signal, sys, threading
import testpilot_obs as obs
obs.init(service_name="w", log_dir=sys.argv[1], log_format="none", traces_exporter="none",
         metrics_exporter="none", logs_exporter="none")
log = obs.get_logger("w")
def flood(count=500):
    for number in range(count):
        log.info("work", number=number)
"""
FLOODED = """
from testpilot_obs.logs._pipeline import state
while not state.flood.is_on:
    log.info("before")
"""
ENDS = {
    "return": "flood()",
    "sys.exit": "flood(); sys.exit(0)",
    "exception": "flood(); raise ValueError",
    "SIGTERM": "flood(); os.kill(os.getpid(), signal.SIGTERM)",
    "flush": "flood(); obs.flush(); os.kill(os.getpid(), signal.SIGKILL)",
    "shutdown": "obs.shutdown(); flood(); os.kill(os.getpid(), signal.SIGKILL)",
    "atexit": "import atexit; atexit.register(flood); atexit.register(flood, 0)",
    "daemon": "flood(); os.fork() and os._exit(0)",
    "thread": "threading.Thread(target=flood).start()",
    "multiprocessing": """
import multiprocessing
child = multiprocessing.get_context("fork").Process(target=flood)
child.start(); child.join()
""",
    "os._exit": "flood(); os._exit(0)",
    "os._exit in a child": """
child = os.fork()
if not child:
    flood()
    os._exit(0)
os.waitpid(child, 0)
""",
    "init": "flood(); obs.init(service_name='w', traces_exporter='none'); os.kill(os.getpid(), 9)",
}


def encode(line, facts):
    """Return a line of one text as it is; keep it as JSON does."""
    facts.json = line["event"].encode()
    return facts.json


def facts(*, is_light=True):
    """Return what is known of a line."""
    return Facts(0, 20, is_printed=False, is_light=is_light)


def taker(lines):
    """Return what gives whole lines, a number of bytes at most."""

    def take(most):
        taken = b""
        while lines and (not taken or len(taken) + len(lines[0]) <= most):
            taken += lines.popleft()
        return taken

    return take


@pytest.fixture
def gathered(tmp_path):
    """Return a file that gathers from the first line on, so that the test says when it writes."""
    file = Gathered(LogFile(tmp_path / "combined.log", Policy()), encode)
    file._at_once = 0
    file._window_ends = float("inf")
    file._thread.wake = lambda: True
    file._begin_window = lambda now: None
    yield file
    file.close()


def numbers(folder):
    """Return the numbers of all lines in the folder's log."""
    path = folder / "combined.log"
    data = b"".join(one.read_bytes() for one in (*reversed(old_files(path)), path) if one.exists())
    lines = [json.loads(line) for line in data.splitlines()]
    return [line["number"] for line in lines if line["event"] == "work"]


@pytest.mark.needs("fork")
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("before", ["", FLOODED], ids=["quiet", "flooded"])
def test_どう終わっても全ての行が一度だけある(tmp_path, before, end):
    """However a process ends that can still do something, each line is in the file, in order."""
    command = [sys.executable, "-c", START + before + ENDS[end], str(tmp_path)]

    subprocess.run(command, timeout=60, capture_output=True, check=False)

    assert numbers(tmp_path) == list(range(500))


@pytest.mark.needs("fork")
def test_殺される前のゆっくりした行は全てある(tmp_path):
    """Where lines are few, each is in the file when the call returns: SIGKILL loses none."""
    source = f"{START}\nflood(40); os.kill(os.getpid(), signal.SIGKILL)"

    subprocess.run([sys.executable, "-c", source, str(tmp_path)], timeout=60, check=False)

    assert numbers(tmp_path) == list(range(40))


@pytest.mark.needs("fork")
@pytest.mark.parametrize("before", ["", FLOODED], ids=["quiet", "flooded"])
def test_溢れる行も待たずに書かれる(tmp_path, before):
    """A flood is in the file soon after, without a flush or an end."""
    source = f"{START}{before}\nflood(5000); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", source, str(tmp_path)]) as running:
        path = tmp_path / "combined.log"
        wait_for(lambda: path.exists() and path.read_bytes().count(b'"work"') == 5000)
        os.kill(running.pid, signal.SIGKILL)

    assert numbers(tmp_path) == list(range(5000))


def test_溢れる行は回数少なく書かれる(wire, tmp_path, monkeypatch):
    """Most lines of a flood share a call of the system; a few slow ones have their own."""
    calls = []
    write = os.write

    class Counted:
        def write(self, fd, data):
            calls.append(data.count(b"\n"))
            return write(fd, data)

        def __getattr__(self, name):
            return getattr(os, name)

    wire(log_dir=str(tmp_path), log_format="none")
    monkeypatch.setattr(_log_file, "os", Counted())
    log = logs.get_logger("x")
    for number in range(3_000):
        log.info("work", number=number)
    logs.settle()

    assert sum(calls) == 3_000
    assert calls[0] == 1
    assert max(calls) > 20
    assert numbers(tmp_path) == list(range(3_000))


def test_回る大きさは守られる(tmp_path):
    """Lines that are written together do not make a file larger than it may be."""
    file = LogFile(tmp_path / "combined.log", Policy(size=1_000, count=1_000))
    waiting = deque(f"{number:049d}\n".encode() for number in range(200))

    assert file.write_all(taker(waiting))

    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert max(sizes) <= 1_000
    assert len(old_files(file.path)) >= 9


def test_一部だけ書けたら行単位で数えられる(tmp_path, monkeypatch):
    """Of lines written together the whole ones stay, the rest is counted, nothing is torn."""
    file = LogFile(tmp_path / "combined.log", Policy())
    write = os.write

    class Disk:
        def write(self, fd, data):
            return write(fd, data[:9])

        def __getattr__(self, name):
            return getattr(os, name)

    with monkeypatch.context() as patched:
        patched.setattr(_log_file, "os", Disk())
        file.write_all(taker(deque([b"one\n", b"two\n", b"three\n", b"four\n"])))
    file.write(b"five\n")

    assert file.path.read_bytes().splitlines() == [b"one", b"two", b"five"]
    assert file.lost == 2


def test_ディスクが動かなくても記憶は限られる(gathered, monkeypatch):
    """While another thread hangs in a write, lines wait, the oldest go, and are counted."""
    monkeypatch.setattr(_gathered, "_MOST", 10)
    monkeypatch.setattr(gathered.file, "write_all", lambda take: False)

    for number in range(30):
        gathered.write({"event": str(number)}, facts())
    gathered.flush()
    monkeypatch.undo()
    gathered.flush()

    assert gathered.file.lost == 20
    assert gathered.file.path.read_bytes().split() == [b"%d" % n for n in range(20, 30)]


def test_糸が作れなければその場で書かれる(tmp_path, monkeypatch):
    """Without a thread to be had each line is written by its caller."""

    def refuses(*_arguments):
        raise RuntimeError

    file = Gathered(LogFile(tmp_path / "combined.log", Policy()), encode)
    monkeypatch.setattr(_own_thread._thread, "start_new_thread", refuses)
    for _ in range(200):
        file.write({"event": "x"}, facts())
        assert not file._waiting
    file.close()


def test_大きな行は待たない(gathered):
    """A large line is written at once, after those that wait."""
    gathered.write({"event": "small"}, facts())
    assert not gathered.file.path.exists()

    gathered.write({"event": "x" * 10_000}, facts(is_light=False))

    assert gathered.file.path.read_bytes()[:8] == b"small\nxx"


def test_溢れる行の文字は呼んだ糸では作られない(gathered):
    """Of lines that wait nobody has made the bytes yet; of those that may be long, they are."""
    made = []
    gathered._encode = lambda line, facts: made.append(line["event"]) or encode(line, facts)

    gathered.write({"event": "light"}, facts())
    assert made == []
    gathered.write({"event": "maybe long"}, facts(is_light=False))
    assert made == ["maybe long"]
    gathered._prepare()
    gathered.flush()

    assert made == ["maybe long", "light"]
    assert gathered.file.path.read_bytes() == b"light\nmaybe long\n"


@pytest.mark.guarded
def test_書けない行は自分だけを失い数えられる(gathered, caplog):
    """A line of which no bytes can be made is counted, and its neighbours are written."""

    def broken(line, facts):
        if line["event"] == "bad":
            raise ValueError
        return encode(line, facts)

    gathered._encode = broken
    for event in ("one", "bad", "two"):
        gathered.write({"event": event}, facts())
    gathered._prepare()
    gathered.flush()

    assert gathered.file.path.read_bytes() == b"one\ntwo\n"
    assert gathered.file.lost == 1
    assert "write a log line to a file" in caplog.text
