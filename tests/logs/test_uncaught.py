"""What nobody caught, and warnings, in real processes: one line each, nothing hidden."""

import json
import subprocess
import sys

import pytest

HEAD = """
import asyncio, gc, sys, threading, warnings
import testpilot_obs as obs
obs.init(service_name="shop", traces_exporter="none", log_format={format!r})
"""
MAIN = "raise ValueError('token=canary')"
THREAD = """
def work(): raise ValueError('token=canary')
thread = threading.Thread(target=work, name="mine"); thread.start(); thread.join()
"""
DEL = """
class Odd:
    def __del__(self): raise ValueError('token=canary')
Odd()
"""
TASK = """
async def work(): raise ValueError('token=canary')
async def main():
    task = asyncio.create_task(work())
    await asyncio.wait([task])
    del task
    gc.collect()
asyncio.run(main())
"""
WARNING = "warnings.warn('token=canary', UserWarning)"
CASES = {
    "main": (MAIN, "uncaught exception", "critical", 1),
    "thread": (THREAD, "uncaught exception in a thread", "error", 0),
    "del": (DEL, "ception ignored", "error", 0),
    "task": (TASK, "Task exception was never retrieved", "error", 0),
    "warning": (WARNING, "UserWarning: token=[redacted: token]", "warning", 0),
}


def run(source, log_format="json"):
    """Run a program; return its exit status and what it said on stderr."""
    program = HEAD.format(format=log_format) + source
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("case", CASES)
def test_誰も捕まえなかったものは一行になる(case):
    """Each becomes exactly one line with its level and redacted exception, and nothing else."""
    source, event, level, status = CASES[case]

    returned, err = run(source)

    (line,) = [json.loads(words) for words in err.splitlines()]
    assert returned == status
    assert event in line["event"]
    assert (line["level"], "canary" in err) == (level, False)
    if case != "warning":
        assert line["exception_chain"][0]["type"] == "ValueError"


def test_印刷しないときはPythonが印刷する():
    """Without printed lines Python prints its traceback as ever."""
    status, err = run(MAIN, log_format="none")

    assert status == 1
    assert err.startswith("Traceback")
    assert err.count("Traceback") == 1


def test_利用者の処理は呼ばれ続ける():
    """A hook of the application's is called as before, and ours prints nothing beside it."""
    source = """
obs.shutdown()
from testpilot_obs import logs
logs.disconnect()
sys.excepthook = lambda kind, error, trace: print("mine", file=sys.stderr)
obs.init(service_name="again", traces_exporter="none", log_format="json")
raise ValueError
"""
    assert run(source) == (1, "mine\n")


@pytest.mark.parametrize("source", ["raise SystemExit(3)", "raise KeyboardInterrupt"])
def test_終わる合図は行にならない(source):
    """Leaving a program is no error."""
    _, err = run(source)

    assert "uncaught" not in err


def test_糸を終える合図は行にならない():
    """SystemExit in a thread says nothing, as ever."""
    source = THREAD.replace("ValueError('token=canary')", "SystemExit")

    assert run(source) == (0, "")


def test_返した後は元どおりである():
    """After disconnect Python's own hooks and warnings are back."""
    source = """
from testpilot_obs import logs
logs.disconnect()
assert sys.excepthook is sys.__excepthook__
assert threading.excepthook is threading.__excepthook__
assert sys.unraisablehook is sys.__unraisablehook__
warnings.warn("plain")
"""
    status, err = run(source)

    assert status == 0
    assert "UserWarning: plain" in err
    assert "{" not in err
