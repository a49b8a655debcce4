"""Waiting for what other threads and processes write."""

import threading
import time


def wait_for(question):
    """Ask until the answer is yes, for 20 seconds at most."""
    deadline = time.monotonic() + 20
    # Nothing tells of a file's growth, or of a line on its way.
    pause = threading.Event()
    while not question() and time.monotonic() < deadline:
        pause.wait(0.01)
    assert question()
