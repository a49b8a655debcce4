"""Did you mean …? For variables, keys and arguments that do not exist."""

import pytest

from testpilot_obs.config import load
from testpilot_obs.config._env import NOT_USED, VARIABLES
from testpilot_obs.errors import ConfigError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("OTEL_SERVICENAME", "OTEL_SERVICE_NAME"),
        ("OTEL_SERVICE_NAMES", "OTEL_SERVICE_NAME"),
        ("otel_service_name", "OTEL_SERVICE_NAME"),
        ("OTEL_EXPORTER_OLTP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("OTEL_EXPORTER_OTLP_HEADER", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("OTEL_EXPORTER_OTLP_TRACE_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ("OTEL_TRACE_EXPORTER", "OTEL_TRACES_EXPORTER"),
        ("OTEL_BSP_MAX_QUEUESIZE", "OTEL_BSP_MAX_QUEUE_SIZE"),
        ("OTEL_SDK_DISABLE", "OTEL_SDK_DISABLED"),
        ("OTEL_PROPAGATOR", "OTEL_PROPAGATORS"),
        ("TESTPILOT_OBS_SERVICE_NAME", "OTEL_SERVICE_NAME"),
        ("TESTPILOT_OBS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("TESTPILOT_OBS_ENVIRONMENT", "OTEL_RESOURCE_ATTRIBUTES"),
        ("TESTPILOT_OBS_QUEUE_BYTE", "TESTPILOT_OBS_QUEUE_BYTES"),
        ("TESTPILOT_OBS_CONFIGFILE", "TESTPILOT_OBS_CONFIG_FILE"),
        ("TESTPILOT_OBS_EXIT_TIME_OUT", "TESTPILOT_OBS_EXIT_TIMEOUT"),
    ],
)
def test_打ち間違いには近い名が示される(typed, meant, tmp_path, caplog):
    """A mistyped variable is one warning with the name that was probably meant."""
    load({}, environ={typed: "x"}, cwd=tmp_path)

    [record] = caplog.records
    assert record.getMessage() == (
        f"this setting is ignored: {typed} = *** (from environment): "
        f"expected a variable that exists; did you mean {meant}?"
    )


@pytest.mark.parametrize(
    "name",
    [
        "OTEL_PYTHON_LOG_CORRELATION",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
        "OTEL_SEMCONV_STABILITY_OPT_IN",
        "OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT",
        "OTEL_COLLECTOR_SERVICE_HOST",
        "OTEL_COLLECTOR_PORT_4317_TCP_ADDR",
        "OTEL_SERVICE_PORT",
        "OTEL_AGENT_PORT",
        "TESTPILOT_OBS_SERVICE_HOST",
        "OTEL_VENDOR_MAGIC",
        "SERVICE_NAME",
    ],
)
def test_他人の変数には何も言わない(name, tmp_path, caplog):
    """Variables of other programs, and of Kubernetes, are nobody's mistake."""
    load({"strict": True}, environ={name: "x"}, cwd=tmp_path)

    assert not caplog.records


def test_自分の名なら遠くても知らされる(tmp_path, caplog):
    """A TESTPILOT_OBS_* name that is like no other is reported all the same."""
    load({}, environ={"TESTPILOT_OBS_XYZZY": "x"}, cwd=tmp_path)

    assert "TESTPILOT_OBS_XYZZY" in caplog.text
    assert "docs/configuration.md lists them" in caplog.text


def test_知っている名は間違いとされない(tmp_path, caplog):
    """No variable that is read, or known, is taken for a mistyped one."""
    load({}, environ=dict.fromkeys([*VARIABLES, *NOT_USED], "?"), cwd=tmp_path)

    assert "did you mean" not in caplog.text


def test_厳格なら打ち間違いも例外になる(tmp_path):
    """With strict=True a mistyped variable raises."""
    with pytest.raises(ConfigError, match="did you mean OTEL_SERVICE_NAME"):
        load({"strict": True}, environ={"OTEL_SERVICENAME": "x"}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("servicename", "did you mean service_name?"),
        ("endpoint", "did you mean otlp_endpoint?"),
        ("headers", "did you mean otlp_headers?"),
        ("OTEL_SERVICE_NAME", "did you mean service_name?"),
        ("exporter", "did you mean exporters?"),
        ("xyzzy", "docs/configuration.md lists them"),
        ("_sources", "expected a setting that exists"),
    ],
)
def test_知らない引数には近い名が示される(typed, meant, tmp_path):
    """An unknown argument raises and says which one was probably meant."""
    with pytest.raises(ConfigError) as raised:
        load({typed: "x"}, environ={}, cwd=tmp_path)

    assert meant in str(raised.value)
