"""The journal under pressure: threads, signal handlers, forks and memory."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from testpilot_obs import metrics
from testpilot_obs.metrics import _journal


def test_更新は糸の間で失われない(family):
    """Counters, gauges and histograms are exact under threads and readers."""
    jobs = metrics.counter("jobs", "d").labels()
    wait = metrics.histogram("wait", "d").labels()
    level = metrics.gauge("level", "d").labels()

    def work():
        for _ in range(3_000):
            jobs.inc()
            wait.observe(0.1)
            level.inc()
        metrics.render()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert family("jobs_total").points[0].value == 18_000
    assert family("wait").points[0].count == 18_000
    assert family("level").points[0].value == 18_000


def test_待つ更新の数には限りがある():
    """With the settling stuck the journal gives up the oldest, and counts them."""
    jobs = metrics.counter("jobs", "d").labels()

    with _journal.settled():
        for _ in range(_journal._MOST + 500):
            jobs.inc()
        assert len(_journal.entries) <= _journal._MOST + 1

    assert metrics.dropped()["journal_full"] > 0


def test_読む間に書いても止まらない(family):
    """A bad value's warning may itself update and read metrics."""
    import logging

    class Reader(logging.Handler):
        def emit(self, _record):
            metrics.counter("warnings", "d").inc()
            metrics.render()

    handler = Reader()
    logging.getLogger("testpilot_obs").addHandler(handler)
    metrics.counter("jobs", "d").inc(-1)
    metrics.collect()
    logging.getLogger("testpilot_obs").removeHandler(handler)

    assert family("warnings_total").points[0].value == 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signals")
def test_シグナルの中でも更新と読み出しができる():
    """A handler that updates and reads while its thread settles neither hangs nor loses."""
    program = (
        "import signal, json\n"
        "from testpilot_obs import metrics\n"
        "jobs = metrics.counter('jobs', 'd').labels()\n"
        "hits = []\n"
        "def hit(*_):\n"
        "    hits.append(1)\n"
        "    jobs.inc()\n"
        "signal.signal(signal.SIGALRM, hit)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n"
        "for _ in range(200_000): jobs.inc()\n"
        "signal.setitimer(signal.ITIMER_REAL, 0)\n"
        "print(json.dumps([len(hits), metrics.collect()[0].points[0].value]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, timeout=30
    )

    hits, counted = json.loads(done.stdout)
    assert counted == 200_000 + hits


@pytest.mark.needs("fork")
def test_子は零から始める(family):
    """A forked child counts its own; gauges keep their value, nothing is in flight."""
    jobs = metrics.counter("jobs", "d")
    wait, level = metrics.histogram("wait", "d"), metrics.gauge("level", "d")
    jobs.inc(5)
    wait.observe(1)
    level.set(7)
    metrics.red.transaction_started("t")

    def child():
        jobs.inc(2)
        metrics.red.transaction_ended("t", "success", 0.1)
        return {found.name: found.points[0].value for found in metrics.collect()}

    assert in_child(child) == {
        "transaction_duration_seconds": 0.1,
        "transactions_in_flight": 0,
        "jobs_total": 2,
        "wait": 0,
        "level": 7,
    }
    assert family("transactions_in_flight").points[0].value == 1


@pytest.mark.needs("fork")
def test_読む最中に分かれた子も止まらない():
    """A child of a fork during another thread's settling takes a lock of its own."""
    jobs = metrics.counter("jobs", "d")
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with _journal.settled():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)

    def child():
        jobs.inc(3)
        return metrics.collect()[0].points[0].value

    counted = in_child(child)
    leave.set()
    thread.join(10)

    assert counted == 3


def in_child(function):
    """Return what *function* returns in a forked child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        got = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(got)


def test_取り込みだけでは重い物は読み込まれない():
    """prometheus-client is loaded by the first `render`, not by counting."""
    program = (
        "import sys\n"
        "from testpilot_obs import metrics\n"
        "metrics.counter('jobs', 'd').inc()\n"
        "metrics.collect()\n"
        "before = 'prometheus_client' in sys.modules\n"
        "metrics.render()\n"
        "print(before, 'prometheus_client' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert done.stdout == "False True\n"
