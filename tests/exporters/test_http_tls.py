"""OTLP over HTTPS: whom we trust, who we are, and what is said when it fails."""

import datetime
import os
import ssl
import warnings

import pytest
import trustme

from testpilot_obs import exporters
from testpilot_obs.config import OtlpSettings, load
from testpilot_obs.errors import ConfigError
from testpilot_obs.exporters import OtlpHttpExporter
from testpilot_obs.protocols import SENT, Verdict
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.exporters.servers import BATCH, RawServer, export_once, exporting_to, reset

DAY = datetime.timedelta(days=1)
YESTERDAY = datetime.datetime.now(datetime.timezone.utc) - DAY
TOMORROW = YESTERDAY + 2 * DAY


class Files:
    """An authority, and certificates that it has signed, as files."""

    def __init__(self, folder):
        self.authority = trustme.CA()
        self.client = self.authority.issue_cert("client@example.org")
        self.certificate = str(folder / "ca.pem")
        self.client_key = str(folder / "client.key")
        self.client_certificate = str(folder / "client.pem")
        self.authority.cert_pem.write_to_path(self.certificate)
        self.client.private_key_pem.write_to_path(self.client_key)
        self.client.cert_chain_pems[0].write_to_path(self.client_certificate)

    def server_context(self, *names, **validity):
        """Return the context of a server with these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(*(names or ("127.0.0.1",)), **validity).configure_cert(context)
        return context

    def self_signed_context(self):
        """Return the context of a server that shows the authority's own certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with self.authority.private_key_pem.tempfile() as key:
            context.load_cert_chain(self.certificate, key)
        return context


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return certificates that last for this file's tests."""
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def receiver(files):
    """Return a running receiver with a certificate."""
    with OtlpReceiver(tls=files.server_context()) as running:
        yield running


def url_of(receiver):
    """Return the URL for spans."""
    return f"{receiver.http_endpoint}/v1/traces"


def test_信じる権威の署名があれば届く(receiver, files):
    """A server whose certificate the named authority signed is talked to, on one connection."""
    with exporting_to(url_of(receiver), certificate=files.certificate) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=5) for _ in range(3)]

    assert outcomes == [SENT] * 3


def test_知らない権威は信じられない(receiver):
    """Without its authority the server is not trusted, and the setting to look at is named."""
    outcome = export_once(url_of(receiver))

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "tls")
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in outcome.message
    assert receiver.requests == []


def test_名前の違う証明書は信じられない(files):
    """A certificate for another name is not trusted."""
    with OtlpReceiver(tls=files.server_context("other.example")) as receiver:
        outcome = export_once(url_of(receiver), certificate=files.certificate)

    assert outcome.reason == "tls"
    assert "for another host" in outcome.message


def test_期限の切れた証明書は信じられない(files):
    """An expired certificate is not trusted, and it is said that it has to be renewed."""
    with OtlpReceiver(tls=files.server_context(not_after=YESTERDAY)) as receiver:
        outcome = export_once(url_of(receiver), certificate=files.certificate)

    assert outcome.reason == "tls"
    assert "has expired" in outcome.message


def test_まだ始まっていない証明書は信じられない(files):
    """A certificate of tomorrow is not trusted; the clock may be what is wrong."""
    with OtlpReceiver(tls=files.server_context(not_before=TOMORROW)) as receiver:
        outcome = export_once(url_of(receiver), certificate=files.certificate)

    assert "the clock of this machine" in outcome.message


def test_自分で署名した証明書は信じられない(files):
    """A self-signed certificate that nobody vouches for is told as such."""
    with OtlpReceiver(tls=files.self_signed_context()) as receiver:
        outcome = export_once(url_of(receiver))

    assert "self-signed" in outcome.message
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in outcome.message


def test_古い暗号だけの相手とは話さない(files):
    """TLS 1.1 and older are refused, and that is the reason given."""
    context = files.server_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with OtlpReceiver(tls=context) as receiver:
        outcome = export_once(url_of(receiver), certificate=files.certificate)

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "tls")
    assert "TLS 1.2" in outcome.message


def test_互いに名乗れば届く(files):
    """A server that wants a certificate of ours gets it."""
    context = files.server_context()
    files.authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = {"client_key": files.client_key, "client_certificate": files.client_certificate}
    with OtlpReceiver(tls=context) as receiver:
        named = export_once(url_of(receiver), certificate=files.certificate, **ours)
        nameless = export_once(url_of(receiver), certificate=files.certificate)

    assert named == SENT
    assert nameless.verdict is Verdict.RETRY
    assert nameless.reason in {"tls", "connection_reset", "connection_closed"}
    assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in nameless.message


def test_暗号を話さない相手にはそう言われる(files):
    """A server that does not speak TLS is told as such, not as a timeout."""
    with RawServer(lambda connection, _: connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")) as server:
        outcome = export_once(server.url.replace("http:", "https:"), certificate=files.certificate)

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "tls")
    assert "does not speak TLS" in outcome.message


def test_暗号の挨拶が終わらなくても期限で終わる(files):
    """A server that accepts and stays silent during the handshake does not hold us."""
    with RawServer(lambda connection, _: connection.recv(1 << 20) and connection.recv(1)) as server:
        outcome = export_once(
            server.url.replace("http:", "https:"), certificate=files.certificate, timeout_s=0.3
        )

    assert outcome.reason == "timeout"


@pytest.mark.parametrize("hang_up", [reset, lambda secured: secured.close()])
def test_挨拶の後で切られたら証明書のことも言われる(files, hang_up):
    """A server that hangs up right after the handshake may miss a certificate of ours."""

    def serve(connection, _number):
        secured = files.server_context().wrap_socket(connection, server_side=True)
        secured.recv(1)
        hang_up(secured)

    with RawServer(serve) as server:
        outcome = export_once(server.url.replace("http:", "https:"), certificate=files.certificate)

    assert outcome.verdict is Verdict.RETRY
    assert "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in outcome.message


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("certificate", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
        ("client_certificate", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    ],
)
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_読めない証明書はすぐに断られる(tmp_path, setting, name, content):
    """A file that is missing, or holds no certificate, is the user's mistake, told at once."""
    path = tmp_path / "x.pem"
    if content is not None:
        path.write_text(content)
    settings = OtlpSettings("https://127.0.0.1:1/v1/traces", **{setting: str(path)})

    with pytest.raises(ConfigError, match=name):
        OtlpHttpExporter(settings, "traces")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("scope", ["", "TRACES_"])
def test_読めない証明書はどこで設定されたかも言われる(tmp_path, protocol, scope):
    """The message has the name that was set, and where: here a variable of the environment."""
    variable = f"OTEL_EXPORTER_OTLP_{scope}CERTIFICATE"
    environ = {
        variable: str(tmp_path / "none.pem"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
    }
    config = load({}, environ=environ, cwd=tmp_path)

    with pytest.raises(ConfigError, match=rf" {variable} = .*\(from environment\)"):
        exporters.open("otlp", config, "traces")


def test_引数の証明書は引数の名で言われる(tmp_path):
    """An argument is called what the user called it."""
    given = {"otlp_certificate": str(tmp_path / "no.pem"), "otlp_endpoint": "https://collector"}
    config = load(given, environ={}, cwd=tmp_path)

    with pytest.raises(ConfigError, match=r" otlp_certificate = .*\(from argument\)"):
        exporters.open("otlp", config, "logs")


@pytest.mark.needs("fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_子が離れても親の接続は生きている(receiver, files):
    """A forked child forgets the parent's TLS connection, sends on its own, and hurts nobody."""
    with exporting_to(url_of(receiver), certificate=files.certificate) as exporter:
        exporter.export(BATCH, timeout_s=5)
        child = os.fork()
        if child == 0:
            exporter.after_fork()
            os._exit(0 if exporter.export(BATCH, timeout_s=5) == SENT else 1)
        _, status = os.waitpid(child, 0)
        after = exporter.export(BATCH, timeout_s=5)

    assert (os.waitstatus_to_exitcode(status), after) == (0, SENT)
    assert len(receiver.spans) == 3
