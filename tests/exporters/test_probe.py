"""The probe of a destination: each step, and plain words for each way in which it can fail."""

import contextlib
import datetime
import socket
import ssl
import threading

import grpc
import hypothesis
import pytest
import trustme
from hypothesis import strategies

from testpilot_obs._core import clock
from testpilot_obs.config import load
from testpilot_obs.exporters import _place, _probe_records, probe
from testpilot_obs.exporters._certificate import parse
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.exporters.builders import REQUESTS
from tests.exporters.servers import RawServer, answering, closed_port

LONG_S = 20.0
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)
SIGNALS = ("traces", "logs", "metrics")


@pytest.fixture(scope="module")
def authority():
    """Return an authority."""
    return trustme.CA(organization_name="Harbour Trust")


@pytest.fixture(scope="module")
def trusted(authority, tmp_path_factory):
    """Return the file of the authority's certificate."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def shown(authority):
    """Return the bytes of a certificate."""
    pem = authority.issue_cert("127.0.0.1").cert_chain_pems[0].bytes().decode()
    return ssl.PEM_cert_to_DER_cert(pem)


@pytest.fixture
def receiver():
    """Return a running receiver without TLS."""
    with OtlpReceiver() as running:
        yield running


def server_context(authority, *names, **validity):
    """Return the context of a server whose certificate *authority* has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1",)), **validity).configure_cert(context)
    return context


def own_context(authority, trusted):
    """Return the context of a server that shows a self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.private_key_pem.tempfile() as key:
        context.load_cert_chain(trusted, key)
    return context


def reach(endpoint, *, timeout_s=LONG_S, **settings):
    """Return the steps to *endpoint*, by name."""
    config = load({"otlp_endpoint": endpoint, **settings}, environ={})
    deadline = clock.monotonic() + timeout_s
    return {step.name: step for step in probe.reach(config, "traces", deadline=deadline)}


def send(signal="traces", *, timeout_s=LONG_S, **settings):
    """Return the step that sends a record of *signal*."""
    config = load(settings, environ={})
    deadline = clock.monotonic() + timeout_s
    return probe.send(config, signal, resource={"service.name": "shop"}, deadline=deadline)


def secure(receiver):
    """Return the receiver's endpoint with https."""
    return receiver.http_endpoint.replace("http:", "https:")


def test_健康な相手への歩みはどれも良い(receiver):
    """Name, connection and one record of each signal, in order."""
    steps = reach(receiver.http_endpoint)
    sent = [send(signal, otlp_endpoint=receiver.http_endpoint) for signal in SIGNALS]

    assert {name: step.status for name, step in steps.items()} == {"name": "ok", "connect": "ok"}
    assert [(step.name, step.status) for step in sent] == [
        ("span", "ok"),
        ("log", "ok"),
        ("metric", "ok"),
    ]


def test_送られるのは印の付いた試しである(receiver):
    """What arrives says of itself that it is a test, and whose."""
    for signal in SIGNALS:
        send(signal, otlp_endpoint=receiver.http_endpoint)

    assert receiver.spans[0].name == "testpilot_obs.doctor"
    assert receiver.spans[0].attributes == {"testpilot_obs.test": True}
    assert receiver.spans[0].resource == {"service.name": "shop"}
    assert receiver.logs[0].record.body.string_value == "testpilot_obs.doctor"
    assert receiver.metrics[0].name == "testpilot_obs.doctor"


@pytest.mark.parametrize("signal", SIGNALS)
def test_試しの束は正しい依頼である(signal):
    """The request of a test record is one that the official messages read."""
    message = REQUESTS[signal].FromString(_probe_records.ProbeBatch(signal, {}).otlp())

    assert message.ByteSize() > 0


def test_gRPCでも届く(receiver):
    """The same over gRPC."""
    settings = {"otlp_endpoint": receiver.grpc_endpoint, "otlp_protocol": "grpc"}

    assert {step.status for step in reach(receiver.grpc_endpoint).values()} == {"ok"}
    assert send(**settings).status == "ok"


def test_誰も聞いていない(receiver):
    """Nobody listens: that is the last step, with what to look at."""
    steps = reach(f"http://127.0.0.1:{closed_port()}")

    assert steps["connect"].status == "failed"
    assert steps["connect"].facts["reason"] == "connection_refused"
    assert "4317" in steps["connect"].remedy


def test_名前が引けない():
    """A name that does not exist is the first step and the last."""
    steps = reach("http://nowhere.invalid:4318")

    assert list(steps) == ["name"]
    assert (steps["name"].status, steps["name"].facts["reason"]) == ("failed", "dns")


def test_暗号の歩みは証明書について語る(authority, trusted):
    """Version, names, issuer and days left of a certificate that is trusted."""
    context = server_context(authority, "127.0.0.1", "localhost", not_after=NOW + 90 * DAY)
    with OtlpReceiver(tls=context) as receiver:
        step = reach(secure(receiver), otlp_certificate=trusted)["tls"]

    assert step.status == "ok"
    assert step.facts["version"] == "TLSv1.3"
    assert step.facts["names"] == ["127.0.0.1", "localhost"]
    assert step.facts["issuer"] == "Harbour Trust"
    assert step.facts["days_left"] in {89, 90}


def test_もうすぐ終わる証明書は警告になる(authority, trusted):
    """Less than 14 days are a warning."""
    with OtlpReceiver(tls=server_context(authority, not_after=NOW + 3 * DAY)) as receiver:
        step = reach(secure(receiver), otlp_certificate=trusted)["tls"]

    assert step.status == "warning"
    assert "ends in 2 days" in step.message or "ends in 3 days" in step.message


def test_期限の切れた証明書(authority, trusted):
    """An expired certificate: since when, and whose."""
    with OtlpReceiver(tls=server_context(authority, not_after=NOW - 5 * DAY)) as receiver:
        step = reach(secure(receiver), otlp_certificate=trusted)["tls"]

    assert (step.status, step.facts["reason"]) == ("failed", "certificate")
    assert "has expired" in step.message
    assert step.facts["days_left"] < -4


def test_よその名の証明書(authority, trusted):
    """A certificate for another host: which hosts it is for."""
    with OtlpReceiver(tls=server_context(authority, "other.example")) as receiver:
        step = reach(secure(receiver), otlp_certificate=trusted)["tls"]

    assert "for another host" in step.message
    assert "other.example" in step.message


def test_知らない権威の証明書(authority):
    """An unknown authority: its name, and the setting for its file."""
    with OtlpReceiver(tls=server_context(authority)) as receiver:
        step = reach(secure(receiver))["tls"]

    assert step.status == "failed"
    assert "Harbour Trust" in step.message
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in step.message


def test_自分で署名した証明書(authority, trusted):
    """A self-signed certificate is told as such."""
    with OtlpReceiver(tls=own_context(authority, trusted)) as receiver:
        assert "self-signed" in reach(secure(receiver))["tls"].message


def test_自分の証明書の期限も見られる(authority, trusted, tmp_path):
    """Our own certificate, for mutual TLS, is warned about too."""
    client = authority.issue_cert("me@example.org", not_after=NOW + 2 * DAY)
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "me.pem"))
    client.private_key_pem.write_to_path(str(tmp_path / "me.key"))
    files = {
        "otlp_certificate": trusted,
        "otlp_client_certificate": str(tmp_path / "me.pem"),
        "otlp_client_key": str(tmp_path / "me.key"),
    }
    with OtlpReceiver(tls=server_context(authority)) as receiver:
        step = reach(secure(receiver), **files)["tls"]

    assert step.status == "warning"
    assert "our own certificate" in step.message


def test_暗号を話さない口に暗号で話しかけた(receiver):
    """https:// to a port without TLS."""
    step = reach(secure(receiver))["tls"]

    assert step.status == "failed"
    assert "http://" in step.remedy


def test_暗号の口に平文で話しかけた(authority):
    """http:// to a port with TLS."""
    with OtlpReceiver(tls=server_context(authority)) as receiver:
        step = send(otlp_endpoint=receiver.http_endpoint.replace("https:", "http:"))

    assert step.status == "failed"
    assert "https://" in step.remedy


def test_暗号の中のgRPCの口にHTTPで話しかけた(authority, trusted):
    """A port for gRPC within TLS is spoken to in HTTP."""
    issued = authority.issue_cert("localhost")
    pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
    with OtlpReceiver(grpc_credentials=grpc.ssl_server_credentials([pair])) as receiver:
        there = {"otlp_endpoint": receiver.grpc_endpoint, "otlp_certificate": trusted}
        wrong, right = send(**there), send(**there, otlp_protocol="grpc")
        steps = reach(receiver.grpc_endpoint, otlp_certificate=trusted, otlp_protocol="grpc")

    assert "OTEL_EXPORTER_OTLP_PROTOCOL=grpc" in wrong.remedy
    assert (steps["tls"].status, right.status) == ("ok", "ok")


def test_挨拶の途中で切られる(trusted):
    """A server that hangs up during the handshake is told as such."""
    with RawServer(lambda connection, _: connection.recv(1)) as server:
        endpoint = server.url.removesuffix("/v1/traces").replace("http:", "https:")
        step = reach(endpoint, otlp_certificate=trusted)["tls"]

    assert step.status == "failed"
    assert step.message


def test_gRPCの口にHTTPで話しかけた(receiver):
    """HTTP to a port for gRPC."""
    step = send(otlp_endpoint=receiver.grpc_endpoint)

    assert step.status == "failed"
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=grpc" in step.remedy


def test_HTTPの口にgRPCで話しかけた(receiver):
    """A port for HTTP is spoken to in gRPC."""
    step = send(otlp_endpoint=receiver.http_endpoint, otlp_protocol="grpc")

    assert step.status == "failed"
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in step.remedy


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "OTEL_EXPORTER_OTLP_HEADERS"),
        (403, "OTEL_EXPORTER_OTLP_HEADERS"),
        (405, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (415, "protobuf"),
        (503, "503"),
    ],
)
def test_断りの理由と処方が語られる(receiver, status, words):
    """The status and what to do about it."""
    receiver.answer(status)
    step = send(otlp_endpoint=receiver.http_endpoint, otlp_headers={"api-key": "s3cret"})

    assert step.status == "failed"
    assert words in step.message
    assert step.facts["reason"] == f"http_{status}"
    assert "s3cret" not in repr(step)


def test_転送の先が語られる(receiver):
    """A redirect: where to."""
    receiver.answer(301, {"Location": "https://elsewhere.example/v1/traces"})
    step = send(otlp_endpoint=receiver.http_endpoint)

    assert step.status == "failed"
    assert "https://elsewhere.example/v1/traces" in step.message


@pytest.mark.parametrize(
    ("setting", "path", "words"),
    [
        ("otlp_traces_endpoint", "", "end in /v1/traces"),
        ("otlp_endpoint", "/v1/traces", "that is added"),
    ],
)
def test_道の間違いは当てられる(setting, path, words):
    """404, because /v1/traces is missing or there twice."""
    with RawServer(answering(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")) as server:
        endpoint = server.url.removesuffix("/v1/traces") + path
        step = send(**{setting: endpoint})

    assert words in step.remedy


def test_gRPCの断りも語られる(receiver):
    """The status of gRPC and what to do about it."""
    receiver.answer_grpc(grpc.StatusCode.UNAUTHENTICATED, "who are you")
    step = send(otlp_endpoint=receiver.grpc_endpoint, otlp_protocol="grpc")

    assert step.status == "failed"
    assert "UNAUTHENTICATED" in step.message
    assert "OTEL_EXPORTER_OTLP_HEADERS" in step.message


def test_一部の拒否は失敗である(receiver):
    """A record that is refused in an answer of 200 did not arrive."""
    receiver.answer(200, body=b"\x0a\x07\x08\x01\x12\x03old")
    step = send(otlp_endpoint=receiver.http_endpoint)

    assert step.status == "failed"
    assert "old" in step.message


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_黙る相手も期限で終わる(protocol):
    """A server that accepts and never answers costs the time that was given, not more."""
    began = clock.monotonic()
    with RawServer(lambda *_: threading.Event().wait(LONG_S)) as server:
        endpoint = server.url.removesuffix("/v1/traces")
        step = send(otlp_endpoint=endpoint, otlp_protocol=protocol, timeout_s=1.0)

    assert step.status == "failed"
    assert clock.monotonic() - began < LONG_S / 2


def test_読めない証明書の場所が語られる(tmp_path):
    """A file that cannot be read: which setting, where it was set."""
    missing = str(tmp_path / "none.pem")
    step = send(otlp_endpoint="https://127.0.0.1:1", otlp_certificate=missing)

    assert step.status == "failed"
    assert "otlp_certificate" in step.message
    assert "argument" in step.message


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")
def test_ファイルの口にも繋いでみる(tmp_path):
    """A Unix socket is connected to by its path."""
    path = tmp_path / "s"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))
        server.listen()
        there = reach(f"unix:{path}", otlp_protocol="grpc", otlp_insecure=True)
    path.unlink()
    gone = reach(f"unix:{path}", otlp_protocol="grpc", otlp_insecure=True)

    assert (there["connect"].status, gone["connect"].status) == ("ok", "failed")


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("dns:collector:4317", ("collector", 4317)),
        ("dns:///collector:4317", ("collector", 4317)),
        ("ipv4:10.0.0.1:4317,10.0.0.2:4317", ("10.0.0.1", 4317)),
        ("ipv6:[fd00::1]:4317", ("fd00::1", 4317)),
        ("https://collector", ("collector", 443)),
        ("xds:///collector", None),
    ],
)
def test_送り先はどう書かれても見つかる(endpoint, expected):
    """Host and port of an endpoint, in each way that gRPC knows to write it."""
    settings = load({"otlp_endpoint": endpoint, "otlp_protocol": "grpc"}, environ={})
    place = _place.of(settings.otlp("traces"))

    assert (place and (place.host, place.port)) == expected


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x82\xff\xff\x00", b"\x30\x03\x30\x01\x00"])
def test_証明書でないものは誤りである(der):
    """What is no certificate is a ValueError, not a crash."""
    with pytest.raises(ValueError, match=r"certificate|unpack"):
        parse(der)


@hypothesis.given(strategies.data())
def test_壊された証明書も誤りで済む(shown, data):
    """A certificate with a changed byte, or cut off, is read or is a ValueError."""
    der = bytearray(shown)
    der[data.draw(strategies.integers(0, 200))] = data.draw(strategies.integers(0, 255))
    cut = bytes(der[: data.draw(strategies.integers(0, len(der)))])
    try:
        read = parse(cut)
    except ValueError:
        read = None
    assert read is None or (isinstance(read.subject, str) and read.begins.tzinfo is not None)
