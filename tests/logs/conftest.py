"""Streams, queues and settings for tests of logs."""

import io
import json
import logging
import sys

import pytest

from testpilot_obs import logs
from testpilot_obs.config import load
from testpilot_obs.logs._pipeline import state
from testpilot_obs.protocols import LogRecord


class FakeQueue:
    """What logs see of delivery's queue."""

    def __init__(self):
        self.items = []
        self.append = self.items.append
        self.high = 1_000
        self.pressed = 0
        self.heavy_bytes = 0

    def pressure(self):
        """Count the call."""
        self.pressed += 1

    def weigh(self, size_bytes):
        """Add it up."""
        self.heavy_bytes += size_bytes


class Terminal(io.StringIO):
    """A stream that a person reads."""

    def isatty(self):
        """Say so."""
        return True


class Wired:
    """Logs connected to a stream and a queue that the test can look at."""

    def __init__(self, *, stream=None, **settings):
        self.stream = io.StringIO() if stream is None else stream
        self.queue = FakeQueue()
        self.config = load({"service_name": "shop", **settings}, environ={})
        logs.connect(self.config, self.queue, stream=self.stream)

    @property
    def printed(self):
        """The lines on the console."""
        return self.stream.getvalue().splitlines()

    @property
    def lines(self):
        """The lines on the console, read as JSON."""
        return [json.loads(line) for line in self.printed]

    @property
    def records(self):
        """The records for OTLP, those too that delivery's worker would make."""
        return [one if type(one) is LogRecord else one.made() for one in self.queue.items]


@pytest.fixture(autouse=True)
def _disconnected():
    """Leave logging and structlog as they were."""
    yield
    logs.disconnect()
    if "structlog" in sys.modules:
        sys.modules["structlog"].reset_defaults()


@pytest.fixture
def wire():
    """Connect logs with settings, to a fresh stream and queue."""
    return Wired


@pytest.fixture
def terminal(monkeypatch):
    """Return a terminal, without colour unless the test sets it."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    return Terminal()


@pytest.fixture
def bare_root(monkeypatch):
    """Return what takes pytest's handlers off the root logger; they are added after fixtures."""

    def bare():
        root = logging.getLogger()
        monkeypatch.setattr(root, "handlers", [])
        return root

    return bare


@pytest.fixture
def flooded(wire, tmp_path, monkeypatch):
    """Return logs in a flood whose thread does nothing, so that the test says when to go on."""
    # Where anything was ever bound to them lines are not left.
    monkeypatch.setattr("structlog.contextvars._CONTEXT_VARS", {})

    def begin(**settings):
        wired = wire(log_dir=str(tmp_path), log_format="none", **settings)
        state.flood._thread.wake = lambda: True
        state.flood.begin()
        return wired

    return begin
