"""Real servers and their workers: each request arrives, whatever becomes of its worker."""

import concurrent.futures
import os
import signal
import subprocess
import sys

import pytest

from tests.forks.counting import numbers, spans, total
from tests.metrics.running import ROOT, fetch, free_port, program, until

pytestmark = pytest.mark.needs("fork")

REQUESTS = 60
WORKERS = {
    "sync": ["tests.forks.web:app", "--workers=2"],
    "gthread": ["tests.forks.web:app", "--workers=2", "--worker-class=gthread", "--threads=4"],
    "uvicorn": ["tests.forks.web:asgi", "--workers=2", "-k", "uvicorn_worker.UvicornWorker"],
}


class Server:
    """A server in a process group of its own, that sends to *receiver*."""

    def __init__(self, command, receiver, log):
        environ = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.http_endpoint,
        }
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=environ,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop(self, number=signal.SIGTERM):
        """Send the signal, wait for the end, return what was printed."""
        self.process.send_signal(number)
        self.process.wait(30)
        return self.log.read_text()

    def kill(self):
        """End what is left."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


@pytest.fixture
def serve(receiver, tmp_path):
    """Return a function that starts a server; it has ended when the test has."""
    started = []

    def start(*command):
        started.append(Server(command, receiver, tmp_path / f"log-{len(started)}"))
        return started[-1]

    yield start
    for server in started:
        server.kill()


def gunicorn(serve, *options):
    """Start gunicorn; return it and its address, when it answers."""
    port = free_port()
    server = serve("gunicorn", *options, f"--bind=127.0.0.1:{port}", "--graceful-timeout=10")
    url = f"http://127.0.0.1:{port}"
    until(lambda: fetch(f"{url}/?first"))
    return server, url


def ask(url, requests=REQUESTS):
    """Ask from four threads at once; return the numbers that were answered, sorted."""

    def one(number):
        try:
            fetch(f"{url}/?{number}")
        except OSError:
            return None
        return str(number)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, range(requests)))
    return sorted([answer for answer in answers if answer is not None] + ["first"])


@pytest.mark.needs("gunicorn", "uvicorn_worker")
@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["各自", "先読み"])
@pytest.mark.parametrize("worker", WORKERS)
def test_gunicornの働き手は何も失わない(serve, receiver, worker, preload):
    """Workers of each kind, stopped by SIGTERM: each request arrives once, in all signals."""
    server, url = gunicorn(serve, *WORKERS[worker], *preload)
    answered = ask(url)
    printed = server.stop()

    assert (answered, answered) == numbers(receiver)
    assert spans(receiver, "request") == REQUESTS + 1
    assert total(receiver, "shop_requests") == REQUESTS + 1
    assert "Traceback" not in printed


@pytest.mark.needs("gunicorn")
def test_働き手が入れ替わっても失われない(serve, receiver):
    """Workers that end after a few requests, and a reload in between, lose and double nothing."""
    server, url = gunicorn(serve, "tests.forks.web:app", "--workers=2", "--max-requests=7")
    answered = ask(url, 30)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "Hang up" in server.log.read_text())
    until(lambda: fetch(f"{url}/?first"))
    answered += ["first"]
    server.stop(signal.SIGQUIT)

    told, logged = numbers(receiver)
    assert sorted(answered) == told == logged
    assert spans(receiver, "request") == len(answered)


@pytest.mark.needs("gunicorn", "uvicorn_worker")
def test_明示の手掛かりでも一度だけ届く(serve, receiver, tmp_path):
    """With the hooks of `testpilot_obs.integrations.gunicorn` it is the same."""
    hooks = tmp_path / "hooks.py"
    hooks.write_text(
        "from testpilot_obs.integrations.gunicorn import post_worker_init, worker_exit\n"
    )
    server, url = gunicorn(serve, *WORKERS["uvicorn"], "--preload", f"--config={hooks}")
    answered = ask(url, 10)
    server.stop()

    assert numbers(receiver) == (answered, answered)


@pytest.mark.needs("uvicorn")
def test_uvicornの働き手は何も失わない(serve, receiver):
    """Two spawned workers, stopped by their supervisor: each request arrives once."""
    port = free_port()
    server = serve("uvicorn", "tests.forks.web:asgi", "--workers=2", f"--port={port}")
    url = f"http://127.0.0.1:{port}"
    until(lambda: fetch(f"{url}/?first"))
    answered = ask(url, 20)
    server.stop()

    assert numbers(receiver) == (answered, answered)
    assert total(receiver, "shop_requests") == 21


@pytest.mark.needs("celery")
@pytest.mark.parametrize("hooks", ["", "yes"], ids=["なし", "あり"])
def test_一つで終わるceleryの子も失わない(serve, receiver, tmp_path, monkeypatch, hooks):
    """Each task runs in a child of its own, which ends by ``os._exit``: all arrives once."""
    broker = tmp_path / "broker"
    broker.mkdir()
    monkeypatch.setenv("SHOP_BROKER", str(broker))
    monkeypatch.setenv("SHOP_HOOKS", hooks)
    send = "from tests.forks.tasks import work\nfor n in range(6): work.delay(n)"
    with program(sys.executable, "-c", send, log=tmp_path / "sent") as sender:
        assert sender.wait(50) == 0, (tmp_path / "sent").read_text()
    options = ["--pool=prefork", "--concurrency=2", "--max-tasks-per-child=1", "--loglevel=ERROR"]
    server = serve("celery", "-A", "tests.forks.tasks", "worker", *options)
    receiver.wait_for(spans=6, logs=6, timeout_s=40)
    server.stop()

    expected = [str(number) for number in range(6)]
    assert numbers(receiver) == (expected, expected)
    assert total(receiver, "shop_requests") == 6


@pytest.mark.needs("rq", "redis-server")
def test_RQの子も失わない(serve, receiver, tmp_path):
    """RQ runs each job in a child that ends by ``os._exit``: all arrives once."""
    import redis
    import rq

    port = free_port()
    store = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    with program(*store, log=tmp_path / "redis"), redis.Redis(port=port) as connection:
        until(lambda: "Ready to accept" in (tmp_path / "redis").read_text())
        queue = rq.Queue("shop", connection=connection)
        for number in range(5):
            queue.enqueue("tests.forks.web.answer", str(number))
        url = f"redis://127.0.0.1:{port}"
        server = serve("rq.cli", "worker", "shop", "--burst", "--quiet", "--url", url)
        assert server.process.wait(50) == 0, server.log.read_text()

    expected = [str(number) for number in range(5)]
    assert numbers(receiver) == (expected, expected)
