"""OTLP over gRPC, to a real server."""

import os
import ssl
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import trustme

from testpilot_obs.config import OtlpSettings
from testpilot_obs.errors import ConfigError
from testpilot_obs.exporters import OtlpGrpcExporter
from testpilot_obs.exporters._otlp_grpc import retry_delay_s
from testpilot_obs.protocols import SENT, Verdict
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.exporters.builders import Batch, Span
from tests.exporters.servers import BATCH, RawServer, closed_port
from tests.exporters.test_otlp_http import RECORDS

CODES = grpc.StatusCode
UNLIMITED = ("grpc.max_send_message_length", -1)
RETRIED = ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"]
REFUSED = [
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAUTHENTICATED",
]


@pytest.fixture
def receiver():
    """Return a running receiver."""
    with OtlpReceiver() as running:
        yield running


def export(endpoint, *, batch=BATCH, signal="traces", timeout_s=5.0, **settings):
    """Return the outcome of one export."""
    made = OtlpSettings(endpoint=endpoint, protocol="grpc", **settings)
    exporter = OtlpGrpcExporter(made, signal)
    try:
        return exporter.export(batch, timeout_s=timeout_s)
    finally:
        exporter.close()


@pytest.mark.parametrize("signal", RECORDS)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_どの信号もどの圧縮でも届く(receiver, signal, compression):
    """Each signal arrives at its service, compressed or not, with the headers as metadata."""
    outcome = export(
        receiver.grpc_endpoint,
        batch=Batch(RECORDS[signal], signal=signal),
        signal=signal,
        compression=compression,
        headers={"X-Tenant": "a"},
    )
    received = {"traces": receiver.spans, "logs": receiver.logs, "metrics": receiver.metrics}

    assert outcome == SENT
    assert len(received[signal]) == 1
    assert receiver.requests[0].headers["x-tenant"] == "a"


@pytest.mark.parametrize("code", RETRIED)
def test_一時の不調はやり直しになる(receiver, code):
    """The codes that OTLP calls retryable are tried again."""
    receiver.answer_grpc(CODES[code])
    outcome = export(receiver.grpc_endpoint)

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, f"grpc_{code.lower()}")
    assert outcome.retry_after_s is None


@pytest.mark.parametrize("code", REFUSED)
def test_他の番号は断りになる(receiver, code):
    """All other codes mean no, RESOURCE_EXHAUSTED without RetryInfo among them."""
    receiver.answer_grpc(CODES[code], "because")
    outcome = export(receiver.grpc_endpoint)

    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, f"grpc_{code.lower()}")
    assert "because" in outcome.message


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_待つように言われた時間は守られる(receiver, code):
    """RetryInfo says how long to wait, and makes RESOURCE_EXHAUSTED retryable."""
    receiver.answer_grpc(CODES[code], retry_delay_s=1.25)
    outcome = export(receiver.grpc_endpoint)

    assert (outcome.verdict, outcome.retry_after_s) == (Verdict.RETRY, 1.25)


@pytest.mark.parametrize(
    "details", [b"\xff\xff", b"\x18\x01", b"\x1a\x00", b"\x1a\x02\x08\x01", b"", "text"]
)
def test_読めない指示はないのと同じ(details):
    """Status details that cannot be read say nothing."""
    assert retry_delay_s([("other", "x"), ("grpc-status-details-bin", details)]) is None


def test_大きすぎる束は分けられる(receiver):
    """A message beyond the server's limit (4 MB by default) is to be split."""
    batch = Batch(*[Span(attrs={"big": os.urandom(60_000)}) for _ in range(100)])

    assert export(receiver.grpc_endpoint, batch=batch).verdict is Verdict.TOO_LARGE


class Replies:
    """Answers every call with a message of so many bytes; counts them."""

    def __init__(self, size_bytes, compression=None, port=0):
        self.calls = 0
        self._body = bytes(size_bytes)
        self._compression = compression
        self._server = grpc.server(ThreadPoolExecutor(2), options=[UNLIMITED])
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        generic = grpc.method_handlers_generic_handler(service, {"Export": handler})
        self._server.add_generic_rpc_handlers((generic,))
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"

    def _export(self, _data, context):
        self.calls += 1
        if self._compression is not None:
            context.set_compression(self._compression)
        return self._body

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *exception):
        self._server.stop(None).wait()


@pytest.mark.parametrize("ours", ["none", "gzip"])
@pytest.mark.parametrize("theirs", [None, grpc.Compression.Gzip])
def test_大きすぎる返答で束は分けられない(ours, theirs):
    """A reply beyond 4 MB, packed or not, is not read; the batch was accepted and is not split."""
    with Replies(64 << 20, theirs) as server:
        assert export(server.endpoint, compression=ours, timeout_s=20) == SENT
        assert server.calls == 1


def test_秘密は繰り返されても出てこない(receiver):
    """Metadata values are in no message, even if echoed; the remedy is."""
    receiver.answer_grpc(CODES.UNAUTHENTICATED, "bad token s3cret")
    outcome = export(receiver.grpc_endpoint, headers={"authorization": "Bearer s3cret"})

    assert "s3cret" not in outcome.message
    assert "OTEL_EXPORTER_OTLP_HEADERS" in outcome.message


def test_誰も聞いていなければやり直しになる():
    """A port without a listener is tried again, within the time limit."""
    outcome = export(f"http://127.0.0.1:{closed_port()}")

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "grpc_unavailable")


def test_戻った相手には次の試みで届く():
    """The first try after a receiver is back reaches it, however many failed before."""
    port = closed_port()
    settings = OtlpSettings(endpoint=f"http://127.0.0.1:{port}", protocol="grpc")
    exporter = OtlpGrpcExporter(settings, "traces")
    failed = [exporter.export(BATCH, timeout_s=5.0).verdict for _ in range(3)]
    with Replies(0, port=port):
        outcome = exporter.export(BATCH, timeout_s=5.0)
    exporter.close()

    assert failed == [Verdict.RETRY] * 3
    assert outcome == SENT


def test_答えない相手も期限で終わる():
    """A server that accepts and stays silent does not hold us."""
    with RawServer(lambda *_: threading.Event().wait(20)) as server:
        outcome = export(server.url.removesuffix("/v1/traces"), timeout_s=0.3)

    assert outcome.verdict is Verdict.RETRY


def test_送れない見出しでも例外にはならない(receiver):
    """Metadata that grpc does not take is told, not raised."""
    outcome = export(receiver.grpc_endpoint, headers={"bad name": "s3cret"})

    assert outcome.verdict is Verdict.REFUSED
    assert "s3cret" not in outcome.message


def test_断りなく閉じられた通路は開き直される(receiver):
    """A channel that was closed under us costs one try."""
    exporter = OtlpGrpcExporter(OtlpSettings(receiver.grpc_endpoint, protocol="grpc"), "traces")
    exporter.export(BATCH, timeout_s=5)
    exporter._channel.close()
    outcomes = [exporter.export(BATCH, timeout_s=5) for _ in range(2)]
    exporter.close()

    assert [outcome.verdict for outcome in outcomes] == [Verdict.RETRY, Verdict.SENT]


def test_閉じてからも送れば新しく繋がる(receiver):
    """Closing gives the channel back; the exporter itself stays usable."""
    exporter = OtlpGrpcExporter(OtlpSettings(receiver.grpc_endpoint, protocol="grpc"), "traces")
    exporter.export(BATCH, timeout_s=5)
    exporter.close()

    assert exporter.export(BATCH, timeout_s=5) == SENT
    exporter.close()


@pytest.mark.parametrize("mutual", [False, True])
def test_暗号でも互いの名乗りでも届く(tmp_path, mutual):
    """TLS with a named authority works, and so does mutual TLS."""
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    client = authority.issue_cert("client@example.org")
    files = {"certificate": authority.cert_pem}
    if mutual:
        files["client_key"] = client.private_key_pem
        files["client_certificate"] = client.cert_chain_pems[0]
    for name, content in files.items():
        content.write_to_path(str(tmp_path / name))
    credentials = grpc.ssl_server_credentials(
        [(server.private_key_pem.bytes(), server.cert_chain_pems[0].bytes())],
        authority.cert_pem.bytes(),
        require_client_auth=mutual,
    )
    with OtlpReceiver(grpc_credentials=credentials) as receiver:
        settings = {name: str(tmp_path / name) for name in files}

        assert export(receiver.grpc_endpoint, **settings) == SENT


def test_gRPCでも古い暗号だけの相手とは話さない(tmp_path):
    """TLS 1.1 and older are refused over gRPC too: the handshake does not come to its end."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    shaken = []
    is_over = threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    def serve(connection, _number):
        try:
            shaken.append(context.wrap_socket(connection, server_side=True).version())
        except OSError:
            shaken.append("refused")
        is_over.set()

    with RawServer(serve) as server:
        endpoint = server.url.removesuffix("/v1/traces").replace("http:", "https:")
        outcome = export(endpoint, certificate=str(tmp_path / "ca.pem"), timeout_s=2)

        is_over.wait(10)

    assert outcome.verdict is Verdict.RETRY
    assert set(shaken) == {"refused"}


@pytest.mark.parametrize("setting", ["certificate", "client_key", "client_certificate"])
def test_読めない証明書はすぐに断られる(tmp_path, setting):
    """A file that cannot be read is the user's mistake, told at once."""
    with pytest.raises(ConfigError, match=f"OTEL_EXPORTER_OTLP_{setting.upper()}"):
        export("https://localhost:1", **{setting: str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("endpoint", "insecure", "target", "is_tls"),
    [
        ("http://host:4317", True, "host:4317", False),
        ("https://host:4317", False, "host:4317", True),
        ("https://user:hush@host", False, "host:443", True),
        ("http://[::1]", True, "[::1]:80", False),
        ("http://[::1]:4317", True, "[::1]:4317", False),
        ("unix:/run/otel.sock", True, "unix:/run/otel.sock", False),
        ("dns:host:4317", False, "dns:host:4317", True),
    ],
)
def test_送り先の書き方はどれも分かる(endpoint, insecure, target, is_tls):
    """Each way to write an endpoint gives grpc's name for it, and TLS or not."""
    settings = OtlpSettings(endpoint, protocol="grpc", insecure=insecure)
    exporter = OtlpGrpcExporter(settings, "traces")

    assert exporter._target == target
    assert (exporter._credentials is not None) is is_tls


FORK = """
import os, sys
from testpilot_obs.config import OtlpSettings
from testpilot_obs.exporters import OtlpGrpcExporter
from testpilot_obs.protocols import SENT
from tests.exporters.servers import BATCH
exporter = OtlpGrpcExporter(OtlpSettings(sys.argv[1], protocol="grpc"), "traces")
assert exporter.export(BATCH, timeout_s=5) == SENT
child = os.fork()
if child == 0:
    exporter.after_fork()
    os._exit(0 if exporter.export(BATCH, timeout_s=5) == SENT else 1)
assert os.waitpid(child, 0)[1] == 0
assert exporter.export(BATCH, timeout_s=5) == SENT
exporter.close()
"""


@pytest.mark.needs("fork")
def test_分かれた子も親も送り続ける(receiver, pytestconfig):
    """Parent and forked child both go on sending, each on its own channel."""
    result = subprocess.run(
        [sys.executable, "-Wignore::DeprecationWarning", "-c", FORK, receiver.grpc_endpoint],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert len(receiver.spans) == 3


def test_頼まれるまで読み込まれない(pytestconfig):
    """Who does not ask for gRPC does not pay for it."""
    program = "import sys, testpilot_obs.exporters; sys.exit('grpc' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], timeout=50, check=False)

    assert result.returncode == 0


FIRST_EXPORT = """
import sys
from testpilot_obs.config import OtlpSettings
from testpilot_obs.exporters import OtlpGrpcExporter
from tests.exporters.servers import BATCH

exporter = OtlpGrpcExporter(OtlpSettings("http://127.0.0.1:9", protocol="grpc"), "traces")
before = {name for name in sys.modules if name.startswith("grpc")}
exporter.export(BATCH, timeout_s=0.1)
sys.exit(sorted({name for name in sys.modules if name.startswith("grpc")} - before) or 0)
"""


def test_最初の送信では何も読み込まれない(pytestconfig):
    """All of grpc is there after `init`: importing beside the application would hold it up."""
    result = subprocess.run(
        [sys.executable, "-c", FIRST_EXPORT],
        cwd=pytestconfig.rootpath,
        stderr=subprocess.PIPE,
        text=True,
        timeout=50,
        check=False,
    )

    assert (result.returncode, result.stderr) == (0, "")
