"""Running programs for tests: free ports, waiting with a deadline, ending what was started."""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAUSE = threading.Event()


def free_port():
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, timeout_s=5):
    """Return what is at *url*, as text; OSError if nothing is."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request("GET", f"{parts.path or '/'}?{parts.query}")
        reply = connection.getresponse()
        text = reply.read().decode()
    except http.client.HTTPException as error:
        raise OSError(error) from error
    finally:
        connection.close()
    if reply.status != 200:
        raise OSError(reply.status, text)
    return text


def until(check, timeout_s=20):
    """Return what *check* returns as soon as it is true; None or an error means not yet."""
    deadline = time.monotonic() + timeout_s
    last = None
    while time.monotonic() < deadline:
        try:
            found = check()
        except (OSError, ValueError) as error:
            last = error
        else:
            if found:
                return found
        PAUSE.wait(0.02)
    message = f"not within {timeout_s} s; last error {last!r}"
    raise TimeoutError(message)


@contextmanager
def program(*command, log, **environ):
    """Run a program in its own process group while the block runs; end the whole group."""
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **environ}
    with log.open("wb") as output:
        running = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=output, stderr=output, start_new_session=True
        )
        try:
            yield running
        finally:
            end(running)


def end(running):
    """Ask a program to end, and make it."""
    running.send_signal(signal.SIGTERM)
    try:
        running.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait(10)
