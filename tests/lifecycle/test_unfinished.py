"""Spans that are open when the process ends are delivered, and marked."""

import pytest

from testpilot_obs import names
from tests.lifecycle.programs import run

ENDS = {
    "最後の行": "",
    "sys.exit": "sys.exit(0)",
    "os._exit": "os._exit(0)",
}
OPEN = """
obs.init()
def forever():
    with obs.span("in a thread"):
        inside.set()
        threading.Event().wait()
inside = threading.Event()
threading.Thread(target=forever, daemon=True).start()
inside.wait()
by_hand = obs.start_transaction("by hand")
never_entered = obs.span("never entered")
work(1, "done")
"""


def marks(receiver):
    """Return for each span whether it is marked."""
    ids = [span.span_id for span in receiver.spans]
    assert len(ids) == len(set(ids))
    return {one.name: one.attributes.get(names.SPAN_UNFINISHED, False) for one in receiver.spans}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_開いた区間は印を付けて届く(receiver, end):
    """Those of other threads and those begun by hand; what ended itself has no mark."""
    run(f"{OPEN}\n{end}", endpoint=receiver.http_endpoint)

    assert marks(receiver) == {"in a thread": True, "by hand": True, "done": False}
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano for span in receiver.spans)


@pytest.mark.needs("fork")
def test_親の開いた区間は子からは届かない(receiver):
    """What the parent had open at the fork is told by the parent alone."""
    program = f"""{OPEN}
pid = os.fork()
if pid == 0:
    child = obs.start_transaction("of the child")
    os._exit(0)
os.waitpid(pid, 0)
by_hand.end()
"""
    run(program, endpoint=receiver.http_endpoint)

    expected = {"in a thread": True, "by hand": False, "done": False, "of the child": True}
    assert marks(receiver) == expected


def test_shutdownは開いた区間を終わらせない(receiver):
    """The application goes on after its own shutdown(), and may begin again."""
    program = """
obs.init()
span = obs.start_transaction("across")
obs.shutdown()
obs.init()
span.end()
"""
    run(program, endpoint=receiver.http_endpoint)

    assert marks(receiver) == {"across": False}
