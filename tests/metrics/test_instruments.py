"""Counters, gauges and histograms: what is counted is rendered and collected."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from testpilot_obs import metrics
from testpilot_obs._core import clock
from testpilot_obs.protocols import MetricKind


def test_カウンターは増える(samples):
    """A counter adds up; its name ends with ``_total``."""
    jobs = metrics.counter("jobs", "Jobs done.", ["kind"])

    jobs.labels("a").inc()
    jobs.labels(kind="a").inc(1.5)
    jobs.labels("b").inc(0)

    assert samples()["jobs_total", (("kind", "a"),)] == 2.5
    assert samples()["jobs_total", (("kind", "b"),)] == 0


def test_ゲージは上下する(samples):
    """A gauge is set, goes up and goes down."""
    sessions = metrics.gauge("active_sessions_total", "Sessions.")

    sessions.set(5)
    sessions.inc()
    sessions.dec(2)

    assert samples()["active_sessions_total", ()] == 4


def test_ラベル付きのゲージも上下する(samples):
    """So does one series of a gauge with labels."""
    pool = metrics.gauge("pool", "Connections.", ["db"]).labels("main")

    pool.set(5)
    pool.inc(2)
    pool.dec()

    assert samples()["pool", (("db", "main"),)] == 6


def test_ヒストグラムは範囲ごとに数える(samples):
    """A bucket's bound belongs to it; a scrape shows them cumulative, with count and sum."""
    wait = metrics.histogram("wait", "Waiting.", unit="seconds", buckets=(0.1, 1))

    for value in (0.1, 0.5, 1, 30):
        wait.observe(value)

    got = samples()
    buckets = [got["wait_seconds_bucket", (("le", le),)] for le in ("0.1", "1.0", "+Inf")]
    assert buckets == [1, 3, 4]
    assert (got["wait_seconds_count", ()], got["wait_seconds_sum", ()]) == (4, 31.6)


def test_集めた数は描かれた数と同じである(family):
    """`collect` has the same numbers, its buckets not cumulative, with start and end."""
    clock.use(time_ns=lambda: 7)
    wait = metrics.histogram("wait", "Waiting.", ["db"], unit="seconds", buckets=(0.1, 1, math.inf))
    wait.labels("main").observe(0.5)
    clock.use(time_ns=lambda: 9)

    found = family("wait_seconds")

    (point,) = found.points
    assert (found.kind, found.unit, found.time_ns) == (MetricKind.HISTOGRAM, "seconds", 9)
    assert found.documentation == "Waiting."
    assert (point.labels, point.bounds, point.bucket_counts) == (
        {"db": "main"},
        (0.1, 1.0),
        (0, 1, 0),
    )
    assert (point.value, point.count, point.start_ns) == (0.5, 1, 7)


def test_カウンターには始まりの時刻がありゲージにはない(family):
    """A counter's point says when counting began; a gauge's does not."""
    clock.use(time_ns=lambda: 7)
    metrics.counter("jobs_total", "Jobs.").inc(3)
    metrics.gauge("active", "Active.").set(2)

    (jobs,), (active,) = family("jobs_total").points, family("active").points

    assert (jobs.value, jobs.start_ns) == (3, 7)
    assert (active.value, active.start_ns) == (2, 0)


def test_系列のない計測は集められない():
    """A metric with labels has no point before one is used; the scrape announces it."""
    metrics.counter("jobs", "Jobs.", ["kind"])

    assert [found.name for found in metrics.collect()] == []
    assert b"# TYPE jobs_total counter" in metrics.render()


def test_多くの更新も失われない(family):
    """More updates than the journal holds are all counted."""
    jobs = metrics.counter("jobs", "Jobs.").labels()

    for _ in range(5_000):
        jobs.inc()

    assert family("jobs_total").points[0].value == 5_000


def test_ゲージの多くの更新も失われない(family):
    """So with gauges, set and moved, and with histograms."""
    level, pool = metrics.gauge("level", "d").labels(), metrics.gauge("pool", "d").labels()

    for number in range(1_500):
        level.set(number)
    for _ in range(1_500):
        pool.inc()
    for _ in range(1_200):
        pool.dec()

    assert family("level").points[0].value == 1_499
    assert family("pool").points[0].value == 300


def test_ラベルの値は文字になる(samples):
    """Label values of any type are made text, cut and repaired; 1 and True stay apart."""
    jobs = metrics.counter("jobs", "Jobs.", ["kind"])

    for value in (1, True, "1", None, "\ud800", ["list"], "x" * 1_000):
        jobs.labels(value).inc()

    got = {labels[0][1]: value for (_, labels), value in samples().items()}
    assert got["1"] == 2
    assert got["True"] == got["None"] == got["\ufffd"] == got["['list']"] == 1
    assert max(map(len, got)) < 300


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -1, "3", b"3", None, object(), 10**400, 1j, [], {}],
    ids=lambda value: type(value).__name__,
)
def test_数えられない値は捨てて数える(value, family):
    """A value that a counter cannot take is dropped and counted; the others stay."""
    jobs = metrics.counter("jobs", "Jobs.")

    jobs.inc(2)
    jobs.inc(value)
    jobs.inc(1)

    assert family("jobs_total").points[0].value == 3
    assert metrics.dropped() == {"bad_value": 1}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "3", None])
def test_ヒストグラムも数えられない値を捨てる(value, family):
    """A histogram drops what would spoil its sum."""
    wait = metrics.histogram("wait", "Waiting.")

    wait.observe(value)
    wait.observe(-1)

    (point,) = family("wait").points
    assert (point.count, point.value) == (1, -1)


@pytest.mark.parametrize(
    "value", [Decimal("1.5"), Fraction(3, 2), np.float32(1.5), np.float64(1.5)], ids=repr
)
def test_数ならどの型でもよい(value, family):
    """Numbers of other types are numbers."""
    metrics.counter("jobs", "Jobs.").inc(value)
    metrics.gauge("level", "Level.").set(value)
    metrics.histogram("wait", "Waiting.").observe(value)

    values = [family(name).points[0].value for name in ("jobs_total", "level", "wait")]
    assert values == [1.5, 1.5, 1.5]


def test_ゲージは数でない数も受ける(family):
    """NaN and infinity are values of a gauge, as in Prometheus; text is none."""
    level = metrics.gauge("level", "Level.")

    level.set(math.inf)
    level.set("4")

    assert family("level").points[0].value == math.inf
    assert metrics.dropped() == {"bad_value": 1}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("a",), {}),
        (("a", "b", "c"), {}),
        (("a",), {"status": "b"}),
        ((), {"kind": "a", "statsu": "b"}),
        ((), {"kind": "a"}),
    ],
    ids=["なし", "足りない", "多い", "混ぜた", "綴り違い", "名前が足りない"],
)
def test_合わないラベルは捨てて数える(values, named, caplog):
    """Labels that do not fit are dropped, counted, and told with metric and call site."""
    jobs = metrics.counter("jobs", "Jobs.", ["kind", "status"])

    jobs.labels(*values, **named).inc()

    assert metrics.collect() == []
    assert metrics.dropped() == {"bad_labels": 1}
    assert "jobs_total" in caplog.text
    assert "test_instruments.py" in caplog.text


def test_ラベルのある計測はラベルなしで更新できない():
    """Updating a metric with labels directly is the same mistake; one without has no labels."""
    metrics.counter("jobs", "Jobs.", ["kind"]).inc()
    metrics.gauge("level", "Level.", ["kind"]).set(1)
    metrics.histogram("wait", "Waiting.", ["kind"]).observe(1)
    metrics.counter("plain", "Plain.").labels("x").inc()

    assert metrics.dropped() == {"bad_labels": 4}


def test_悪い値は名前と共に一度だけ告げられる(caplog):
    """The warning names the metric and the type, never a text that may be a secret."""
    jobs = metrics.counter("jobs", "Jobs.")

    for _ in range(3):
        jobs.inc("s3cret")
    metrics.collect()

    assert caplog.text.count("jobs_total") == 1
    assert "str" in caplog.text
    assert "s3cret" not in caplog.text


def test_ラベルの値から秘密が除かれる(samples):
    """A secret in a label value is gone from the scrape, by the label's name or by its looks."""
    calls = metrics.counter("calls", "Calls.", ["password", "header"])
    calls.labels("hunter2-hunter2", "Bearer abcdefghijklmnopqrstuvwxyz012345").inc()

    scraped = metrics.render().decode()

    assert "hunter2" not in scraped
    assert "abcdefghijklmnop" not in scraped
    assert "[redacted" in scraped
