"""Beside OpenTelemetry's own instrumentation of logging and structlog each line goes out once."""

import json
import subprocess
import sys
from itertools import permutations

import pytest

from testpilot_obs.testing.receiver import OtlpReceiver

pytestmark = pytest.mark.needs(
    "opentelemetry.instrumentation.logging", "opentelemetry.instrumentation.structlog"
)

PROGRAM = """
import json, logging, sys
from opentelemetry._logs import set_logger_provider
from opentelemetry.instrumentation.logging import LoggingInstrumentor
from opentelemetry.instrumentation.structlog import StructlogInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
import structlog
import testpilot_obs as obs

endpoint, *steps = sys.argv[1:]
exporter = InMemoryLogRecordExporter()

def provide():
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    set_logger_provider(provider)

def init():
    obs.init(service_name="shop", otlp_endpoint=endpoint, log_format="json",
             traces_exporter="none", metrics_exporter="none")

todo = {
    "init": init,
    "provide": provide,
    "logging": lambda: LoggingInstrumentor().instrument(inject_trace_context=True),
    "structlog": lambda: StructlogInstrumentor().instrument(),
    "errors": lambda: LoggingInstrumentor().instrument(log_handler_level=logging.ERROR),
    "unlogging": lambda: LoggingInstrumentor().uninstrument(),
    "unstructlog": lambda: StructlogInstrumentor().uninstrument(),
}
for step in steps:
    todo[step]()
logging.getLogger("a").warning("standard")
structlog.get_logger("b").warning("theirs")
obs.get_logger("c").warning("ours")
assert obs.flush(10)
obs.shutdown()
print(json.dumps([record.log_record.body for record in exporter.get_finished_logs()]))
"""
LINES = ["ours", "standard", "theirs"]


def run(*steps):
    """Take *steps* in a process; return the exported bodies of both, and the printed events."""
    with OtlpReceiver() as receiver:
        command = [sys.executable, "-c", PROGRAM, receiver.http_endpoint, *steps]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        bodies = [record.record.body.string_value for record in receiver.logs]
    printed = [json.loads(line)["event"] for line in done.stderr.splitlines() if line[:1] == "{"]
    return sorted(bodies + json.loads(done.stdout.splitlines()[-1])), sorted(printed)


@pytest.mark.parametrize("steps", list(permutations(["init", "provide", "logging"])), ids="-".join)
def test_loggingの計装があっても一度だけ出る(steps):
    """Its handler or we export a record, whoever came first; and it is printed once."""
    assert run(*steps) == (LINES, LINES)


@pytest.mark.parametrize("steps", list(permutations(["init", "structlog"])), ids="-".join)
def test_structlogの計装があっても一度だけ出る(steps):
    """Its processor is left out: structlog's lines take our way, whoever came first."""
    assert run("provide", *steps) == (LINES, LINES)


@pytest.mark.parametrize(
    "steps", list(permutations(["init", "logging", "structlog"])), ids="-".join
)
def test_両方の計装があっても一度だけ出る(steps):
    """With both on, and a provider that exports, nothing is doubled and nothing is lost."""
    assert run("provide", *steps) == (LINES, LINES)


def test_輸出先のない計装は何も妨げない():
    """Without a logger provider theirs exports nothing, so we do."""
    assert run("logging", "structlog", "init") == (LINES, LINES)


def test_計装の段より下の記録は私たちが出す():
    """What is below the level of its handler is exported by us."""
    assert run("provide", "errors", "init") == (LINES, LINES)


@pytest.mark.parametrize(
    "steps", [("structlog", "init", "unstructlog"), ("init", "structlog", "unstructlog")]
)
def test_計装が外されても一度だけ出る(steps):
    """Taking the instrumentation away again leaves our way as it was."""
    assert run("provide", "logging", *steps, "unlogging") == (LINES, LINES)
