"""Forked and spawned children deliver what they record, parents too, and nothing twice."""

import collections
import textwrap

import pytest

from testpilot_obs import names
from tests.lifecycle.programs import run, run_file

pytestmark = pytest.mark.needs("fork")

CHILDREN = """
obs.init()
work(3, "before")
for number in range(3):
    pid = os.fork()
    if pid == 0:
        work(10, f"child")
        sys.exit(0)
    work(10, "parent")
    assert os.waitpid(pid, 0)[1] == 0
"""


def counted(receiver):
    """Return how many spans of each name arrived, after checking that none came twice."""
    ids = [span.span_id for span in receiver.spans]
    assert len(set(ids)) == len(ids)
    return dict(collections.Counter(span.name for span in receiver.spans))


def test_親も子もすべて届く(receiver):
    """Three forks from a running worker: everything arrives once."""
    run(CHILDREN, endpoint=receiver.http_endpoint)

    assert counted(receiver) == {"before": 3, "parent": 30, "child": 30}


def test_子は自分の名で届く(receiver):
    """Each process has its own pid and instance id, in all that it sends."""
    run(CHILDREN, endpoint=receiver.http_endpoint)

    by_pid = collections.defaultdict(set)
    for span in receiver.spans:
        by_pid[span.resource[names.PROCESS_PID]].add(span.resource[names.SERVICE_INSTANCE_ID])
    assert len(by_pid) == 4
    assert len(set().union(*by_pid.values())) == 4


def test_送っている最中に分かれても失われない(receiver):
    """Forks in the middle of exports, from several threads, lose and double nothing."""
    program = """
obs.init(bsp_max_export_batch_size=16)
def forking():
    for _ in range(5):
        work(40, "parent")
        pid = os.fork()
        if pid == 0:
            work(5, "child")
            obs.flush()
            os._exit(0)
        os.waitpid(pid, 0)
threads = [threading.Thread(target=forking) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    run(program, endpoint=receiver.http_endpoint)

    assert counted(receiver) == {"parent": 800, "child": 100}


@pytest.mark.timeout(150)
def test_千の子が生まれても一つも固まらない(receiver):
    """Of 1,000 forks in two threads, beside others and a signal handler, each ends, delivered."""
    program = """
obs.init(log_format="none", metrics_exporter="none")
log = obs.get_logger("app")
left = iter(range(1000))
def act(name):
    work(1, name)
    log.info(name)
def forking():
    for _ in left:
        pid = os.fork()
        if pid == 0:
            act("child")
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
def beside():
    while any(thread.is_alive() for thread in threads):
        act("thread")
        obs.flush(0.05)
signal.signal(signal.SIGALRM, lambda *_: act("handler"))
signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
threads = [threading.Thread(target=forking) for _ in range(2)]
for thread in threads: thread.start()
beside()
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    run(program, endpoint=receiver.http_endpoint, timeout_s=140)

    assert counted(receiver)["child"] == 1000
    assert [line.body.string_value for line in receiver.logs].count("child") == 1000


def test_親の取引は子の数に入らない(receiver):
    """What the parent counted before the fork, settled or not, is told by the parent alone."""
    program = """
obs.init()
with obs.start_transaction("parent"):
    pass
if not (pid := os.fork()):
    with obs.start_transaction("child"):
        pass
    sys.exit()
os.waitpid(pid, 0)
"""
    run(program, endpoint=receiver.http_endpoint)

    durations = [one for one in receiver.metrics if one.name == "transaction_duration_seconds"]
    points = [point for one in durations for point in one.histogram.data_points]
    assert (len(durations), sum(point.count for point in points)) == (2, 2)


MULTIPROCESSING = """
    import multiprocessing, os, sys
    import testpilot_obs as obs

    def child(number):
        {in_child}
        for n in range(10):
            with obs.span("child", n=n):
                pass

    if __name__ == "__main__":
        obs.init()
        context = multiprocessing.get_context("{method}")
        children = [context.Process(target=child, args=(n,)) for n in range(3)]
        for one in children: one.start()
        with obs.span("parent"):
            pass
        for one in children: one.join()
        print([one.exitcode for one in children])
"""


@pytest.mark.parametrize(
    ("method", "in_child"),
    [("fork", "pass"), ("spawn", "obs.init()"), ("forkserver", "obs.init()")],
)
def test_multiprocessingの子もすべて届く(receiver, tmp_path, method, in_child):
    """Children of multiprocessing end without atexit, and lose nothing."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(MULTIPROCESSING.format(method=method, in_child=in_child)))

    printed = run_file(program, endpoint=receiver.http_endpoint)

    assert printed == "[0, 0, 0]\n"
    assert counted(receiver) == {"parent": 1, "child": 30}
