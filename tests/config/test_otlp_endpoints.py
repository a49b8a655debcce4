"""Which URL, protocol and security each signal gets."""

import pytest

from testpilot_obs.config import Config, load

GENERAL = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
INSECURE = "OTEL_EXPORTER_OTLP_INSECURE"
GRPC = {PROTOCOL: "grpc"}


@pytest.fixture
def settings_of(tmp_path):
    """Return the OTLP settings of a signal for some variables."""

    def load_these(environ, signal="traces"):
        return load({}, environ=environ, cwd=tmp_path).otlp(signal)

    return load_these


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, "http://localhost:4318/v1/traces"),
        ({GENERAL: "http://c:4318"}, "http://c:4318/v1/traces"),
        ({GENERAL: "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({GENERAL: "https://c/otlp//"}, "https://c/otlp/v1/traces"),
        ({GENERAL: "https://c/otlp?key=1"}, "https://c/otlp/v1/traces?key=1"),
        ({GENERAL: "http://[::1]:4318"}, "http://[::1]:4318/v1/traces"),
        ({TRACES: "http://c:4318"}, "http://c:4318/"),
        ({TRACES: "http://c:4318?key=1"}, "http://c:4318/?key=1"),
        ({TRACES: "http://c/custom/"}, "http://c/custom/"),
        ({GENERAL: "http://a", TRACES: "http://b/t"}, "http://b/t"),
        (GRPC, "http://localhost:4317"),
        ({**GRPC, GENERAL: "https://c:4317"}, "https://c:4317"),
        ({**GRPC, GENERAL: "http://c:4317/ignored"}, "http://c:4317"),
        ({**GRPC, GENERAL: "c:4317"}, "https://c:4317"),
        ({**GRPC, GENERAL: "c:4317", INSECURE: "true"}, "http://c:4317"),
        ({**GRPC, TRACES: "unix:/run/otel.sock"}, "unix:/run/otel.sock"),
        ({**GRPC, TRACES: "dns:///c:4317"}, "dns:///c:4317"),
    ],
)
def test_宛先は仕様どおりに作られる(settings_of, environ, endpoint):
    """The base endpoint gets the signal's path, that of one signal is used as it is."""
    assert settings_of(environ).endpoint == endpoint


@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_経路は信号ごとに違う(settings_of, signal):
    """Each signal has its own path below the base endpoint."""
    assert settings_of({GENERAL: "http://c"}, signal).endpoint == f"http://c/v1/{signal}"


@pytest.mark.parametrize(
    ("environ", "insecure"),
    [
        ({}, True),
        ({GENERAL: "https://c", INSECURE: "true"}, False),
        ({**GRPC, GENERAL: "https://c", INSECURE: "true"}, False),
        ({**GRPC, GENERAL: "http://c"}, True),
        ({**GRPC, GENERAL: "c:4317"}, False),
        ({**GRPC, GENERAL: "unix:/run/otel.sock", INSECURE: "true"}, True),
        (GRPC, True),
    ],
)
def test_安全かどうかは方式が決める(settings_of, environ, insecure):
    """The scheme decides about TLS; the setting only where there is no scheme."""
    assert settings_of(environ).insecure is insecure


@pytest.mark.parametrize(
    "endpoint",
    [
        "c:4318",
        "c",
        "ftp://c",
        "http://",
        "http:///path",
        "http://c:port",
        "http://c:70000",
        "http://c:0",
        "http://[::1",
        "http://[::1]x",
        "//c:4318",
    ],
)
def test_使えない宛先は断られる(settings_of, endpoint, caplog):
    """An endpoint that cannot be used counts as not set, and the form is explained."""
    settings = settings_of({GENERAL: endpoint})

    assert not settings.is_set
    assert "expected a URL with http:// or https:// and a host" in caplog.text


def test_使えないgrpcの宛先は断られる(settings_of, caplog):
    """An endpoint that gRPC cannot use is refused with words for gRPC."""
    settings = settings_of({**GRPC, TRACES: "ftp://c"})

    assert settings.endpoint == "http://localhost:4317"
    assert "expected an endpoint for grpc" in caplog.text


def test_信号ごとの設定は全体に勝つ(settings_of):
    """What is set for one signal wins over what is set for all, and for it only."""
    environ = {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "2000",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "b=2",
        "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "none",
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE": "/ca.pem",
    }

    logs, traces = settings_of(environ, "logs"), settings_of(environ, "traces")

    assert (logs.timeout_s, logs.compression, logs.protocol) == (2.0, "none", "grpc")
    assert (dict(logs.headers), logs.certificate) == ({"b": "2"}, "/ca.pem")
    assert (traces.timeout_s, traces.compression) == (1.0, "gzip")
    assert (dict(traces.headers), traces.certificate) == ({"a": "1"}, "")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"otlp_endpoint": "http://c"}, ("otlp",)),
        ({"otlp_traces_endpoint": "http://c"}, ("otlp",)),
        ({"otlp_logs_endpoint": "http://c"}, None),
        ({"otlp_file": "f"}, ("otlp_file",)),
        ({"otlp_file": "f", "otlp_endpoint": "http://c"}, ("otlp", "otlp_file")),
        ({"traces_exporter": ("console",), "otlp_endpoint": "http://c"}, ("console",)),
        ({"traces_exporter": ("otlp_file",), "otlp_file": "f"}, ("otlp_file",)),
        ({"traces_exporter": ("none",), "otlp_file": "f"}, ()),
    ],
)
def test_出力先は設定から決まる(settings, expected):
    """Named exporters are used; else an endpoint means otlp; a file is one more."""
    assert Config(**settings).exporters("traces") == expected
