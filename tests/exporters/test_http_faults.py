"""OTLP over HTTP to servers and networks that are not well."""

import contextlib
import errno
import itertools
import os
import socket
import sys
import threading

import pytest

from testpilot_obs._core import clock
from testpilot_obs.exporters import _dial
from testpilot_obs.protocols import SENT, Verdict
from tests.exporters.builders import Batch, Span
from tests.exporters.servers import (
    BATCH,
    OK,
    RawServer,
    answering,
    closed_port,
    export_once,
    exporting_to,
    read_request,
    reset,
)

LONG_S = 20.0
BODY_S = 1.0
"""How long a body is waited for after its head."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"


def drip(connection, _number):
    """Send one byte of a reply's head now and then, for ever."""
    read_request(connection)
    connection.sendall(HEAD)
    waiting = threading.Event()
    while not waiting.wait(0.02):
        connection.sendall(b"x")


def never_answer(connection, _number):
    """Read and stay silent."""
    while connection.recv(65536):
        pass


def never_read(_connection, _number):
    """Do not even read."""
    threading.Event().wait(LONG_S)


def reset_after_reading(connection, _number):
    """Read the request and hang up hard."""
    read_request(connection)
    reset(connection)


def close_at_once(connection, _number):
    """Hang up before anything."""
    connection.close()


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (drip, "timeout"),
        (never_answer, "timeout"),
        (never_read, "timeout"),
        (reset_after_reading, "connection_reset"),
        (answering(b""), "connection_closed"),
        (answering(HEAD), "connection_closed"),
        (answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "bad_reply"),
        (answering(b"x" * 200_000), "bad_reply"),
    ],
)
def test_どんな壊れ方でも期限までにやり直しになる(serve, reason):
    """However a server fails, the batch is to be tried again, and the deadline holds."""
    big = Batch(*[Span(attrs={"big": os.urandom(40_000)}) for _ in range(200)])
    began = clock.monotonic()
    with RawServer(serve) as server:
        batch = big if serve is never_read else BATCH
        outcome = export_once(server.url, batch=batch, timeout_s=0.5)

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, reason)
    assert server.url in outcome.message
    assert clock.monotonic() - began < LONG_S / 2


def test_設定の期限が短ければそれが守られる():
    """The shorter of the two time limits holds."""
    with RawServer(never_answer) as server, exporting_to(server.url, timeout_s=0.2) as exporter:
        assert exporter.export(BATCH, timeout_s=LONG_S).reason == "timeout"


def test_誰も聞いていなければやり直しになる():
    """A port without a listener is told as such."""
    outcome = export_once(f"http://127.0.0.1:{closed_port()}/v1/traces")

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "connection_refused")


def test_名前が引けなければやり直しになる(monkeypatch):
    """A name that cannot be resolved is told as such."""

    def fail(host, *_arguments, flags=0, **_more):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(_dial.socket, "getaddrinfo", fail)
    outcome = export_once("http://no-such-host.invalid/v1/traces")

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "dns")
    assert "no-such-host.invalid" in outcome.message


@pytest.mark.parametrize(
    "host",
    ["a..b", "x" * 70 + ".example", "ü" * 80],
    ids=["empty label", "long label", "long name"],
)
def test_名前になれない名前もやり直しになる(host):
    """A host that no name server would take does not raise."""
    assert export_once(f"http://{host}/v1/traces").reason == "dns"


def test_答えない名前サーバーも期限で終わる(monkeypatch):
    """A resolver that hangs is left behind at the deadline."""
    released = threading.Event()
    real = socket.getaddrinfo

    def hang(*arguments, flags=0, **more):
        if flags & socket.AI_NUMERICHOST:
            return real(*arguments, flags=flags, **more)
        released.wait(LONG_S)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(_dial.socket, "getaddrinfo", hang)
    outcome = export_once("http://slow.invalid/v1/traces", timeout_s=0.2)
    released.set()

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, "timeout")


def test_スレッドが始められなければ自分で名前を引く(monkeypatch):
    """At the end of the interpreter, when no thread can start, the name is resolved in place."""

    def refuse(_self):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with RawServer(answering(OK)) as server:
        monkeypatch.setattr(_dial.threading.Thread, "start", refuse)
        addresses = _dial.resolve("localhost", 80, deadline=clock.monotonic() + 5)
        monkeypatch.undo()

        assert addresses
        assert export_once(server.url) == SENT


def addresses_of(*ports, host="127.0.0.1"):
    """Return what a resolver says of a host with these places."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for port in ports]


def port_of(server):
    """Return the port of a `RawServer`."""
    return int(server.url.split(":")[2].split("/")[0])


def test_一つ目の住所が駄目なら次が試される(monkeypatch):
    """Of several addresses the first that answers is used."""
    with RawServer(answering(OK)) as server:
        found = addresses_of(closed_port(), closed_port(), port_of(server))
        monkeypatch.setattr(_dial, "resolve", lambda *_a, **_k: found)

        assert export_once("http://two.invalid/v1/traces") == SENT


def test_住所がどれも駄目なら理由が言われる(monkeypatch):
    """If none of several addresses answers, the reason of the last is told."""
    found = addresses_of(closed_port(), closed_port())
    monkeypatch.setattr(_dial, "resolve", lambda *_a, **_k: found)

    assert export_once("http://two.invalid/v1/traces").reason == "connection_refused"


@pytest.fixture
def black_hole():
    """Return the port of a socket to which no connection comes about."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as held:
        port = full.getsockname()[1]
        for _ in range(8):
            # The backlog is full after a few, and what comes then is not answered.
            client = held.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(("127.0.0.1", port))
        yield port


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog swallows on Linux only")
def test_飲み込む住所は次を待たせない(monkeypatch, black_hole):
    """An address that swallows everything does not use up the time of the next one."""
    began = clock.monotonic()
    with RawServer(answering(OK)) as server:
        found = addresses_of(black_hole, port_of(server))
        monkeypatch.setattr(_dial, "resolve", lambda *_a, **_k: found)
        outcome = export_once("http://two.invalid/v1/traces", timeout_s=LONG_S)

    assert outcome == SENT
    assert clock.monotonic() - began < LONG_S / 4


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog swallows on Linux only")
def test_飲み込む住所ばかりでも期限で終わる(monkeypatch, black_hole):
    """With nothing but such addresses the deadline holds."""
    found = addresses_of(black_hole, black_hole)
    monkeypatch.setattr(_dial, "resolve", lambda *_a, **_k: found)

    assert export_once("http://two.invalid/v1/traces", timeout_s=0.5).reason == "timeout"


def test_一つ目の住所が使えない種類でも次が試される(monkeypatch):
    """An address of a kind that this machine does not have is passed over."""
    with RawServer(answering(OK)) as server:
        strange = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 1))
        found = [strange, *addresses_of(port_of(server))]
        monkeypatch.setattr(_dial, "resolve", lambda *_a, **_k: found)

        assert export_once("http://two.invalid/v1/traces") == SENT


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.EMFILE, "too_many_open_files"), (errno.ENETUNREACH, "unreachable"), (9999, "io_error")],
)
def test_機械の不調もやり直しになる(monkeypatch, number, reason):
    """What the operating system refuses (no descriptors left, no network) is tried again."""

    def fail(*_arguments):
        raise OSError(number, "no")

    monkeypatch.setattr(_dial.socket, "socket", fail)
    outcome = export_once("http://127.0.0.1:1/v1/traces")

    assert (outcome.verdict, outcome.reason) == (Verdict.RETRY, reason)


def test_保たれた接続が閉じられていたら一度だけ繋ぎ直す():
    """A server that closed the kept connection meanwhile gets the batch on a new one."""
    closed = threading.Event()

    def serve(connection, number):
        read_request(connection)
        connection.sendall(OK)
        if number == 0:
            connection.close()
            closed.set()

    with RawServer(serve) as server, exporting_to(server.url) as exporter:
        first = exporter.export(BATCH, timeout_s=5)
        closed.wait(5)

        assert (first, exporter.export(BATCH, timeout_s=5)) == (SENT, SENT)
        assert server.accepted == 2


def test_読んでから切られた古い接続も一度だけ繋ぎ直す():
    """A kept connection that is reset at the second request leads to one more try, at once."""

    def serve(connection, number):
        for request in itertools.count():
            read_request(connection)
            if number == 0 and request == 1:
                return reset(connection)
            connection.sendall(OK)
        return None

    with RawServer(serve) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=5) for _ in range(2)]

        assert outcomes == [SENT, SENT]
        assert server.accepted == 2


def test_新しい接続がすぐ切られたら繰り返さない():
    """A server that always hangs up is tried once an export."""
    with RawServer(close_at_once) as server:
        outcome = export_once(server.url)

        assert outcome.verdict is Verdict.RETRY
        assert server.accepted == 1


def test_頼まれない言葉のあった接続は使われない():
    """A kept connection on which the server spoke unasked is not trusted again."""
    spoke = threading.Event()

    def serve(connection, number):
        read_request(connection)
        connection.sendall(OK)
        if number == 0:
            connection.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
            spoke.set()
            never_answer(connection, number)

    with RawServer(serve) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=5)]
        spoke.wait(5)
        outcomes.append(exporter.export(BATCH, timeout_s=5))

        assert outcomes == [SENT, SENT]


def endless(connection, _number):
    """Send a body without end."""
    read_request(connection)
    connection.sendall(HEAD + b"\r\n")
    while True:
        connection.sendall(bytes(65536))


def huge(connection, _number):
    """Send a body of 256 MB."""
    read_request(connection)
    connection.sendall(HEAD + b"Content-Length: 268435456\r\n\r\n")
    while True:
        connection.sendall(bytes(65536))


def huge_chunk(connection, _number):
    """Send one chunk of 256 MB."""
    read_request(connection)
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000000\r\n")
    while True:
        connection.sendall(bytes(65536))


@pytest.mark.parametrize("serve", [endless, huge, huge_chunk])
def test_終わらない返答は途中で打ち切られる(serve):
    """Of an endless answer little is read; its status counts, and the connection is given up."""
    with RawServer(serve) as server, exporting_to(server.url) as exporter:
        outcomes = [exporter.export(BATCH, timeout_s=LONG_S) for _ in range(2)]

        assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT] * 2
        assert server.accepted == 2


def silent_after_head(length):
    """Return a server's function that announces a body and sends none of it."""

    def serve(connection, number):
        read_request(connection)
        connection.sendall(HEAD + length)
        never_answer(connection, number)

    return serve


@pytest.mark.parametrize(
    "length",
    [b"Content-Length: 268435456\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n10000000\r\n"],
    ids=["at once", "in a chunk"],
)
def test_大きすぎる返答は読まれも待たれもしない(length):
    """A body that is said to be huge is not waited for: meanwhile the batch would be unsettled."""
    with RawServer(silent_after_head(length)) as server:
        began = clock.monotonic()

        assert export_once(server.url) == SENT
        assert clock.monotonic() - began < BODY_S / 2


def test_読み終える前の返答も聞かれる():
    """A server that answers 413 and hangs up before it has read the body is understood."""

    def serve(connection, _number):
        connection.recv(1024)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    batch = Batch(*[Span(attrs={"big": os.urandom(40_000)}) for _ in range(200)])
    with RawServer(serve) as server:
        assert export_once(server.url, batch=batch).verdict is Verdict.TOO_LARGE


def test_閉じてからも送れば新しく繋がる():
    """Closing gives the connection back; the exporter itself stays usable."""
    with RawServer(answering(OK)) as server, exporting_to(server.url) as exporter:
        exporter.export(BATCH, timeout_s=5)
        exporter.close()
        exporter.close()

        assert exporter.export(BATCH, timeout_s=5) == SENT
