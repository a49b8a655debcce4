"""Metrics over HTTP: the server, ASGI, WSGI, formats, compression, filter, token."""

import asyncio
import gzip
import http.client
import json
import os
import socket

import httpx
import pytest

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs.config import load
from testpilot_obs.metrics._answer import Request, answer

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture
def serve():
    """Start a server as `init` does; closed at the end."""
    opened = []

    def start(**settings):
        config = load(
            {"metrics_exporter": ("prometheus",), "prometheus_port": 0, **settings}, environ={}
        )
        opened.append(metrics.open_server(config))
        return opened[-1]

    yield start
    for server in opened:
        if server is not None:
            server.close()


def get(server, path="/metrics", **headers):
    """Ask the server."""
    return httpx.get(f"http://127.0.0.1:{server.port}{path}", headers=headers, trust_env=False)


def test_サーバーは計測を返す(serve):
    """The server answers at /metrics and /, to GET and HEAD; elsewhere there is nothing."""
    metrics.counter("jobs", "d").inc(3)
    server = serve()

    reply = get(server)
    assert reply.headers["content-type"] == metrics.CONTENT_TYPE
    assert "jobs_total 3.0\n" in reply.text
    assert get(server, "/").status_code == 200
    assert get(server, "/other").status_code == 404
    url = f"http://127.0.0.1:{server.port}/metrics"
    assert httpx.head(url, trust_env=False).text == ""
    assert httpx.post(url, content=b"x", trust_env=False).status_code == 405


@pytest.mark.parametrize(
    ("accept", "is_open"),
    [
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        ("text/plain", False),
        ("*/*", False),
        ("", False),
        ("application/openmetrics-text;q=0.1,text/plain", False),
        ("application/openmetrics-text;q=x", False),
    ],
)
def test_形式は求めに応じる(accept, is_open):
    """The format is the one that weighs most in Accept."""
    given = answer(Request(accept=accept))

    kind = metrics.OPENMETRICS_CONTENT_TYPE if is_open else metrics.CONTENT_TYPE
    assert dict(given.headers)["Content-Type"] == kind
    assert given.body.endswith(b"# EOF\n") is is_open


@pytest.mark.parametrize(
    ("encoding", "is_packed"),
    [("gzip", True), ("deflate, gzip;q=1.0", True), ("gzip;q=0", False), ("br", False)],
)
def test_圧縮は求めに応じる(encoding, is_packed):
    """The answer is compressed if gzip is accepted."""
    given = answer(Request(accept_encoding=encoding))

    headers = dict(given.headers)
    assert ("Content-Encoding" in headers) is is_packed
    assert int(headers["Content-Length"]) == len(given.body)
    text = gzip.decompress(given.body) if is_packed else given.body
    assert b"# TYPE" in text


def test_名前で選べる():
    """name[] leaves only what it names."""
    metrics.counter("jobs", "d").inc()
    metrics.counter("other", "d").inc()

    given = answer(Request(query="name[]=jobs_total&name[]=nothing"))

    assert given.body.decode().splitlines()[-1] == "jobs_total 1.0"
    assert b"other" not in given.body


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
        ("Bearer wrong", 401),
        ("Basic s3cret", 401),
        ("", 401),
        ("Bearer s3crét", 401),
    ],
)
def test_合言葉がなければ断る(authorization, status):
    """With a token set nobody else gets the metrics."""
    given = answer(Request(authorization=authorization), token="s3cret")

    assert given.status == status
    assert (b"# TYPE" in given.body) is (status == 200)


def test_合言葉は設定から来る(serve):
    """The setting guards the server; it is never shown."""
    server = serve(metrics_token="s3cret")

    assert get(server).status_code == 401
    assert get(server, Authorization="Bearer s3cret").status_code == 200
    assert "s3cret" not in repr(load({"metrics_token": "s3cret"}, environ={}))


def test_求められるまで何も開かない(serve):
    """Without `prometheus` among the exporters, or when disabled, nothing listens."""
    assert serve(metrics_exporter=("otlp",)) is None
    assert serve(disabled=True) is None


def test_塞がった口は警告だけで済む(serve, caplog):
    """A port that is taken is told with the setting that chooses another."""
    first = serve()

    assert serve(prometheus_port=first.port) is None
    assert "OTEL_EXPORTER_PROMETHEUS_PORT" in caplog.text


def test_壊れた要求でもサーバーは生きている(serve):
    """Garbage, and clients that hang up, harm nobody else."""
    server = serve()
    for junk in (b"\x00\xff\r\n\r\n", b"GET /metrics HTTP/1.1\r\n", b""):
        with socket.create_connection(("127.0.0.1", server.port), 5) as client:
            client.sendall(junk)

    assert get(server).status_code == 200


def test_多すぎる客は断られる(serve):
    """At most 32 are served at once; when they leave there is room again."""
    server = serve()
    address = ("127.0.0.1", server.port)
    idle = [socket.create_connection(address, 5) for _ in range(32)]
    with pytest.raises((http.client.HTTPException, OSError)):
        ask_once(address)

    for client in idle:
        client.close()
    for _ in range(1_000):
        try:
            assert ask_once(address) == 200
        except OSError:
            continue
        break
    else:
        pytest.fail("the server has no room")


def ask_once(address):
    """Ask without trying again."""
    late = http.client.HTTPConnection(*address, timeout=5)
    try:
        late.request("GET", "/metrics")
        return late.getresponse().status
    finally:
        late.close()


@pytest.mark.needs("fork")
def test_子は親の口を閉じる(serve):
    """A forked child leaves the port to its parent, which goes on."""
    server = serve()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if server._server.socket.fileno() == -1 else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert get(server).status_code == 200


def test_initは口を開き終わりに閉じる():
    """`init` serves while it runs; a second one takes over the same port."""
    quiet = {"traces_exporter": "none", "log_format": "none"}
    settings = {"metrics_exporter": "prometheus", "prometheus_port": free_port(), **quiet}
    url = f"http://127.0.0.1:{settings['prometheus_port']}/metrics"

    obs.init(service_name="a", **settings)
    handle = obs.init(service_name="b", **settings)
    assert 'service="b"' in httpx.get(url, trust_env=False).text

    handle.shutdown()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def free_port():
    """Return a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_WSGIアプリは計測を返す():
    """The WSGI application answers like the server."""
    metrics.counter("jobs", "d").inc()
    with httpx.Client(transport=httpx.WSGITransport(metrics.wsgi_app(token="t"))) as client:
        refused = client.get("http://x/metrics")
        reply = client.get("http://x/?name[]=jobs", headers={"Authorization": "Bearer t"})

    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert reply.text.endswith("jobs_total 1.0\n")


def test_ASGIアプリは計測を返す():
    """The ASGI application answers like the server, mounted anywhere."""
    metrics.counter("jobs", "d").inc()

    async def ask():
        transport = httpx.ASGITransport(metrics.asgi_app())
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get(
                "http://x/metrics?name[]=jobs", headers={"Accept": PROMETHEUS_2}
            )

    assert asyncio.run(ask()).text.endswith("jobs_total 1.0\n# EOF\n")


def test_ASGIアプリは寿命の知らせに答える():
    """It takes part in the lifespan protocol, and leaves other protocols alone."""
    app, sent = metrics.asgi_app(), []
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan"}, receive, send))
    asyncio.run(app({"type": "websocket"}, receive, send))

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_遠くの計測の大きさが分かる(serve, capsys, monkeypatch):
    """`testpilot-obs metrics top` asks a running service which metrics are largest."""
    from testpilot_obs.cli import main

    for number in range(5):
        metrics.counter("many", "d", ["id", "k"], max_label_sets=3).labels(number, "a").inc()
    server = serve(metrics_token="t")
    monkeypatch.setenv("TESTPILOT_OBS_METRICS_TOKEN", "t")
    monkeypatch.setenv("OTEL_EXPORTER_PROMETHEUS_PORT", str(server.port))

    assert main(["metrics", "top", "--count=1"]) == 0
    assert "many_total  3           yes         id" in capsys.readouterr().out
    url = f"http://127.0.0.1:{server.port}/metrics"
    assert main(["metrics", "top", "--json", f"--url={url}"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["label_sets"] == 3


@pytest.mark.parametrize("url", ["ftp://x", "http://127.0.0.1:9"])
def test_届かない場所は説明される(url, capsys):
    """A service that is not there is told with what to do."""
    from testpilot_obs.cli import main

    assert main(["metrics", "top", f"--url={url}"]) == 1
    assert "http" in capsys.readouterr().err
