"""Telemetry that leaves the machine without encryption is remarked upon, once."""

import pytest

from testpilot_obs.config import OtlpSettings
from testpilot_obs.exporters import OtlpGrpcExporter, OtlpHttpExporter

GRPC_LOCAL = ["unix:/run/otel.sock", "http://localhost:4317", "http://[::1]:4317", "dns:///[::1]:1"]
GRPC_REMOTE = ["http://collector:4317", "dns:collector:4317", "dns:///collector", "ipv4:10.0.0.1:1"]


def http(url, **settings):
    """Make an exporter over HTTP."""
    OtlpHttpExporter(OtlpSettings(url, **settings), "traces").close()


def grpc(target, **settings):
    """Make an exporter over gRPC without TLS."""
    settings = OtlpSettings(target, protocol="grpc", insecure=True, **settings)
    OtlpGrpcExporter(settings, "traces").close()


@pytest.mark.parametrize(
    "host", ["localhost:4318", "127.0.0.1", "127.9.9.9:1", "[::1]:4318", "a.localhost", "LOCALHOST"]
)
def test_自分の機械へなら何も言われない(caplog, host):
    """What stays on the machine may be in the clear."""
    http(f"http://{host}/v1/traces", headers={"api-key": "s3cret"})

    assert caplog.text == ""


@pytest.mark.parametrize("target", GRPC_LOCAL)
def test_gRPCでも自分の機械へなら何も言われない(caplog, target):
    """The same for gRPC, whatever its name for the endpoint."""
    grpc(target)

    assert caplog.text == ""


@pytest.mark.parametrize("host", ["collector:4318", "10.0.0.1", "127.example.org", "[fd00::1]"])
def test_よその機械への平文は一度だけ注意される(caplog, host):
    """Plain http to another machine is told once, without the path's query."""
    for _ in range(3):
        http(f"http://{host}/v1/traces?key=s3cret")

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert host in caplog.text
    assert "https://" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("target", GRPC_REMOTE)
def test_gRPCの平文も注意される(caplog, target):
    """The same for gRPC."""
    grpc(target)

    assert "without encryption" in caplog.text


@pytest.mark.parametrize("make", [http, grpc])
def test_鍵が平文で流れるならそう言われる(caplog, make):
    """With headers it is said that credentials can be read on the way; they are not shown."""
    make("http://collector:4318", headers={"authorization": "Bearer s3cret"})

    assert "credentials" in caplog.text
    assert "s3cret" not in caplog.text


def test_暗号化されていれば何も言われない(caplog):
    """TLS is what is wanted."""
    http("https://collector/v1/traces")
    OtlpGrpcExporter(OtlpSettings("https://collector:1", protocol="grpc"), "traces").close()

    assert caplog.text == ""
