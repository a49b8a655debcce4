"""Real servers with several workers: one correct scrape, no increment lost through restarts."""

import shutil
import signal
import subprocess
import sys
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.metrics.running import ROOT, fetch, free_port, program, until


def sample(text, name):
    """Return the sum of the samples called *name*, None if there is none."""
    values = [
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == name
    ]
    return sum(values) if values else None


class Load:
    """Asks a server from several threads; counts the answers that came."""

    def __init__(self, url, threads, requests):
        self.answered = self.lost = 0
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(url, requests)) for _ in range(threads)
        ]

    def run(self):
        """Ask, and return how many answers came."""
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join(60)
        return self.answered

    def _ask(self, url, requests):
        for _ in range(requests):
            try:
                assert fetch(url) == "ok"
            except OSError:
                # Its worker ended before it answered; it may have counted.
                with self._lock:
                    self.lost += 1
            else:
                with self._lock:
                    self.answered += 1


@pytest.mark.needs("gunicorn", "fork")
def test_gunicornの四人は一つも失わない(tmp_path):
    """Four workers under load, restarted by max_requests and by signals: nothing is lost."""
    url = f"http://127.0.0.1:{free_port()}"
    address = url.removeprefix("http://")
    options = ["--workers=4", "--max-requests=60", "--max-requests-jitter=20"]
    command = [sys.executable, "-m", "gunicorn", "tests.metrics.service:app", *options]
    environ = {"TESTPILOT_OBS_MULTIPROCESS": "true", "TMPDIR": str(tmp_path)}
    with program(*command, f"--bind={address}", log=tmp_path / "log", **environ) as running:
        until(lambda: fetch(f"{url}/metrics"))
        load = Load(url, threads=6, requests=100)
        reload = threading.Timer(0.5, running.send_signal, [signal.SIGHUP])
        reload.start()
        answered = load.run()
        text = until(lambda: settled(url, 4))

    assert answered >= 550
    assert answered <= sample(text, "shop_jobs_total") <= answered + load.lost
    assert sample(text, "shop_wait_seconds_count") == sample(text, "shop_jobs_total")
    folder = next(tmp_path.glob("testpilot_obs-*/shop-*"))
    assert len(list(folder.iterdir())) < 20


def settled(url, workers):
    """Return the scrape when it shows no more than *workers* workers."""
    text = fetch(f"{url}/metrics")
    return text if (sample(text, "shop_workers") or 0) <= workers else None


@pytest.mark.needs("gunicorn", "fork")
def test_先に読み込むgunicornも正しい(tmp_path):
    """With preload the workers are forked from an initialised master; so is the port's server."""
    url, port = f"http://127.0.0.1:{free_port()}", free_port()
    address = url.removeprefix("http://")
    command = [sys.executable, "-m", "gunicorn", "--preload", "tests.metrics.service:app"]
    environ = {
        "TESTPILOT_OBS_MULTIPROCESS": "true",
        "TESTPILOT_OBS_MULTIPROCESS_DIR": str(tmp_path / "shared"),
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(port),
    }
    options = ["--workers=2", f"--bind={address}"]
    with program(*command, *options, log=tmp_path / "log", **environ):
        until(lambda: fetch(f"{url}/metrics"))
        answered = Load(url, threads=4, requests=25).run()
        text = fetch(f"http://127.0.0.1:{port}/metrics")

    assert answered == 100
    assert sample(text, "shop_jobs_total") == 100
    assert sample(text, "shop_workers") in {1, 2}


@pytest.mark.needs("uvicorn", "fork")
def test_uvicornの作業者も一つになる(tmp_path):
    """Uvicorn spawns its workers; they find each other by their process group."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.metrics.service:asgi", "--workers=2"]
    environ = {"TESTPILOT_OBS_MULTIPROCESS": "true", "TMPDIR": str(tmp_path)}
    url = f"http://127.0.0.1:{port}"
    with program(*command, f"--port={port}", log=tmp_path / "log", **environ):
        until(lambda: fetch(f"{url}/metrics"))
        answered = Load(url, threads=4, requests=25).run()
        text = fetch(f"{url}/metrics")

    assert answered == 100
    assert sample(text, "shop_jobs_total") == 100


@pytest.mark.needs("fork")
def test_multiprocessingの子も数えられる(tmp_path):
    """A pool of the standard library is one service too."""
    script = tmp_path / "pool.py"
    script.write_text(
        "import multiprocessing\n"
        "from tests.metrics.service import jobs, metrics\n"
        "def work(number):\n"
        "    jobs.labels('pool').inc()\n"
        "if __name__ == '__main__':\n"
        "    for way in ('fork', 'spawn'):\n"
        "        with multiprocessing.get_context(way).Pool(2, maxtasksperchild=3) as pool:\n"
        "            pool.map(work, range(20), chunksize=1)\n"
        "            pool.close()\n"
        "            pool.join()\n"
        "    print(metrics.render(names={'shop_jobs'}).decode())\n"
    )
    environ = {"TESTPILOT_OBS_MULTIPROCESS": "true", "TMPDIR": str(tmp_path)}
    log = tmp_path / "log"
    with program(sys.executable, str(script), log=log, **environ) as running:
        running.wait(30)

    assert 'shop_jobs_total{kind="pool"} 40.0' in log.read_text()


@pytest.mark.needs("celery", "fork")
def test_celeryの作業者も数えられる(tmp_path):
    """A prefork pool whose children end after two tasks each loses no count."""
    port, broker = free_port(), tmp_path / "broker"
    broker.mkdir()
    environ = {
        "SHOP_BROKER": str(broker),
        "TESTPILOT_OBS_MULTIPROCESS": "true",
        "TESTPILOT_OBS_MULTIPROCESS_DIR": str(tmp_path / "shared"),
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(port),
    }
    app = [sys.executable, "-m", "celery", "-A", "tests.metrics.jobs"]
    options = ["--pool=prefork", "--concurrency=2", "--max-tasks-per-child=2", "--loglevel=ERROR"]
    send = "from tests.metrics.jobs import work\nfor _ in range(20): work.delay()"
    quiet = {**environ, "OTEL_METRICS_EXPORTER": "none", "TESTPILOT_OBS_MULTIPROCESS": "false"}
    with program(sys.executable, "-c", send, log=tmp_path / "sent", **quiet) as sender:
        assert sender.wait(30) == 0, (tmp_path / "sent").read_text()
    with program(*app, "worker", *options, log=tmp_path / "log", **environ):
        url = f"http://127.0.0.1:{port}/metrics"
        until(lambda: sample(fetch(url), "shop_jobs_total") == 20, 40)


@pytest.mark.parametrize("ci", ["", "true"])
def test_部品がない理由は述べられる(ci, tmp_path):
    """Without a way to install them the script says why; that is a failure only in CI."""
    for name in ("tr", "sort"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = subprocess.run(
        ["sh", ROOT / "scripts" / "install_parts.sh"],
        env={"PATH": str(tmp_path), "CI": ci},
        executable=shutil.which("sh"),
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == (1 if ci == "true" else 0)
    assert "not installed: prometheus prometheus-pushgateway redis-server" in done.stdout
