"""The text of a scrape, byte for byte that of prometheus-client, and OpenMetrics."""

import math

import prometheus_client as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs.metrics import _exemplars, _registry
from testpilot_obs.metrics._text import go_text

VALUES = st.floats(allow_nan=True) | st.integers(-(2**60), 2**60)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)


@pytest.fixture(autouse=True)
def _without_created():
    """Compare with prometheus-client without its ``_created`` series, which we do not write."""
    oracle.disable_created_metrics()
    yield
    oracle.enable_created_metrics()


@pytest.fixture
def theirs():
    """Return an empty registry of prometheus-client."""
    return oracle.CollectorRegistry()


def fill(ours, theirs, value, label):
    """Do the same with our instruments and with theirs."""
    doc = f'Say "{label}" \\ and\nmore.'
    for make in (ours, theirs):
        make("Counter", "jobs", doc, ["b", "a"]).labels("x", label).inc(abs(value))
        make("Gauge", "level", doc, ["z"]).labels(z=label).set(value)
        make("Gauge", "plain", doc, []).set(-value)
        wait = make("Histogram", "wait", doc, ["q", "m"], unit="seconds", buckets=(0.1, 2, 1e7))
        for one in (0.1, 3, 1e9):
            wait.labels(label, "x").observe(one)
        make("Summary", "size", doc, ["m"], unit="bytes").labels(label).observe(7)
        make("Counter", "empty", doc, ["m"])


def our_make(kind, name, doc, labels, **more):
    """Declare one of our instruments."""
    return getattr(metrics, kind.lower())(name, doc, labels, **more)


OURS = frozenset({"jobs", "level", "plain", "wait_seconds", "size_bytes", "empty"})


@given(value=VALUES, label=TEXT)
def test_テキスト形式は一字も違わない(value, label):
    """Any value and any label text give the same bytes as prometheus-client, in both formats."""
    if not math.isfinite(value):
        value = 1.5
    _registry.forget()
    theirs = oracle.CollectorRegistry()
    fill(
        our_make,
        lambda kind, *about, **more: getattr(oracle, kind)(*about, registry=theirs, **more),
        value,
        label,
    )

    assert metrics.render(names=OURS) == oracle.generate_latest(theirs)
    assert metrics.render(names=OURS, openmetrics=True) == exposition.generate_latest(theirs)


def test_情報と状態の形式も同じである(theirs):
    """Facts and states are written as prometheus-client writes them."""
    metrics.info("build", "d", {"b": "2", "a": "1"})
    metrics.state_set("phase", "d", states=("x", "y")).state("y")
    oracle.Info("build", "d", registry=theirs).info({"b": "2", "a": "1"})
    oracle.Enum("phase", "d", states=["x", "y"], registry=theirs).state("y")
    names = {"build", "phase"}

    assert metrics.render(names=names) == oracle.generate_latest(theirs)
    assert metrics.render(names=names, openmetrics=True) == exposition.generate_latest(theirs)


@given(VALUES)
def test_数の書き方は同じである(value):
    """Every number is written as prometheus-client writes it."""
    assert go_text(value) == floatToGoString(value)


@pytest.mark.parametrize("value", [1e6, 999999.0, 1234567.0, -1e7, 1e22, 1e-7, math.inf, -math.inf])
def test_境目の数の書き方も同じである(value):
    """So at the borders where Go begins to write exponents."""
    assert go_text(value) == floatToGoString(value)


def test_totalで終わるゲージは型を名乗らない(theirs):
    """A gauge called as a counter is untyped in the text format, and a gauge in OpenMetrics."""
    for make in (metrics.gauge, lambda *about: oracle.Gauge(*about, registry=theirs)):
        make("open_total", "d").set(3)
    names = {"open_total"}

    same = oracle.generate_latest(theirs).replace(b"open_total gauge", b"open_total untyped")
    assert metrics.render(names=names) == same
    assert metrics.render(names=names, openmetrics=True) == exposition.generate_latest(theirs)


def test_例示は追跡番号を持つ(monkeypatch):
    """In OpenMetrics counters and buckets show an update with its trace; the text format not."""
    jobs, wait = metrics.counter("jobs", "d").labels(), metrics.histogram("wait", "d").labels()
    with obs.init(service_name="x", traces_exporter="none", log_format="none"):
        with obs.span("work"):
            trace = obs.trace_id()
            jobs.inc(2)
            wait.observe(0.3)
            wait.observe(30)
        text = metrics.render(openmetrics=True).decode()

        families = {one.name: one for one in text_string_to_metric_families(text)}
        (total,) = families["jobs"].samples
        assert (total.exemplar.labels["trace_id"], total.exemplar.value) == (trace, 2)
        marked = {
            sample.labels["le"]: sample.exemplar.value
            for sample in families["wait"].samples
            if sample.exemplar
        }
        assert marked == {"0.5": 0.3, "+Inf": 30}
        assert b"trace_id" not in metrics.render()


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "5", None], ids=repr)
def test_捨てられた更新は例示にならない(value):
    """An update that is dropped is counted once, and is no exemplar."""
    jobs = metrics.counter("jobs", "d").labels()
    _exemplars.use("always_on")
    metrics.render()
    before = metrics.dropped().get("bad_value", 0)

    jobs.inc(value)

    assert metrics.dropped()["bad_value"] == before + 1
    assert b"jobs_total 0.0\n" in metrics.render(openmetrics=True)


def test_標本のない追跡は例示にならない():
    """Updates outside a sampled trace are no exemplars, and a series soon stops to look."""
    jobs = metrics.counter("jobs", "d").labels()
    with obs.init(service_name="x", traces_exporter="none", log_format="none"):
        metrics.render()
        for _ in range(20):
            jobs.inc()

        assert type(jobs).__name__ == "CounterSeries"
        assert b"jobs_total 20.0\n" in metrics.render(openmetrics=True)


def test_例示は常にも付けられる():
    """With always_on an update without a trace is an exemplar too, without ids."""
    jobs = metrics.counter("jobs", "d").labels()
    _exemplars.use("always_on")
    metrics.render()

    jobs.inc(3)

    assert b"jobs_total 3.0 # {} 3.0" in metrics.render(openmetrics=True)


def test_取引にも例示が付く():
    """The duration of a slow or failed transaction shows its own trace."""
    quiet = {"traces_exporter": "none", "log_format": "none"}
    with obs.init(service_name="x", slow_transaction_s=0, **quiet):
        with obs.start_transaction("t"):
            pass
        metrics.render()
        with obs.start_transaction("t"):
            trace = obs.trace_id()
        text = metrics.render(openmetrics=True).decode()

    assert trace in text


def test_開かれた形式は終わりで終わる():
    """OpenMetrics ends with EOF, also where nothing matches a filter."""
    assert metrics.render(openmetrics=True).endswith(b"# EOF\n")
    assert metrics.render(openmetrics=True, names={"nothing"}) == b"# EOF\n"


def test_名前で選べる():
    """A metric is chosen by its name, its base name, or the name of one of its series."""
    metrics.counter("jobs", "d", ["k"]).labels("a").inc()
    metrics.histogram("wait", "d").observe(1)

    assert b"jobs_total{" in metrics.render(names={"jobs"})
    assert metrics.render(names={"wait_count"}).endswith(b"histogram\nwait_count 1.0\n")
    assert metrics.render(names={"jobs_total"}).count(b"\n") == 3
