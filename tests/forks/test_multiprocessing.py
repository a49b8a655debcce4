"""Children of the standard library, however they are made and ended, lose nothing."""

import textwrap

import pytest

from tests.forks.counting import spans, total
from tests.lifecycle.programs import run, run_file

pytestmark = pytest.mark.needs("fork")

PROGRAM = """
    import concurrent.futures, multiprocessing, os, sys, threading
    import testpilot_obs as obs

    done = obs.metrics.counter("done", "Jobs done.")

    def task(number):
        if not obs.is_initialized():
            obs.init(log_format="none")
        with obs.span("task"):
            done.inc()
            obs.get_logger("task").info("done", number=number)
        return number

    if __name__ == "__main__":
        obs.init(log_format="none")
        context = multiprocessing.get_context("{method}")
        {body}
"""
POOLS = {
    "閉じる": "with context.Pool(2, maxtasksperchild=3) as pool:"
    " pool.map(task, range(12), chunksize=1); pool.close(); pool.join()",
    "打ち切る": "with context.Pool(2) as pool: pool.map(task, range(12), chunksize=1)",
    "実行器": "with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:"
    " list(pool.map(task, range(12)))",
}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("body", POOLS.values(), ids=POOLS)
def test_池の子も失わない(receiver, tmp_path, method, body):
    """Pools that are closed, terminated, or of `concurrent.futures`: each task arrives once."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM.format(method=method, body=body)))

    run_file(program, endpoint=receiver.http_endpoint)

    assert spans(receiver, "task") == 12
    assert sum("number" in one.attributes for one in receiver.logs) == 12
    assert total(receiver, "done") == 12


LATE = """
obs.init()
def late():
    def on():
        time.sleep(0.1)
        work(2, "late")
    threading.Thread(target=on).start()
    work(2, "early")
child = multiprocessing.get_context("fork").Process(target=late)
child.start()
child.join()
"""


def test_子の糸が後で記録しても届く(receiver):
    """What a thread of a child records after its target has returned is delivered too."""
    run(LATE, endpoint=receiver.http_endpoint)

    assert (spans(receiver, "early"), spans(receiver, "late")) == (2, 2)


GRANDCHILDREN = """
obs.init()
def family(depth):
    work(5, f"depth {depth}")
    if depth < 3:
        pid = os.fork()
        if pid == 0:
            family(depth + 1)
            os._exit(depth)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == depth
thread = threading.Thread(target=family, args=(0,))
thread.start()
thread.join()
"""


def test_孫もos_exitで終わっても届く(receiver):
    """Children of children, forked in a thread and ended by ``os._exit``, deliver; codes stay."""
    run(GRANDCHILDREN, endpoint=receiver.http_endpoint)

    assert [spans(receiver, f"depth {depth}") for depth in range(4)] == [5, 5, 5, 5]


NO_IMPORTS = """
obs.init()
hits = obs.metrics.counter("hits_total", "hits")
log = obs.get_logger("app")
pid = os.fork()
if pid == 0:
    before = set(sys.modules)
    with obs.start_transaction("t"), obs.span("child"):
        hits.inc()
        log.info("hello")
    obs.shutdown()
    print(sorted(set(sys.modules) - before), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""


def test_子は記録と送信のために何も取り込まない(receiver):
    """A child imports nothing for it, as another thread of its parent may hold that lock."""
    _, printed, _ = run(NO_IMPORTS, endpoint=receiver.http_endpoint)

    assert printed == "[]\n"
    assert spans(receiver, "child") == 1
