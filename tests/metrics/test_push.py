"""The push over OTLP: the same numbers as the scrape, received by a real receiver."""

import json
import os
import random

import pytest
from prometheus_client.parser import text_string_to_metric_families

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs._core import clock
from testpilot_obs.metrics import _exponential
from testpilot_obs.metrics._exponential import Exponential, index_of
from testpilot_obs.metrics._temporality import Deltas
from testpilot_obs.testing.receiver import OtlpReceiver, plain_attributes

QUIET = {"traces_exporter": "none", "logs_exporter": "none", "log_format": "none"}
CHANGING = ("testpilot_obs_", "process_", "python_")


@pytest.fixture
def receiver():
    """Run a receiver."""
    with OtlpReceiver() as running:
        yield running


def start(receiver, **settings):
    """Push to the receiver."""
    return obs.init(
        service_name="shop", otlp_endpoint=receiver.http_endpoint, **{**QUIET, **settings}
    )


def pushed_samples(receiver):
    """Return what was received, as the samples that a scrape would have."""
    got = {}
    for received in receiver.metrics:
        metric = received.record
        data = getattr(metric, metric.WhichOneof("data"))
        for point in data.data_points:
            labels = plain_attributes(point.attributes)
            for name, more, value in parts(metric, point):
                got[name, tuple(sorted({**labels, **more}.items()))] = value
    return got


def parts(metric, point):
    """Yield (name, more labels, value) of one point, as a scrape names them."""
    kind = metric.WhichOneof("data")
    if kind in {"sum", "gauge"}:
        yield metric.name, {}, point.as_double
        return
    yield f"{metric.name}_count", {}, point.count
    yield f"{metric.name}_sum", {}, point.sum
    total = 0
    if kind == "histogram":
        for bound, count in zip(
            (*point.explicit_bounds, float("inf")), point.bucket_counts, strict=True
        ):
            total += count
            yield f"{metric.name}_bucket", {"le": float(bound)}, total


def scraped_samples(text):
    """Return the samples of a scrape; bounds are numbers."""
    got = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            if "le" in labels:
                labels["le"] = float(labels["le"])
            got[sample.name, tuple(sorted(labels.items()))] = sample.value
    return got


def test_送った数は読まれた数と同じである(receiver):
    """Every sample of a scrape has its point in the push with the same value, and no other."""
    dice = random.Random(7)
    shop = metrics.registry("shop", labels={"team": "core"})
    jobs = shop.counter("jobs", "d", ["kind", "note"], max_label_sets=20)
    wait = shop.histogram("wait", "d", ["kind"], unit="seconds")
    size = shop.summary("size", "d", unit="bytes")
    for number in range(200):
        jobs.labels(f"k{number % 40}", 'a"b\n\\').inc(dice.random())
        wait.labels(f"k{number % 5}").observe(dice.random() * 20)
        size.observe(number)
    shop.gauge("level", "d", callback=lambda: 2.5)
    shop.info("build", "d", {"version": "1"})
    shop.state_set("phase", "d", states=("a", "b")).state("b")

    with start(receiver) as handle:
        assert handle.flush(5)
        scraped = scraped_samples(metrics.render().decode())
        pushed = pushed_samples(receiver)

    stable = {key for key in scraped if not key[0].startswith(CHANGING)}
    assert len(stable) > 100
    assert {key: scraped[key] for key in stable} == {
        key: value for key, value in pushed.items() if not key[0].startswith(CHANGING)
    }


def test_資源と範囲が付く(receiver):
    """Points come with resource and scope, counters monotonic and cumulative."""
    metrics.counter("jobs", "d").inc()
    with start(receiver) as handle:
        assert handle.flush(5)

    received = next(one for one in receiver.metrics if one.record.name == "jobs_total")
    assert received.resource["service.name"] == "shop"
    assert received.scope.name == "testpilot_obs.metrics"
    assert (received.record.sum.is_monotonic, received.record.sum.aggregation_temporality) == (
        True,
        2,
    )


def test_間隔ごとに送られる(receiver):
    """Every OTEL_METRIC_EXPORT_INTERVAL they are sent, and once more at the end."""
    jobs = metrics.counter("jobs", "d")
    jobs.inc()
    with start(receiver, metric_export_interval_s=0.05):
        receiver.wait_for(requests=3)
        jobs.inc(2)

    values = [
        one.record.sum.data_points[0].as_double
        for one in receiver.metrics
        if one.record.name == "jobs_total"
    ]
    assert (values[0], values[-1]) == (1, 3)


def test_差分で送れる(receiver):
    """With delta each push says what came since the one before; the scrape stays cumulative."""
    jobs, wait = metrics.counter("jobs", "d"), metrics.histogram("wait", "d", buckets=(1, 2))
    level = metrics.gauge("level", "d")
    with start(receiver, metrics_temporality="delta") as handle:
        for amount in (2, 3):
            jobs.inc(amount)
            wait.observe(amount - 1)
            level.set(amount)
            assert handle.flush(5)
        assert b"jobs_total 5.0" in metrics.render()

    def points(name):
        found = [one.record for one in receiver.metrics if one.record.name == name]
        return [getattr(one, one.WhichOneof("data")) for one in found][:2]

    first, second = points("jobs_total")
    assert (first.data_points[0].as_double, second.data_points[0].as_double) == (2, 3)
    assert first.aggregation_temporality == second.aggregation_temporality == 1
    assert second.data_points[0].start_time_unix_nano == first.data_points[0].time_unix_nano
    assert [list(one.data_points[0].bucket_counts) for one in points("wait")] == [
        [1, 0, 0],
        [0, 1, 0],
    ]
    assert [one.data_points[0].as_double for one in points("level")] == [2, 3]


def test_差分は新しい始まりから数える():
    """After a reset the difference is what there is, never negative."""
    jobs = metrics.counter("jobs", "d")
    collect = Deltas(lambda: [one for one in metrics.collect() if one.name == "jobs_total"])
    jobs.inc(5)
    collect()
    clock.use(time_ns=lambda: 10**19)
    metrics.reset()
    jobs.inc(2)

    assert collect()[0].points[0].value == 2


def test_例示は追跡番号と共に送られる(receiver):
    """Exemplars carry the trace and span in which the update happened."""
    metrics.counter("jobs", "d")
    with start(receiver) as handle:
        with obs.span("work"):
            trace = obs.trace_id()
            metrics.counter("jobs", "d").inc(4)
            metrics.histogram("wait", "d").observe(0.3)
        assert handle.flush(5)

    found = {one.record.name: one.record for one in receiver.metrics}
    (kept,) = found["jobs_total"].sum.data_points[0].exemplars
    assert (kept.as_double, kept.trace_id.hex()) == (4, trace)
    assert found["wait"].histogram.data_points[0].exemplars[0].trace_id.hex() == trace


def test_指数の範囲でも送れる(receiver):
    """If asked the push has exponential ranges, the scrape the explicit ones."""
    with start(receiver, metrics_histograms="base2_exponential_bucket_histogram") as handle:
        wait = metrics.histogram("wait", "d")
        for value in (0.5, 1, 2, 4, -3, 0):
            wait.observe(value)
        assert handle.flush(5)
        assert b'wait_bucket{le="+Inf"} 6.0' in metrics.render()

    record = next(one.record for one in receiver.metrics if one.record.name == "wait")
    (point,) = record.exponential_histogram.data_points
    assert (point.count, point.zero_count, point.sum) == (6, 1, 4.5)
    assert sum(point.positive.bucket_counts) == 4
    assert sum(point.negative.bucket_counts) == 1


def test_指数の範囲は値を挟む():
    """Each value lies between the borders of its range, at every scale; powers are exact."""
    dice = random.Random(3)
    for scale in range(-4, 9):
        base = 2 ** (2**-scale)
        for value in [dice.uniform(1e-3, 1e3) for _ in range(50)]:
            index = index_of(value, scale)
            assert base**index * (1 - 1e-9) < value <= base ** (index + 1) * (1 + 1e-9)
    assert [index_of(2.0**n, 3) for n in (-2, 0, 3)] == [-17, -1, 23]


def test_指数の範囲は数に限りがある():
    """However far apart values are, there are at most 160 ranges; none is lost."""
    ranges = Exponential()
    for exponent in range(-300, 300):
        ranges.add(10.0**exponent)
        ranges.add(-(10.0**exponent))

    state = ranges.state()
    assert len(state.positive) <= 160
    assert (sum(state.positive), sum(state.negative)) == (600, 600)


def test_指数の範囲の差分も正しい():
    """Differences are taken after the older ranges were joined to the newer scale."""
    _exponential.use((), wanted=True)
    wait = metrics.histogram("wait", "d")
    collect = Deltas(lambda: [one for one in metrics.collect() if one.name == "wait"])
    for value in (1, 1.1, 0):
        wait.observe(value)
    collect()
    for value in (1, 1e6, 1e-6, 0):
        wait.observe(value)

    state = collect()[0].points[0].exponential
    assert (sum(state.positive), state.zero_count) == (3, 1)
    assert min(state.positive) >= 0


@pytest.mark.needs("fork")
def test_分かれた子は新しい始まりから数える(receiver):
    """A forked child's counters start at its fork, and so say their start times."""
    jobs = metrics.counter("jobs", "d")
    jobs.inc(5)
    with start(receiver) as handle:
        assert handle.flush(5)
        pid = os.fork()
        if pid == 0:
            jobs.inc(1)
            obs.flush(5)
            os._exit(0)
        os.waitpid(pid, 0)

    points = [
        (one.resource["process.pid"], one.record.sum.data_points[0])
        for one in receiver.metrics
        if one.record.name == "jobs_total"
    ]
    parent = [point for owner, point in points if owner == os.getpid()]
    child = [point for owner, point in points if owner == pid]
    assert (parent[0].as_double, child[-1].as_double) == (5, 1)
    assert child[-1].start_time_unix_nano > parent[0].start_time_unix_nano


def test_ファイルにも同じ数が書かれる(tmp_path):
    """The OTLP-JSON file has exemplars and exponential ranges too."""
    path = tmp_path / "otlp.jsonl"
    with obs.init(
        service_name="shop",
        otlp_file=path,
        metrics_histograms="base2_exponential_bucket_histogram",
        **{**QUIET, "traces_exporter": "otlp_file", "logs_exporter": "otlp_file"},
    ):
        with obs.span("work"):
            metrics.histogram("wait", "d").observe(3)
            metrics.counter("jobs", "d").inc()

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = {
        metric["name"]: metric
        for line in lines
        for resource in line.get("resourceMetrics", ())
        for scope in resource["scopeMetrics"]
        for metric in scope["metrics"]
    }
    (point,) = found["wait"]["exponentialHistogram"]["dataPoints"]
    assert (point["count"], point["positive"]["bucketCounts"]) == ("1", ["1"])
    assert len(found["jobs_total"]["sum"]["dataPoints"][0]["exemplars"][0]["traceId"]) == 32
