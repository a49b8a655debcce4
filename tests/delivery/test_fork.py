"""A forked child begins anew: it sends its own records, and the parent's are the parent's."""

import os
import threading
import warnings

import pytest

from testpilot_obs import names
from tests.delivery.fakes import Collector, deliver_to, put_lines

pytestmark = pytest.mark.needs("fork")


def in_child(work):
    """Run *work* in a forked child; return the text it returned."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        # From 3.12 on Python warns of forks beside threads, which is what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            os.write(write, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read().decode()
    assert os.waitpid(pid, 0)[1] == 0
    return told


def test_待っていた記録は親だけが送る():
    """What waits at the fork is sent by the parent; the child sends what it records."""
    collector = Collector()
    made = deliver_to(collector)
    put_lines(made, 3)

    def child():
        made.after_fork()
        put_lines(made, 2, first=10)
        return made.flush(), collector.bodies, made.stats()["logs"].recorded

    assert in_child(child) == repr((True, ["10", "11"], 2))
    assert made.flush()
    assert collector.bodies == ["0", "1", "2"]
    made.shutdown()


def test_送っている最中に分かれても両方が働く():
    """A fork in the middle of an export leaves both processes working, and doubles nothing."""
    gate = threading.Event()
    collector = Collector(gate=gate)
    made = deliver_to(collector)
    put_lines(made, 512)
    collector.wait_for_tries(1)

    def child():
        gate.set()
        made.after_fork()
        put_lines(made, 1, first=1_000)
        return made.flush(), collector.bodies

    assert in_child(child) == repr((True, ["1000"]))
    gate.set()
    assert made.flush()
    assert len(collector.bodies) == 512
    made.shutdown()


def test_子は自分の名を名乗る():
    """Process id and instance id are the child's own."""
    made = deliver_to(Collector())
    made.resource = {names.PROCESS_PID: os.getpid()}

    def child():
        made.after_fork()
        return made.resource[names.PROCESS_PID] == os.getpid()

    assert in_child(child) == "True"


def test_計測の係は子でも続く():
    """A child goes on to send metrics, although nobody appends any."""
    tries = []

    def child():
        tried = threading.Event()
        tries.append(tried)
        made.after_fork()
        return tried.wait(5)

    def collect():
        for tried in tries:
            tried.set()
        return []

    made = deliver_to(
        Collector(), signals=("metrics",), collect=collect, metric_export_interval_s=0.01
    )
    made.start()

    assert in_child(child) == "True"
    made.shutdown()
