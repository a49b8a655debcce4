"""OTLP over HTTP to a receiver that is well: what is sent, and what each answer means."""

import datetime
import gzip
import zlib
from email.utils import format_datetime

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from testpilot_obs._core import clock
from testpilot_obs.config import OtlpSettings
from testpilot_obs.errors import ConfigError
from testpilot_obs.exporters import OtlpHttpExporter
from testpilot_obs.protocols import SENT, LogRecord, MetricFamily, MetricKind, Point, Verdict
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.exporters.builders import Batch, Span
from tests.exporters.servers import (
    BATCH,
    OK,
    RawServer,
    answering,
    export_once,
    exporting_to,
    read_request,
)

NOW_S = 1_700_000_000
TOO_FAR = b"x" * 1_000


@pytest.fixture
def receiver():
    """Return a running receiver."""
    with OtlpReceiver() as running:
        yield running


@pytest.fixture
def url(receiver):
    """Return its URL for spans."""
    return f"{receiver.http_endpoint}/v1/traces"


RECORDS = {
    "traces": Span(name="n"),
    "logs": LogRecord(1, 9, "INFO", "n", {}, "app"),
    "metrics": MetricFamily("n", MetricKind.GAUGE, "", "", [Point({})], 1),
}


@pytest.mark.parametrize("signal", RECORDS)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_どの信号もどの圧縮でも届く(receiver, signal, compression):
    """Each signal arrives at its path, compressed or not, with its resource."""
    settings = OtlpSettings(f"{receiver.http_endpoint}/v1/{signal}", compression=compression)
    exporter = OtlpHttpExporter(settings, signal)
    outcome = exporter.export(Batch(RECORDS[signal], signal=signal), timeout_s=5)
    exporter.close()
    received = {"traces": receiver.spans, "logs": receiver.logs, "metrics": receiver.metrics}

    assert outcome == SENT
    assert received[signal][0].resource == {"service.name": "shop"}
    assert receiver.requests[0].headers["content-type"] == "application/x-protobuf"
    assert receiver.requests[0].headers.get("content-encoding", "none") == compression


def test_見出しはそのまま送られる(receiver, url):
    """Headers of the settings are sent; those that say how the body is encoded cannot be."""
    headers = {"Authorization": "Bearer t", "x-tenant": "a", "content-type": "text/plain"}
    bad = {"x-bad": "a\r\nx-injected: b", "x-a\r\nx-injected": "b", "transfer-encoding": "chunked"}
    export_once(url, headers={**headers, **bad})

    assert receiver.requests[0].headers["authorization"] == "Bearer t"
    assert receiver.requests[0].headers["x-tenant"] == "a"
    assert receiver.requests[0].headers["content-type"] == "application/x-protobuf"
    assert not {"x-injected", "transfer-encoding"} & set(receiver.requests[0].headers)


def test_接続は使い回される():
    """Three batches take one connection."""
    with RawServer(answering(OK, OK, OK)) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=5) for _ in range(3)]

        assert outcomes == [SENT] * 3
        assert server.accepted == 1


@pytest.mark.parametrize(
    "reply",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
    ids=["connection: close", "HTTP/1.0", "body to the end"],
)
def test_閉じると言われた接続は使われない(reply):
    """A server that ends the connection after its answer gets a new one for the next batch."""
    with RawServer(answering(reply)) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=5) for _ in range(2)]

        assert outcomes == [SENT] * 2
        assert server.accepted == 2


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        (429, Verdict.RETRY, "http_429"),
        (502, Verdict.RETRY, "http_502"),
        (503, Verdict.RETRY, "http_503"),
        (504, Verdict.RETRY, "http_504"),
        (413, Verdict.TOO_LARGE, "too_large"),
        (400, Verdict.REFUSED, "http_400"),
        (401, Verdict.REFUSED, "http_401"),
        (404, Verdict.REFUSED, "http_404"),
        (500, Verdict.REFUSED, "http_500"),
        (301, Verdict.REFUSED, "http_301"),
        (308, Verdict.REFUSED, "http_308"),
        (405, Verdict.REFUSED, "http_405"),
        (415, Verdict.REFUSED, "http_415"),
        (501, Verdict.REFUSED, "http_501"),
    ],
)
def test_返答の番号が運命を決める(receiver, url, status, verdict, reason):
    """Each status means what the OTLP specification says."""
    receiver.answer(status)
    outcome = export_once(url)

    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert str(status) in outcome.message


@pytest.mark.parametrize(
    ("header", "expected_s"),
    [
        ("7", 7.0),
        (format_datetime(datetime.datetime.fromtimestamp(NOW_S + 90, datetime.timezone.utc)), 90.0),
        ("Tue, 14 Nov 2023 22:13:30 -0000", 10.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Mon, 99 Foo 99999 99:99:99 GMT", None),
        ("Mon, 31 Feb 2024 10:00:00 GMT", None),
        ("Tue, 14 Nov 2023 22:13:30 +0900", None),
    ],
)
def test_待つように言われた時間は秒でも日付でも読まれる(receiver, url, header, expected_s):
    """Retry-After is read as seconds or as a date; anything else is ignored."""
    clock.use(time_ns=lambda: NOW_S * 1_000_000_000)
    receiver.answer(503, {"Retry-After": header})

    assert export_once(url).retry_after_s == expected_s


def test_一部の拒否は数と言葉で伝えられる(receiver, url):
    """Partial success is SENT, with the number that was not and the receiver's words."""
    reply = ExportTraceServiceResponse()
    reply.partial_success.rejected_spans = 2
    reply.partial_success.error_message = "too old"
    receiver.answer(200, body=reply.SerializeToString())
    outcome = export_once(url)

    assert (outcome.verdict, outcome.rejected) == (Verdict.SENT, 2)
    assert "too old" in outcome.message


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"{}", b"\x08\x01", b"\x0a\x02\x0a\x00"])
def test_読めない成功の返答は成功のまま(receiver, url, body):
    """Status 200 counts, whatever nonsense stands in the body."""
    receiver.answer(200, body=body)

    assert export_once(url) == SENT


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "OTEL_EXPORTER_OTLP_HEADERS"),
        (403, "OTEL_EXPORTER_OTLP_HEADERS"),
        (404, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (405, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (415, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (302, "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ],
)
def test_断られたらどの設定を見るべきか言われる(receiver, url, status, remedy):
    """A refusal says which setting to look at."""
    receiver.answer(status)

    assert remedy in export_once(url).message


def test_転送には従わず新しい場所が言われる(receiver, url):
    """A redirect is not followed; the message names the place, without its secrets."""
    receiver.answer(301, {"Location": "https://user:hush@elsewhere.example/v1/traces?key=hush"})
    message = export_once(url).message

    assert "https://elsewhere.example/v1/traces" in message
    assert "hush" not in message
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "application/json"])
def test_秘密は受け手が繰り返しても出てこない(receiver, url, content_type):
    """Header values, and user and password of the URL, are in no message, even if echoed."""
    body = b"token Bearer s3cret is bad: s3cret, Basic dXNlcjpodXNo \x1b[31m" + TOO_FAR
    receiver.answer(401, {"content-type": content_type}, body)
    secret_url = url.replace("http://", "http://user:hush@")
    outcome = export_once(secret_url, headers={"api-key": "Bearer s3cret"})

    assert receiver.requests[0].headers["authorization"] == "Basic dXNlcjpodXNo"
    for secret in ("s3cret", "hush", "dXNlcjpodXNo", "\x1b"):
        assert secret not in outcome.message
    assert len(outcome.message) < 700


def test_壊れた圧縮の言葉は黙って捨てられる(receiver, url):
    """Words that cannot be unpacked are left out of the message."""
    receiver.answer(400, {"content-type": "text/plain", "content-encoding": "gzip"}, b"no gzip")

    assert "no gzip" not in export_once(url).message


def test_状態の伝言は読まれる(receiver, url):
    """The message of a google.rpc.Status is passed on."""
    receiver.answer(400, body=b"\x08\x03\x12\x08bad span")

    assert "bad span" in export_once(url).message


@pytest.mark.parametrize("endpoint", ["ftp://host/x", "http://", "nonsense", "http://host:99999/"])
def test_使えない送り先はすぐに断られる(endpoint):
    """An endpoint that cannot be one is the user's mistake, told at once and not repeated."""
    with pytest.raises(ConfigError) as caught:
        OtlpHttpExporter(OtlpSettings(endpoint=endpoint), "traces")

    assert endpoint not in str(caught.value)


def test_圧縮された返答も読まれる():
    """A gzip'd answer is unpacked."""
    body = gzip.compress(b"\x0a\x02\x08\x03")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with RawServer(answering(head + body)) as server:
        assert export_once(server.url).rejected == 3


def test_膨らむ返答は途中までしか開かれない():
    """An answer that would unpack to 64 MB is unpacked to 256 kB at most."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with RawServer(answering(head + bomb)) as server:
        assert export_once(server.url) == SENT


def test_分割された返答も途中の返答も読まれる():
    """Chunks with extensions and trailers, after an interim 100, are one answer; then the next."""
    chunked = (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;x=y\r\n\x0a\x02\r\n2\r\n\x08\x05\r\n0\r\nTrailer: z\r\n\r\n"
    )
    with RawServer(answering(chunked, chunked)) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=5) for _ in range(2)]

        assert [outcome.rejected for outcome in outcomes] == [5, 5]
        assert server.accepted == 1


@pytest.mark.needs("ipv6")
def test_新しい住所でも届く():
    """An IPv6 address works, in brackets in the Host header too."""
    heads = []

    def serve(connection, _number):
        heads.append(read_request(connection)[0])
        connection.sendall(OK)

    with RawServer(serve, host="::1") as server:
        assert export_once(server.url) == SENT
        assert f"Host: {server.url.split('/')[2]}".encode() in heads[0]
