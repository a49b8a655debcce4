"""What every test gets: a clean environment, real clocks, and its own errors raised to it."""

import importlib.util
import logging
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import hypothesis
import opentelemetry.trace
import pytest
from opentelemetry import context as otel_context
from opentelemetry import propagate

from testpilot_obs._core import clock, context, current, diagnostics, redaction
from testpilot_obs.tracing import _connect, _live

OURS = ("OTEL_", "TESTPILOT_OBS_", "LOG_LEVEL")

DEFAULT_REDACTOR = redaction.Redactor()

# A slow machine is no failure, and what fails must fail again.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True)
hypothesis.settings.load_profile("house")


def pytest_addoption(parser):
    """Let `make test` print what was skipped after the coverage table."""
    parser.addoption("--skipped-to", type=Path, help="write what was skipped to this file")


def pytest_configure():
    """Let Ctrl-C reach the programs that tests start, also where a shell's ``&`` turned it off."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item):
    """Skip a test marked ``needs(part)`` where the part is missing; fail it in CI."""
    for marker in item.iter_markers("needs"):
        missing = [part for part in marker.args if not is_here(part)]
        if missing and os.environ.get("CI") == "true":
            pytest.fail(f"missing in CI: {', '.join(missing)}", pytrace=False)
        if missing:
            pytest.skip(f"needs {', '.join(missing)}")


def pytest_terminal_summary(terminalreporter, config):
    """Write the list of skipped tests, each with its reason."""
    path = config.getoption("--skipped-to")
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(describe_skipped(terminalreporter.stats.get("skipped", [])))


def describe_skipped(reports):
    """Return one line for each skipped test, or the words that nothing was."""
    lines = [f"  {report.nodeid}: {report.longrepr[2]}" for report in reports]
    return "\n".join([f"skipped: {len(lines) or 'nothing'}", *sorted(lines), ""])


def is_here(part):
    """Tell whether a module, a program or a feature of the machine can be used."""
    features = {
        "fork": lambda: hasattr(os, "fork"),
        "ipv6": lambda: can_bind(socket.AF_INET6, "::1"),
    }
    if part in features:
        return features[part]()
    if part.startswith("/"):
        return Path(part).exists()
    return shutil.which(part) is not None or importlib.util.find_spec(part) is not None


def can_bind(family, host):
    """Tell whether a socket of *family* can listen on *host*."""
    try:
        with socket.socket(family) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def _clean_environ(monkeypatch):
    """Hide the settings of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_state_folder(monkeypatch, tmp_path_factory):
    """Keep what a test leaves undelivered away from the person and from other tests."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def _real_clock(_same_process_state):
    """Take back any fake clock, before what the test left running is ended."""
    yield
    clock.use()


@pytest.fixture(autouse=True)
def _own_errors_are_heard(request):
    """Raise what the guard would swallow, unless the test is about swallowing."""
    diagnostics.forget()
    diagnostics.raise_in_tests(request.node.get_closest_marker("guarded") is None)
    yield
    diagnostics.raise_in_tests(enabled=False)
    diagnostics.forget()


@pytest.fixture(autouse=True)
def _same_process_state():
    """Restore what `init` changes outside the library: OpenTelemetry, logging, signals."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    terminate = signal.getsignal(signal.SIGTERM)
    runtime_context = otel_context._RUNTIME_CONTEXT
    textmap = propagate.get_global_textmap()
    yield
    # What ends here looks at the clock, which a test may have broken.
    clock.use()
    shut_down()
    disconnect()
    root.handlers[:], root.level = handlers, level
    if signal.getsignal(signal.SIGTERM) is not terminate:
        signal.signal(signal.SIGTERM, terminate)
    otel_context._RUNTIME_CONTEXT = runtime_context
    propagate.set_global_textmap(textmap)
    redaction.use(DEFAULT_REDACTOR)
    forget_context()
    forget_providers()


def shut_down():
    """End what the test left running."""
    lifecycle = sys.modules.get("testpilot_obs._lifecycle")
    if lifecycle is not None and lifecycle.is_initialized():
        lifecycle.shutdown(timeout_s=1.0)


def disconnect():
    """Disconnect the signals of tests that connected one without `init`."""
    for room in ("tracing", "logs"):
        module = sys.modules.get(f"testpilot_obs.{room}")
        if module is not None:
            module.disconnect()
    if "testpilot_obs.metrics" in sys.modules:
        sys.modules["testpilot_obs.metrics"].reset()
    _live.callbacks.clear()
    _connect._ours.clear()
    _connect._joined.clear()


def forget_context():
    """Leave nothing current: no span, no transaction, no bound fields."""
    context.put(context.EMPTY)
    current._bound.set(current._NO_FIELDS)
    current._transaction.set(None)
    current.any_bound = False


def forget_providers():
    """Let the next test set OpenTelemetry's global providers, which can be set once."""
    opentelemetry.trace._TRACER_PROVIDER = None
    opentelemetry.trace._TRACER_PROVIDER_SET_ONCE = opentelemetry.trace.Once()
    provide = sys.modules.get("testpilot_obs.metrics._provide")
    for hook in provide._waiting if provide is not None else ():
        hook.remove()
    if provide is not None:
        provide._waiting.clear()
    meters = sys.modules.get("opentelemetry.metrics._internal")
    if meters is not None:
        meters._METER_PROVIDER = None
        meters._METER_PROVIDER_SET_ONCE = opentelemetry.trace.Once()
