"""Metrics of others: prometheus-client's default registry, OpenTelemetry's API and SDK."""

import subprocess
import sys
from importlib.metadata import version

import prometheus_client as prom
import pytest

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs.metrics import _foreign

SDK = tuple(int(part) for part in version("opentelemetry-sdk").split(".")[:2])
QUIET = {"traces_exporter": "none", "log_format": "none"}


@pytest.fixture
def registered():
    """Let the default registry be read; what the test registers is taken away."""
    _foreign.use(registry=True)
    before = set(prom.REGISTRY._collector_to_names)
    yield
    for collector in set(prom.REGISTRY._collector_to_names) - before:
        prom.REGISTRY.unregister(collector)


def test_他者の登録も一度だけ読まれる(registered, samples):
    """What third parties register is scraped; a name that we have too is there once."""
    prom.Counter("theirs", "d", ["k"]).labels("a").inc(2)
    prom.Counter("jobs", "d").inc(9)
    metrics.counter("jobs", "d").inc(1)

    got = samples()
    assert got["theirs_total", (("k", "a"),)] == 2
    assert got["jobs_total", ()] == 1
    assert metrics.render().count(b"# TYPE jobs_total ") == 1
    assert b"theirs_total{" in metrics.render(openmetrics=True)
    assert metrics.render(names={"theirs_total"}).count(b"\n") == 3
    assert b"# TYPE theirs counter" in metrics.render(names={"theirs"}, openmetrics=True)


def test_他者の登録も送られる(registered, family):
    """They are pushed with kind, labels and start, histograms with plain counts."""
    prom.Counter("theirs", "d").inc(2)
    prom.Summary("size", "d").observe(3)
    prom.Info("build", "d").info({"v": "1"})
    wait = prom.Histogram("wait", "d", ["k"], buckets=(1, 2))
    for value in (0.5, 1.5, 1.6, 9):
        wait.labels("a").observe(value)

    assert family("theirs_total").points[0].value == 2
    assert family("theirs_total").points[0].start_ns > 0
    assert (family("size").points[0].count, family("size").points[0].value) == (1, 3)
    assert dict(family("build_info").points[0].labels) == {"v": "1"}
    (point,) = family("wait").points
    assert (point.bucket_counts, point.bounds, point.count) == ((1, 2, 1), (1, 2), 4)
    assert dict(point.labels) == {"k": "a"}


def test_壊れた登録は自分だけを失う(registered, samples, caplog):
    """A collector that raises is left out and counted; the scrape goes on."""

    class Broken:
        def describe(self):
            return []

        def collect(self):
            yield prom.metrics_core.GaugeMetricFamily("half", "d", 1)
            raise OSError

    prom.REGISTRY.register(Broken())
    prom.Gauge("theirs", "d").set(1)

    assert samples()["theirs", ()] == 1
    assert metrics.dropped() == {"foreign_collector_failed": 1}
    assert "Broken" in caplog.text


def test_OpenTelemetryのAPIで記録できる(samples, family):
    """Instruments of the API are ours: scraped in Prometheus' words, pushed in the original."""
    from opentelemetry import metrics as api

    with obs.init(service_name="x", **QUIET):
        meter = api.get_meter("lib", "1.0")
        jobs = meter.create_counter("app.jobs", "{job}", "Jobs.")
        jobs.add(2, {"http.route": "/a", "code": 200})
        jobs.add(1)
        jobs.add(-1)
        meter.create_up_down_counter("app.open").add(3)
        meter.create_up_down_counter("app.open").add(-1)
        meter.create_gauge("app.level", "By").set(5)
        meter.create_histogram("app.wait", "s").record(0.3, {"k": "a"})
        meter.create_histogram("app.size", explicit_bucket_boundaries_advisory=[1, 2]).record(1)

        got = samples()
        pushed = family("app.jobs")

    assert got["app_jobs_total", (("code", "200"), ("http_route", "/a"))] == 2
    assert got["app_jobs_total", ()] == 1
    assert (got["app_open", ()], got["app_level_bytes", ()]) == (2, 5)
    assert got["app_wait_seconds_count", (("k", "a"),)] == 1
    assert got["app_size_bucket", (("le", "1.0"),)] == 1
    assert (pushed.unit, pushed.scope_name) == ("{job}", "lib")
    assert dict(pushed.points[0].labels) == {"http.route": "/a", "code": 200}


def test_観測される計測も読まれる(samples):
    """Callbacks of the API, plain and generators, are asked when somebody reads."""
    from opentelemetry import metrics as api
    from opentelemetry.metrics import Observation

    def states():
        while True:
            yield [Observation(4, {"k": "b"})]

    with obs.init(service_name="x", **QUIET):
        meter = api.get_meter("lib")
        meter.create_observable_gauge("app.temp", [lambda _: [Observation(7, {"k": "a"})]], "Cel")
        meter.create_observable_counter("app.seen", [lambda _: [Observation(9)]])
        meter.create_observable_up_down_counter("app.rooms", [states()])
        got = samples()

    assert got["app_temp_celsius", (("k", "a"),)] == 7
    assert got["app_seen_total", ()] == 9
    assert got["app_rooms", (("k", "b"),)] == 4


def test_名前が衝突しても計装は壊れない(caplog, samples):
    """An instrumentation whose name is taken records nothing and is told; nothing is raised."""
    from opentelemetry import metrics as api

    metrics.gauge("app_jobs", "mine")
    with obs.init(service_name="x", **QUIET):
        histogram = api.get_meter("lib").create_histogram("app.jobs")
        histogram.record(1)
        histogram.record("x", {"a": ["unhashable"], 5: {}})
        assert ("app_jobs_count", ()) not in samples()

    assert "not recorded" in caplog.text


def test_属性の組にも上限がある(samples):
    """Attributes of the API have the same budget."""
    from opentelemetry import metrics as api

    with obs.init(service_name="x", max_label_sets=3, **QUIET):
        jobs = api.get_meter("lib").create_counter("jobs")
        for number in range(9):
            jobs.add(1, {"id": number})
        assert samples()["jobs_total", (("otel_metric_overflow", "true"),)] == 6


def test_計装の計測も出る(samples):
    """A contrib instrumentation's numbers are in the scrape, once."""
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

    def app(environ, start_response):
        start_response("200 OK", [])
        return [b"ok"]

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "x",
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.input": None,
    }
    with obs.init(service_name="x", **QUIET):
        list(OpenTelemetryMiddleware(app)(dict(environ), lambda *_: None))
        got = samples()
        text = metrics.render().decode()

    (found,) = [key for key in got if key[0].startswith("http_server") and "count" in key[0]]
    assert got[found] == 1
    assert text.count(f"# TYPE {found[0].removesuffix('_count')} ") == 1


def test_あとから取り込まれても間に合う():
    """OpenTelemetry's metrics may be imported after `init`, and are not imported by it."""
    program = (
        "import sys, testpilot_obs as obs\n"
        "obs.init(traces_exporter='none', log_format='none')\n"
        "print('opentelemetry.metrics' in sys.modules)\n"
        "from opentelemetry import metrics\n"
        "metrics.get_meter('x').create_counter('jobs').add(3)\n"
        "print(b'jobs_total 3.0' in obs.metrics.render())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )

    assert (done.stdout, done.stderr) == ("False\nTrue\n", "")


@pytest.mark.skipif(SDK < (1, 45), reason="only an SDK of 1.45 or newer can be joined")
def test_アプリのメータープロバイダーに加わる(samples, family):
    """An application's own SDK provider is joined: scraped here, pushed by itself alone."""
    from opentelemetry import metrics as api
    from opentelemetry.sdk.metrics import MeterProvider

    provider = MeterProvider()
    api.set_meter_provider(provider)
    with obs.init(service_name="x", **QUIET):
        meter = api.get_meter("lib")
        meter.create_counter("app.jobs").add(2, {"a.b": "c"})
        meter.create_histogram("app.wait", "s").record(0.3)
        meter.create_up_down_counter("app.open").add(3)
        got = samples()
        pushed = {one.name for one in metrics.collect()}
    provider.shutdown()

    assert got["app_jobs_total", (("a_b", "c"),)] == 2
    assert got["app_wait_seconds_count", ()] == 1
    assert got["app_open", ()] == 3
    assert not {name for name in pushed if name.startswith("app")}
