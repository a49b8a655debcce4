"""A name in `OTEL_PROPAGATORS` that no package offers: OpenTelemetry then cannot be imported."""

import pytest

from tests.lifecycle.programs import run


@pytest.mark.parametrize("named", ["tracecontext,nonsense", "jaeger"])
def test_知らない伝搬形式でも文脈は運ばれる(named):
    """A bad name is warned about; headers are written and read as by default, nothing raises."""
    program = """
assert obs.inject({}) == {}
obs.init(traces_exporter="none", log_format="none")
with obs.span("work"):
    headers = obs.inject({})
assert headers["traceparent"]
assert obs.extract(headers)
"""
    _, _, told = run(program, environ={"OTEL_PROPAGATORS": named})

    assert "OTEL_PROPAGATORS" in told


def test_足りない包みは名を言われる():
    """Named in the environment, a missing package is told with the command that installs it."""
    program = """
sys.modules["opentelemetry.propagators.b3"] = None
import importlib.metadata
importlib.metadata.entry_points = lambda **_: ()
try:
    obs.init(traces_exporter="none", log_format="none")
except obs.errors.MissingExtraError as error:
    print(error)
"""
    _, printed, _ = run(program, environ={"OTEL_PROPAGATORS": "b3"})

    assert "pip install 'testpilot-obs[b3]'" in printed


def test_終わりのない見出しも待たせない():
    """Headers without end, or that are no headers, are given up at once."""
    program = """
obs.extract(iter(lambda: (b"a", b"b"), None))
assert obs.extract(range(10**12)) == {}
"""
    took_s, _, _ = run(program)

    assert took_s < 10
