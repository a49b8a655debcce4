"""What an import loads: nothing heavy before it is used; benchmarks/ measures the time."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = (
    "google.protobuf",
    "grpc",
    "numpy",
    "opentelemetry.exporter",
    "opentelemetry.proto",
    "opentelemetry.sdk._logs",
    "opentelemetry.sdk.metrics",
    "opentelemetry.sdk.resources",
    "opentelemetry.sdk.trace",
    "orjson",
    "prometheus_client",
    "psutil",
    "requests",
    "rich",
    "structlog",
    "urllib3",
)
NAMES = "from testpilot_obs import bind, inject, monitored, span, start_transaction, traced"
SLOW_STDLIB = ("asyncio", "concurrent", "http", "multiprocessing", "sqlite3", "ssl", "unittest")


def modules_after(program, **environ):
    """Return the names of all modules that a fresh interpreter has loaded after *program*."""
    environ = {"PATH": os.environ["PATH"], **environ}
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport json, sys\nprint(json.dumps([*sys.modules]))"],
        env=environ,
        capture_output=True,
        check=True,
        timeout=30,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def among(loaded, names):
    """Return which of *names* are loaded, as packages."""
    return sorted(n for n in names if any(m == n or m.startswith(f"{n}.") for m in loaded))


def test_importは重いものを読み込まない():
    """`import testpilot_obs` loads nothing heavy."""
    loaded = modules_after(NAMES)

    assert among(loaded, HEAVY) == []


def test_importはOpenTelemetryのAPIに標準ライブラリを少ししか足さない():
    """No slow part of the standard library comes with it, beyond what the API itself loads."""
    api = modules_after("import opentelemetry.trace")
    loaded = modules_after(NAMES)

    assert among(loaded - api, SLOW_STDLIB) == []


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"], ids=["画面", "OTLP"])
def test_initは重いものを読み込まない(endpoint):
    """`init` loads nothing heavy either, with the console as well as with OTLP over HTTP."""
    loaded = modules_after(
        "import testpilot_obs as obs\nobs.init(service_name='x')",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
    )

    assert among(loaded, HEAVY) == []


def test_initは自分では使わない標準ライブラリを読み込まない():
    """OpenSSL's hashes take 3.5 MB, the archive formats 0.4 MB: whoever needs them loads them."""
    bare = modules_after("")
    loaded = modules_after(
        "import testpilot_obs as obs\nobs.init(service_name='x')",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
    )

    assert among(loaded - bare, ("_hashlib", "bz2", "hashlib", "hmac", "lzma", "shutil")) == []


def test_スパンだけならログと計測の部品は読み込まれない():
    """A span is recorded without the engines of logs and metrics."""
    loaded = modules_after(
        "import testpilot_obs as obs\nobs.init(traces_exporter='none')\nwith obs.span('x'): pass"
    )

    assert among(loaded, HEAVY) == []


def test_gRPCは選ばれて使われるときに読み込まれる():
    """The gRPC package loads when its protocol is chosen and something is to be sent."""
    loaded = modules_after(
        "import testpilot_obs as obs\n"
        "obs.init(service_name='x')\n"
        "with obs.span('x'): pass\n"
        "obs.flush(timeout_s=0.5)",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )

    assert among(loaded, ["grpc"]) == ["grpc"]
