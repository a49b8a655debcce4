"""What other programs read from the environment and the home folder changes no request of ours."""

import os
import ssl
import subprocess
import sys

import pytest
import trustme

from testpilot_obs.testing.receiver import OtlpReceiver

PROGRAM = """
import sys
from testpilot_obs.config import OtlpSettings
from testpilot_obs.exporters import OtlpGrpcExporter, OtlpHttpExporter
from tests.exporters.servers import BATCH
http, grpc, certificate = sys.argv[1:]
headers = {"authorization": "Bearer mine"}
for exporter in (
    OtlpHttpExporter(OtlpSettings(http, headers=headers, certificate=certificate), "traces"),
    OtlpGrpcExporter(OtlpSettings(grpc, headers=headers, protocol="grpc"), "traces"),
):
    print(exporter.export(BATCH, timeout_s=10).verdict.value)
    exporter.close()
"""
NETRC = "machine 127.0.0.1 login other password stolen\nmachine localhost login other password x\n"


@pytest.fixture
def authority():
    """Return an authority for the receiver's certificate."""
    return trustme.CA()


@pytest.fixture
def receiver(authority):
    """Return a running receiver that speaks HTTPS, and gRPC without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with OtlpReceiver(tls=context) as running:
        yield running


def test_代理も鍵束も環境からは取られない(receiver, authority, tmp_path, pytestconfig):
    """Neither .netrc nor proxies nor files of certificates or keys that the environment names."""
    ours, keys = tmp_path / "ca.pem", tmp_path / "keys.log"
    authority.cert_pem.write_to_path(str(ours))
    (tmp_path / ".netrc").write_text(NETRC)
    (tmp_path / ".netrc").chmod(0o600)
    nobody = "http://127.0.0.1:9"
    proxies = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
    hostile = {
        **{name: nobody for proxy in proxies for name in (proxy, proxy.upper())},
        "HOME": str(tmp_path),
        "NETRC": str(tmp_path / ".netrc"),
        "NO_PROXY": "",
        "SSLKEYLOGFILE": str(keys),
        "REQUESTS_CA_BUNDLE": "/nowhere.pem",
        "CURL_CA_BUNDLE": "/nowhere.pem",
    }
    endpoints = (f"{receiver.http_endpoint}/v1/traces", receiver.grpc_endpoint, str(ours))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *endpoints],
        env={**os.environ, **hostile},
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert (done.stdout.split(), done.stderr) == (["sent", "sent"], "")
    headers = [request.headers["authorization"] for request in receiver.requests]
    assert headers == ["Bearer mine", "Bearer mine"]
    assert not keys.exists()


NO_DESCRIPTORS = """
import resource, sys
from testpilot_obs.config import OtlpSettings
from testpilot_obs.exporters import OtlpGrpcExporter, OtlpHttpExporter
from tests.exporters.servers import BATCH
http, grpc = sys.argv[1:]
exporters = (
    OtlpHttpExporter(OtlpSettings(http), "traces"),
    OtlpGrpcExporter(OtlpSettings(grpc, protocol="grpc"), "traces"),
)
taken = []
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
try:
    while True:
        taken.append(open("/dev/null"))
except OSError:
    pass
print(exporters[0].export(BATCH, timeout_s=5).reason)
for one in taken:
    one.close()
for exporter in exporters:
    print(exporter.export(BATCH, timeout_s=10).verdict.value)
    exporter.close()
"""


@pytest.mark.needs("resource")
def test_記述子が尽きても失われない(pytestconfig):
    """With no file descriptor left the batch is tried again, and accepted once there is one."""
    with OtlpReceiver() as receiver:
        endpoints = (f"{receiver.http_endpoint}/v1/traces", receiver.grpc_endpoint)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", NO_DESCRIPTORS, *endpoints],
            cwd=pytestconfig.rootpath,
            capture_output=True,
            text=True,
            timeout=50,
        )

    assert (done.stdout.split(), done.stderr) == (["too_many_open_files", "sent", "sent"], "")
