"""A real Prometheus scrapes us, promtool checks us, a real Pushgateway takes what we push."""

import importlib
import json
import re
import subprocess
import sys
import urllib.parse

import pytest

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs.errors import MetricError
from testpilot_obs.metrics import _foreign
from tests.metrics.running import fetch, free_port, program, until

CONFIG = """
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
scrape_configs:
  - job_name: shop
    authorization: {{credentials: s3cret}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
SERVICE = """
import sys, threading
import testpilot_obs as obs
from testpilot_obs import metrics
handle = obs.init(service_name="shop", traces_exporter="none", log_format="none")
metrics.counter("shop_jobs", "Jobs.", ["kind"]).labels('a"b').inc(42)
for value in (0.05, 0.5, 3):
    metrics.histogram("shop_wait", "W.", unit="seconds", buckets=(0.1, 1)).observe(value)
metrics.gauge("shop_level", "Level.").set(-1.5)
obs.start_transaction("generate").end("error")
threading.Event().wait()
"""


@pytest.fixture
def prometheus(tmp_path):
    """Start a real Prometheus that scrapes a port; returns its query function."""
    running = []

    def start(port):
        own = free_port()
        (tmp_path / "prometheus.yml").write_text(CONFIG.format(port=port))
        command = [
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
            "--enable-feature=exemplar-storage",
        ]
        running.append(program(*command, log=tmp_path / "prometheus.log"))
        running[-1].__enter__()

        def query(expression, path="query"):
            asked = urllib.parse.urlencode({"query": expression, "start": 0, "end": 4e9})
            reply = json.loads(fetch(f"http://127.0.0.1:{own}/api/v1/{path}?{asked}"))
            return reply["data"] if path != "query" else reply["data"]["result"]

        return query

    yield start
    for one in running:
        one.__exit__(None, None, None)


def value(query, expression):
    """Return the one value of an expression as soon as there is one."""
    (found,) = until(lambda: query(expression))
    return float(found["value"][1])


@pytest.mark.needs("prometheus")
def test_本物のPrometheusが一つのプロセスを読む(prometheus, tmp_path):
    """Prometheus scrapes the server (OpenMetrics, gzip, token), and its API has our values."""
    port = free_port()
    environ = {
        "OTEL_METRICS_EXPORTER": "prometheus",
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(port),
        "TESTPILOT_OBS_METRICS_TOKEN": "s3cret",
    }
    with program(sys.executable, "-c", SERVICE, log=tmp_path / "log", **environ):
        query = prometheus(port)

        assert value(query, "shop_jobs_total") == 42
        assert value(query, 'shop_wait_seconds_bucket{le="1.0"}') == 2
        assert value(query, "shop_wait_seconds_sum") == pytest.approx(3.55)
        assert value(query, "shop_level") == -1.5
        assert value(query, "up") == 1
        assert value(query, "process_start_time_seconds") > 1e9
        asked = '{__name__="transaction_duration_seconds_bucket"}'
        (found,) = until(lambda: query(asked, "query_exemplars"))
        assert len(found["exemplars"][0]["labels"]["trace_id"]) == 32


@pytest.mark.needs("prometheus", "gunicorn", "fork")
def test_本物のPrometheusが多くのプロセスを読む(prometheus, tmp_path):
    """So with four gunicorn workers: whichever answers, the numbers are those of all."""
    port = free_port()
    options = ["--workers=4", f"--bind=127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", "tests.metrics.service:app", *options]
    environ = {"TESTPILOT_OBS_MULTIPROCESS": "true", "TMPDIR": str(tmp_path)}
    with program(*command, log=tmp_path / "log", **environ):
        until(lambda: fetch(f"http://127.0.0.1:{port}/metrics"))
        sent = until(lambda: keep_busy(f"http://127.0.0.1:{port}"), 30)
        query = prometheus(port)

        assert value(query, "shop_jobs_total") == sent
        assert value(query, "sum(shop_wait_seconds_count)") == sent
        assert value(query, "shop_workers") == value(query, "count(shop_busy)") == 4
        until(lambda: value(query, "count_over_time(shop_jobs_total[1m])") >= 4)
        assert value(query, "resets(shop_jobs_total[1m])") == 0


def keep_busy(url):
    """Send requests; return how many jobs there were once all four workers have had one."""
    for _ in range(10):
        fetch(f"{url}/work")
    text = fetch(f"{url}/metrics")
    found = re.search(r"^shop_jobs_total\{.*\} (.+)$", text, re.MULTILINE)
    return float(found[1]) if "shop_workers 4.0" in text else None


@pytest.mark.needs("promtool")
def test_promtoolは文句を言わない():
    """`promtool check metrics` passes, with our own, the plan's and those of prometheus-client."""
    _foreign.use(registry=True)
    metrics.counter("shop_jobs", "Jobs.", ["kind"]).labels('a"b\n').inc()
    metrics.histogram("shop_wait", "Waiting.", unit="seconds").observe(1)
    metrics.summary("shop_size", "Sizes.", unit="bytes").observe(1)
    metrics.gauge("shop_level", "Level.").set(float("inf"))
    metrics.info("shop_build", "Build.", {"version": "1"})
    metrics.state_set("shop_phase", "Phase.", states=("a", "b")).state("a")
    preset = importlib.import_module("testpilot_obs.presets.testpilot")
    preset.record_code_generation("success", "p", 1.5)
    preset.set_active_sessions(3)
    with obs.init(service_name="x", traces_exporter="none", log_format="none"):
        with obs.start_transaction("t"):
            pass
        text = metrics.render()

    assert b"\nactive_sessions_total 3.0\n" in text
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.needs("prometheus-pushgateway")
def test_本物のPushgatewayが受け取る(tmp_path):
    """A short job pushes once; grouping labels that a path cannot carry arrive too."""
    port = free_port()
    metrics.counter("shop_jobs", "Jobs.", ["kind"]).labels("a").inc(7)
    url = f"http://127.0.0.1:{port}"
    command = ["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}"]
    with program(*command, log=tmp_path / "log"):
        until(lambda: fetch(f"{url}/-/ready"))

        grouping = {"instance": "a/b", "empty": ""}
        assert metrics.push_to_gateway(url, "backup", grouping=grouping)
        labels = 'empty="",instance="a/b",job="backup",kind="a"'
        assert f"shop_jobs_total{{{labels}}} 7" in fetch(f"{url}/metrics")
        assert metrics.push_to_gateway(url, "backup", grouping=grouping, method="DELETE")
        until(lambda: "shop_jobs_total{" not in fetch(f"{url}/metrics"))


def test_届かないPushgatewayは警告だけで済む(caplog):
    """A gateway that is away is told; a wrong URL is the user's mistake."""
    assert not metrics.push_to_gateway("http://127.0.0.1:9", "job", timeout_s=1)
    assert "were not pushed" in caplog.text
    for url, job in (("127.0.0.1:9091", "job"), ("http://x", "")):
        with pytest.raises(MetricError, match="pushgateway"):
            metrics.push_to_gateway(url, job)
