"""A disk that hangs holds up neither the end nor the books."""

import _thread
import threading
import time

import pytest

from testpilot_obs.delivery import _worker
from testpilot_obs.delivery.spool import _segment
from tests.delivery.fakes import UNREACHABLE, Collector, Printer, balance, deliver_to, put_lines
from tests.delivery.spools import files
from tests.lifecycle.programs import black_hole, nobody, run

MARGIN_S = 3.0
"""What a machine that does something else as well may add."""


@pytest.fixture
def deliver(tmp_path):
    """Return a function that makes a delivery with a spool."""

    def make(*exporters, **settings):
        return deliver_to(
            *exporters, **{"spool": "on", "spool_dir": str(tmp_path / "spool"), **settings}
        )

    return make


class HangingDisk:
    """Writes that hang until the test lets them go on.

    No file system of the machine hangs when told to, so the call below ours is replaced.
    """

    def __init__(self, monkeypatch):
        self._goes_on = threading.Event()
        self.hangs = threading.Event()
        self._real = _segment._write_at
        monkeypatch.setattr(_segment, "_write_at", self._write)

    def _write(self, fd, data, offset):
        self.hangs.set()
        self._goes_on.wait(30)
        return self._real(fd, data, offset)

    def go_on(self):
        """Hang no more."""
        self._goes_on.set()


@pytest.fixture
def disk(monkeypatch):
    """Hang in every write to a spool file."""
    hanging = HangingDisk(monkeypatch)
    yield hanging
    hanging.go_on()


def texts_on(folder):
    """Return what the next process of the service would send."""
    collector = Collector()
    after = deliver_to(collector, spool="on", spool_dir=str(folder))
    after.start_if_needed()
    after.flush(10)
    after.shutdown(5)
    return sorted(collector.bodies)


def wait_for(is_so):
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def spool_of(made):
    """Return the spool of the only sender."""
    return made._senders[0]._spool


def test_止まったディスクは終わりを止めない(deliver, disk):
    """With a disk that hangs the end is a little later than its time, the loss has its reason."""
    made = deliver(Collector(then=UNREACHABLE))
    put_lines(made, 7)

    report = made.shutdown(0.4)

    assert report.took_s < 0.4 + 0.5 + MARGIN_S
    assert report.signals["logs"].dropped == {"spool_timeout": 7}
    assert set(balance(report.signals)) == {0}


def test_後から書けても帳簿は変わらない(deliver, disk, tmp_path):
    """What a disk takes after the books were closed is there, and the books stay as they were."""
    made = deliver(Collector(then=UNREACHABLE))
    put_lines(made, 7)
    report = made.shutdown(0.4)

    disk.go_on()
    wait_for(lambda: made._bank.is_done)

    assert made.stats() == report.signals
    assert texts_on(tmp_path / "spool") == [str(number) for number in range(7)]
    assert set(balance(made.stats())) == {0}


def test_遅いだけのディスクは少し長く待たれる(deliver, monkeypatch):
    """A disk that takes one record after another, however slowly, gets a little more time."""
    real = _segment._write_at

    def write(fd, data, offset):
        threading.Event().wait(0.05)
        return real(fd, data, offset)

    monkeypatch.setattr(_segment, "_write_at", write)
    stuck = threading.Event()
    made = deliver(Collector(gate=stuck), blrp_max_export_batch_size=1)
    put_lines(made, 20)
    report = made.shutdown(0.0)
    stuck.set()

    assert (report.spooled, report.lost) == (20, 0)


def test_錠が返らなくても終わりは来る(deliver):
    """Somebody who never gives the lock of the spool back does not hold up the end."""
    made = deliver(Collector(then=UNREACHABLE))
    put_lines(made, 3)
    held, over = threading.Event(), threading.Event()

    def hold():
        with spool_of(made)._turn:
            held.set()
            over.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(5)
    report = made.shutdown(0.4)
    over.set()
    holder.join(5)

    assert report.took_s < 0.4 + 0.5 + MARGIN_S
    assert report.signals["logs"].dropped == {"spool_timeout": 3}


def test_途中で止まった書き込みも終わりを止めない(deliver, disk):
    """A sender that hangs in the middle of an outage takes nobody with it."""
    made = deliver(Collector(then=UNREACHABLE))
    put_lines(made, 3)
    while not disk.hangs.is_set():
        made.flush(0.1)
    put_lines(made, 2, first=3)

    report = made.shutdown(0.4)

    assert report.took_s < 0.4 + 0.5 + MARGIN_S
    assert (report.lost, report.spooled) == (5, 0)
    assert set(balance(report.signals)) == {0}


def test_アプリはディスクを待たない(deliver, disk):
    """With ``always`` and a disk that hangs, recording and flushing keep their time."""
    made = deliver(Collector(), durability="always")
    put_lines(made, 3)
    made.wake()
    began = time.monotonic()
    flushed = made.flush(0.2)
    put_lines(made, 3)
    took_s = time.monotonic() - began
    disk.go_on()
    made.shutdown(5)

    assert not flushed
    assert took_s < 0.2 + MARGIN_S


def test_働き手が塞がっていれば別の糸が書く(deliver, tmp_path):
    """When a console hangs and holds the worker up, what waits is put on disk all the same."""
    stuck = threading.Event()
    made = deliver(Printer(gate=stuck), Collector(then=UNREACHABLE))
    put_lines(made, 3)
    report = made.shutdown(0.4)
    stuck.set()

    assert report.signals["logs"].destinations["to1"].spooled == 3
    assert len(files(tmp_path / "spool")) == 1


def test_新しい糸が得られなければ働き手が書く(deliver, monkeypatch):
    """At the end of the interpreter, where no thread starts, the worker puts all on disk."""
    made = deliver(Collector(then=UNREACHABLE))
    put_lines(made, 3)
    made.flush(0.1)

    def fail(*_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(_thread, "start_new_thread", fail)

    assert made.shutdown(1.0).spooled == 3


def test_働き手は最後の仕事を一度だけする():
    """What is left for the end is done once the worker has nothing else to do."""
    worker = _worker.Worker([], on_progress=bool)
    done = []
    assert not worker.finish_with(lambda: done.append(1))
    running = threading.Thread(target=worker.run)
    running.start()
    worker.stop()
    wait_for(lambda: worker.has_ended)

    assert worker.finish_with(lambda: done.append(1))
    running.join(5)
    assert done == [1]


HANGING = """
import testpilot_obs.delivery.spool._segment as segment

def hang(*_):
    threading.Event().wait()

segment._write_at = hang
obs.init("shop", metrics_exporter="none", exit_timeout_s=0.5)
work(50)
print(time.monotonic(), flush=True)
"""
WAYS = {
    "最後の行": ("", 0),
    "os._exit": ("os._exit(0)", 0),
    "SIGTERM": ("signal.raise_signal(signal.SIGTERM)", -15),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("is_silent", [True, False], ids=["黙る受け手", "いない受け手"])
def test_受け手もディスクも止まっても過程は終わる(way, is_silent):
    """A process whose receiver and disk both hang ends, in whatever way, in its time."""
    program, code = way
    with black_hole() as silent:
        endpoint = silent if is_silent else nobody()
        _, out, _ = run(HANGING + program, endpoint=endpoint, code=code)
        ended_after_s = time.monotonic() - float(out)

    assert ended_after_s < 0.5 + 0.5 + MARGIN_S
