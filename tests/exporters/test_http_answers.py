"""OTLP over HTTP: what counts as an answer, and when a batch is sent a second time."""

import itertools
import os
import socket
import threading

import pytest

from testpilot_obs._core import clock
from testpilot_obs.protocols import SENT, Verdict
from tests.exporters.builders import Batch, Span
from tests.exporters.servers import (
    BATCH,
    OK,
    RawServer,
    answering,
    export_once,
    exporting_to,
    read_request,
    reset,
)

LONG_S = 20.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
BIG = Batch(*[Span(attrs={"big": os.urandom(40_000)}) for _ in range(400)])


def drip_body(connection, _number):
    """Answer that all is well, and then send one byte of the body now and then, for ever."""
    read_request(connection)
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
    waiting = threading.Event()
    while not waiting.wait(0.02):
        connection.sendall(b"x")


@pytest.mark.parametrize(
    "serve",
    [
        drip_body,
        answering(HEAD + b"Content-Length: 10\r\n\r\nabc"),
        answering(HEAD + b"Content-Length: -1\r\n\r\n"),
        answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
    ],
    ids=["drips", "cut off", "negative length", "no chunk", "cut in a chunk"],
)
def test_受け取ったと言われた束は二度送られない(serve):
    """Once the status has come, a body that breaks changes nothing: it would double the batch."""
    began = clock.monotonic()
    with RawServer(serve) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=LONG_S) for _ in range(2)]

        assert outcomes == [SENT, SENT]
        assert server.accepted == 2
    assert clock.monotonic() - began < LONG_S / 2


def test_断りの言葉が途切れても断りである():
    """A refusal whose words are cut off is a refusal, and is not tried again."""
    with RawServer(answering(b"HTTP/1.1 401 No\r\nContent-Length: 99\r\n\r\nno")) as server:
        assert export_once(server.url).reason == "http_401"


@pytest.mark.parametrize("status", [200, 202, 204])
def test_二百番台はどれも成功である(status):
    """What a receiver has accepted is not counted as lost because it said 202."""
    with RawServer(answering(b"HTTP/1.1 %d Yes\r\nContent-Length: 0\r\n\r\n" % status)) as server:
        assert export_once(server.url) == SENT


def test_網頁で答える相手は疑われる():
    """A web page with status 200 is no answer of an OTLP receiver, and that is said."""
    page = HEAD.replace(b"application/x-protobuf", b"text/html; charset=utf-8")
    with RawServer(answering(page + b"Content-Length: 6\r\n\r\n<html>")) as server:
        outcome = export_once(server.url)

    assert outcome.verdict is Verdict.SENT
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in outcome.message


def hang_up_second(hang_up):
    """Return a server's function that hangs up on the second request of its first connection."""

    def serve(connection, number):
        for request in itertools.count():
            read_request(connection)
            if number == 0 and request == 1:
                return hang_up(connection)
            connection.sendall(OK)
        return None

    return serve


@pytest.mark.parametrize(
    ("hang_up", "verdicts", "connections"),
    [
        (reset, [Verdict.SENT, Verdict.SENT], 2),
        (lambda connection: connection.close(), [Verdict.SENT, Verdict.RETRY], 1),
    ],
    ids=["reset", "closed in order"],
)
def test_読まれたかもしれない束はすぐには送り直されない(hang_up, verdicts, connections):
    """A request that was read to its end and not answered is left to the retry, with its pause."""
    with RawServer(hang_up_second(hang_up)) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=5) for _ in range(2)]

        assert [outcome.verdict for outcome in outcomes] == verdicts
        assert server.accepted == connections


def test_半分閉じた接続は使い直されない():
    """A server that has shut its side after an answer gets the next batch on a new connection."""
    closed = threading.Event()

    def serve(connection, number):
        read_request(connection)
        connection.sendall(OK)
        if number == 0:
            connection.shutdown(socket.SHUT_WR)
            closed.set()
            while connection.recv(65536):
                pass

    with RawServer(serve) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=5)]
        closed.wait(5)
        outcomes.append(exporter.export(BATCH, timeout_s=5))

        assert outcomes == [SENT, SENT]
        assert server.accepted == 2


def answer_early(connection, _number):
    """Answer 413 before the body has come, and neither read it nor hang up."""
    connection.recv(1024)
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    threading.Event().wait(LONG_S)


def answer_early_and_reset(connection, _number):
    """Answer 413 before the body has come, and hang up on the rest of it."""
    connection.recv(1024)
    connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    connection.close()


@pytest.mark.parametrize("serve", [answer_early, answer_early_and_reset])
def test_読まずに断る相手も聞かれる(serve):
    """413 is heard although the rest of the body is never read."""
    began = clock.monotonic()
    with RawServer(serve) as server:
        outcome = export_once(server.url, batch=BIG, timeout_s=LONG_S)

    assert outcome.verdict is Verdict.TOO_LARGE
    assert clock.monotonic() - began < LONG_S / 2


def test_先に待てと言われても続けられる():
    """Interim answers, however many, are stepped over."""
    interim = b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + b"HTTP/1.1 100 Continue\r\n\r\n"
    with RawServer(answering(interim + OK, interim + OK)) as server:
        with exporting_to(server.url) as exporter:
            assert [exporter.export(BATCH, timeout_s=5) for _ in range(2)] == [SENT, SENT]
            assert server.accepted == 1
