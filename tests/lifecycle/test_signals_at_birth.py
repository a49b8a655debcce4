"""A child that is asked to end while it is being forked hears of it."""

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, threading
import testpilot_obs as obs
obs.init(service_name="shop", traces_exporter="none", log_format="none")
def work():
    for _ in range(40):
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            while True:
                signal.pause()
        os.kill(pid, signal.SIGTERM)
        status = os.waitpid(pid, 0)[1]
        assert os.WTERMSIG(status) == signal.SIGTERM, status
    print("all ended")
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.mark.needs("fork")
def test_生まれる途中のSIGTERMは失われない():
    """Of 40 children that get SIGTERM at once each ends by it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=50
    )

    assert (done.stdout, done.stderr) == ("all ended\n", "")
