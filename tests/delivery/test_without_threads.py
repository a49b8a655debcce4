"""When threads are not to be had the work is done by whoever flushes, within the deadline."""

import _thread
import threading

import pytest

from testpilot_obs.protocols import Outcome, Verdict
from tests.delivery.fakes import UNREACHABLE, Collector, Printer, deliver_to, put_lines, spooled_by

NO_THREADS = RuntimeError("can't create new thread at interpreter shutdown")


def refuse(*_arguments, **_more):
    """Be `start_new_thread` when the interpreter ends."""
    raise NO_THREADS


@pytest.fixture
def no_threads(monkeypatch):
    """Let no thread start."""
    monkeypatch.setattr(_thread, "start_new_thread", refuse)


@pytest.mark.parametrize("kind", [Collector, Printer])
def test_呼んだ糸が自分で送る(no_threads, kind):
    """Flush and shutdown work as ever, on the caller's own thread."""
    collector = kind()
    made = deliver_to(collector)
    put_lines(made, 600)

    assert made.flush()
    put_lines(made, 1)
    assert made.shutdown().is_complete

    assert len(collector.bodies) == 601
    assert set(collector.threads) == {threading.current_thread()}
    assert collector.closed == 1


def test_糸なしでも期限は守られる(no_threads):
    """A receiver that is away is tried again until the deadline, and no longer."""
    soon = Outcome(Verdict.RETRY, reason="away", retry_after_s=0.01)
    collector = Collector(soon, soon, then=UNREACHABLE)
    made = deliver_to(collector)
    put_lines(made, 1)

    report = made.shutdown(0.3)

    assert report.signals["logs"].dropped == {"connection_refused": 1}
    assert len(collector.sizes) == 3
    assert report.took_s < 2


def test_二人が同時に流しても一人だけが働く(no_threads):
    """A flush inside a flush leaves the work to the outer one."""
    made = None

    class Nested(Collector):
        def export(self, batch, *, timeout_s):
            if not self.sizes:
                self.nested = made.flush(0.01)
            return super().export(batch, timeout_s=timeout_s)

    collector = Nested()
    made = deliver_to(collector)
    put_lines(made, 1)

    assert made.flush()
    assert collector.nested is False
    made.shutdown()


def test_送り手の糸がなければ働き手が送る(monkeypatch):
    """A limit on threads that lets the worker start but no sender loses nothing."""
    start = threading.Thread.start

    def start_worker_only(thread):
        if " to " in thread.name:
            raise NO_THREADS
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_worker_only)
    collector = Collector()
    made = deliver_to(collector)
    put_lines(made, 3)

    assert made.flush()
    assert made.shutdown().is_complete

    assert collector.threads[0].name == "testpilot_obs worker"
    assert collector.closed == 1


def test_名のある糸が作れなければ素の糸が働く(monkeypatch):
    """A raw thread that finds the interpreter ending does the work itself."""
    monkeypatch.setattr(threading.Thread, "start", refuse)
    collector = Collector()
    made = deliver_to(collector)
    put_lines(made, 3)

    assert made.flush()
    assert made.shutdown().is_complete
    assert collector.bodies == ["0", "1", "2"]


def test_試験のための配達は糸を使わない():
    """Without threads nothing moves until somebody flushes."""
    collector = Collector()
    made = deliver_to(collector, uses_threads=False)

    put_lines(made, 1_000)

    assert collector.sizes == []
    assert made.flush()
    assert len(collector.bodies) == 1_000
    made.shutdown()


def test_糸なしでもディスクにあるものは届いたと言わない(no_threads, tmp_path):
    """What lies on disk was not accepted, so flush says False and tries it once more."""
    collector = Collector(then=UNREACHABLE)
    made = deliver_to(collector, spool="on", spool_dir=str(tmp_path))
    put_lines(made, 3)
    assert spooled_by(made, 3)
    assert not made.flush(0.1)

    collector.recover()

    assert made.flush(5)
    assert len(collector.bodies) == 3
    made.shutdown()
