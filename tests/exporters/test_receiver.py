"""The receiver that tests and demonstrations look into."""

import http.client
import threading

import pytest

from testpilot_obs.protocols import SENT
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.exporters.builders import Batch, Span
from tests.exporters.servers import BATCH, export_once

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture
def receiver():
    """Return a running receiver."""
    with OtlpReceiver() as running:
        yield running


def post(receiver, body, headers=PROTOBUF, path="/v1/traces"):
    """Return the status of one plain POST."""
    client = http.client.HTTPConnection(receiver.http_endpoint.removeprefix("http://"), timeout=5)
    client.request("POST", path, body, headers)
    status = client.getresponse().status
    client.close()
    return status


def url_of(receiver):
    """Return the URL for spans."""
    return f"{receiver.http_endpoint}/v1/traces"


def test_届いた記録はそのまま見られる(receiver):
    """What came is there with its attributes as plain values, its resource and its scope."""
    attributes = {"n": 1, "t": ("a", None), "d": {"k": 1.5}, "b": b"x"}
    export_once(url_of(receiver), batch=Batch(Span(name="n", attrs=attributes)))
    (span,) = receiver.spans

    assert (span.name, span.scope.name) == ("n", "tests")
    assert span.attributes == {**attributes, "t": ["a", None]}
    assert span.resource == {"service.name": "shop"}


@pytest.mark.parametrize(
    ("body", "headers", "path", "status"),
    [
        (b"\xff\xff", PROTOBUF, "/v1/traces", 400),
        (b"x", {**PROTOBUF, "Content-Encoding": "gzip"}, "/v1/traces", 400),
        (b"{}", {"Content-Type": "application/json"}, "/v1/traces", 415),
        (b"", PROTOBUF, "/v1/nothing", 404),
        (b"", PROTOBUF, "/", 404),
        (b"", PROTOBUF, "/v1/logs", 200),
    ],
)
def test_でたらめは断られて受け手は無事(receiver, body, headers, path, status):
    """Garbage is refused with the right status, and the receiver goes on."""
    assert post(receiver, body, headers, path) == status
    assert export_once(url_of(receiver)) == SENT


def test_台本どおりに答えてから元に戻る(receiver):
    """Scripted answers are given in order, their records are not kept, then all is well again."""
    receiver.answer(503, {"Retry-After": "1"}, times=2)
    receiver.answer(400, body=b"no")
    reasons = [export_once(url_of(receiver)).reason for _ in range(4)]

    assert reasons == ["http_503", "http_503", "http_400", ""]
    assert (len(receiver.requests), len(receiver.spans)) == (4, 1)


def test_届くまで待てる(receiver):
    """Waiting ends when enough has come, from whatever thread."""
    thread = threading.Thread(target=export_once, args=(url_of(receiver),))
    thread.start()
    receiver.wait_for(spans=1, requests=1)
    thread.join()
    receiver.clear()

    assert receiver.spans == receiver.requests == []


def test_届かなければ何が足りないか言われる(receiver):
    """Waiting in vain says what was wanted and what came."""
    export_once(url_of(receiver), batch=BATCH)

    with pytest.raises(TimeoutError, match=r"'spans': 2.*'spans': 1"):
        receiver.wait_for(spans=2, timeout_s=0.05)


def test_止まれば繋がりも切れる():
    """After the block nobody is listening, and kept connections are closed."""
    with OtlpReceiver() as receiver:
        client = http.client.HTTPConnection(receiver.http_endpoint.removeprefix("http://"))
        client.request("POST", "/v1/traces", b"", PROTOBUF)
        client.getresponse().read()

    assert client.sock.recv(1) == b""
    assert export_once(url_of(receiver)).reason == "connection_refused"
    client.close()
