"""A metric cannot eat the memory: label sets and label values are bounded."""

import json
import subprocess
import sys

import pytest

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs.config import load
from testpilot_obs.errors import MetricError
from testpilot_obs.presets import testpilot

MEMORY = """
import json, gc
from testpilot_obs import metrics
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
jobs = metrics.counter("jobs", "d", ["id", "kind"])
wait = metrics.histogram("wait", "d", ["id"])
jobs.labels("a", "b").inc()
metrics.collect()
before = rss()
for number in range(100_000):
    jobs.labels(f"customer-{number}", "k").inc()
    wait.labels(f"customer-{number}").observe(1)
found = {one.name: one for one in metrics.collect()}
print(json.dumps({
    "mb": (rss() - before) / 1e6,
    "points": len(found["jobs_total"].points),
    "sum": sum(p.value for p in found["jobs_total"].points),
    "count": sum(p.count for p in found["wait"].points),
}))
"""


def test_十万のラベルの組でもメモリは増えない():
    """100,000 label sets offered to two metrics: 2,001 series each, nothing lost, under 40 MB."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, check=True, timeout=60
    )

    got = json.loads(done.stdout)
    assert (got["points"], got["sum"], got["count"]) == (2_001, 100_001, 100_000)
    assert got["mb"] < 40


def test_超えた分は一つの系列に集まる(samples, caplog):
    """Beyond the limit one series takes the rest; one warning says metric, label and place."""
    metrics.connect(load({"max_label_sets": 3}, environ={}))
    jobs = metrics.counter("jobs", "d", ["id", "kind"])

    for number in range(10):
        jobs.labels(f"u{number}", "k").inc()
        jobs.labels(id=f"u{number}", kind="k").inc()

    got = {key: value for key, value in samples().items() if key[0] == "jobs_total"}
    assert len(got) == 4
    assert got["jobs_total", (("otel_metric_overflow", "true"),)] == 14
    (record,) = [r for r in caplog.records if "label sets" in r.message]
    for word in ("jobs_total has 3 label sets", "test_budget.py", "most values is id (3)"):
        assert word in record.getMessage()


def test_計測ごとに上限を決められる(samples):
    """A metric may have a limit of its own; default labels stay on the overflow."""
    shop = metrics.registry("shop", labels={"team": "core"})
    jobs = shop.counter("jobs", "d", ["id"], max_label_sets=1)

    jobs.labels("a").inc()
    jobs.labels("b").inc()

    labels = (("otel_metric_overflow", "true"), ("team", "core"))
    assert samples()["shop_jobs_total", labels] == 1


def test_計画の計測も上限を持つ(samples):
    """The preset's project_id is exactly such a label."""
    metrics.connect(load({"max_label_sets": 5}, environ={}))
    testpilot.code_generation_total.clear()

    for number in range(9):
        testpilot.code_generation_total.labels("success", number).inc()

    assert len(testpilot.code_generation_total.series) == 5
    testpilot.code_generation_total.clear()


def test_ラベルの値は長さで切られる(samples):
    """A value longer than the setting is cut and marked."""
    metrics.connect(load({"max_label_length": 10}, environ={}))
    metrics.counter("jobs", "d", ["id"]).labels("x" * 100).inc()

    (value,) = [dict(labels)["id"] for name, labels in samples() if name == "jobs_total"]
    assert value.startswith("x" * 10 + "…")


def test_大きい計測が分かる():
    """top() and Handle.stats() name the largest metrics, the largest first."""
    for number in range(7):
        metrics.counter("many", "d", ["id"]).labels(number).inc()
    metrics.counter("few", "d", ["id"]).labels("a").inc()

    first = metrics.top(1)[0]
    assert first == ("many_total", 7, 2_000, False, "id", 7)
    with obs.init(service_name="x", traces_exporter="none", log_format="none") as handle:
        assert handle.stats().largest_metrics[0] == first


@pytest.mark.parametrize("limit", [0, -1, "5"])
def test_使えない上限は断られる(limit):
    """A limit is a number from 1."""
    with pytest.raises(MetricError):
        metrics.counter("x", "d", ["a"], max_label_sets=limit)
