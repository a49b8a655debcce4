"""Waiting for what other threads and processes write, and reading it."""

import json
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


def written(folder, name="combined.log"):
    """Return the lines of a file."""
    path = folder / name
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def numbers(folder, event="work"):
    """Return the numbers of the lines about an event."""
    return [line["number"] for line in written(folder) if line["event"] == event]
