"""Small programs in processes of their own, and receivers that misbehave."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time

START = """
import atexit, logging, multiprocessing, os, signal, sys, threading, time
import testpilot_obs as obs

def work(number=1, name="work"):
    for n in range(number):
        with obs.span(name, n=n):
            pass

def wait():
    print("ready", flush=True)
    # signal.pause() would sleep through a signal that comes just before it.
    while True:
        time.sleep(0.02)
"""


def run(program, *, endpoint="", environ=None, timeout_s=30.0, code=0):
    """Run *program* to its end; return (seconds it took, what it printed, its stderr)."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", START + program],
        env=environment(endpoint, environ),
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    took_s = time.monotonic() - began
    assert done.returncode == code, done.stderr
    return took_s, done.stdout, done.stderr


def run_file(path, *, endpoint):
    """Run a program that is a file, as multiprocessing needs it for spawn."""
    done = subprocess.run(
        [sys.executable, str(path)],
        env=environment(endpoint),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(program, *, endpoint, environ=None):
    """Start *program*; wait until it prints "ready"."""
    process = subprocess.Popen(
        [sys.executable, "-c", START + program],
        env=environment(endpoint, environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def environment(endpoint, more=None):
    """Return an environment with nothing of ours but what is given."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "XDG_STATE_HOME")
        if name in os.environ
    }
    cover = {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **(more or {})}
    return {**kept, **cover, "PYTHONPATH": os.pathsep.join(sys.path), **given}


@contextlib.contextmanager
def black_hole():
    """Yield the endpoint of a server that accepts connections and never answers."""
    held = []
    server = socket.create_server(("127.0.0.1", 0))

    def accept():
        with contextlib.suppress(OSError):
            while True:
                held.append(server.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()
        for connection in held:
            connection.close()


def nobody():
    """Return an endpoint where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
