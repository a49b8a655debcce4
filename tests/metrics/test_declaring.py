"""Declaring a metric: names are checked, the same metric is shared, another is refused."""

import math

import pytest

from testpilot_obs import metrics
from testpilot_obs.errors import DuplicateMetricError, MetricError


def test_同じ形の計測は同じ物である():
    """Declared again with the same shape it is the same instrument, whatever its documentation."""
    first = metrics.counter("jobs", "Jobs.", ["kind"])

    assert metrics.counter("jobs_total", "Other words.", ("kind",)) is first
    assert repr(first).startswith("<jobs_total: a counter with labels kind, declared at ")


@pytest.mark.parametrize(
    "declare",
    [
        lambda: metrics.counter("x", "d"),
        lambda: metrics.gauge("x_total", "d"),
        lambda: metrics.gauge("x", "d"),
        lambda: metrics.counter("x", "d", ["b"]),
        lambda: metrics.histogram("x", "d"),
    ],
    ids=["ラベル", "種類", "系列の衝突", "別のラベル", "ヒストグラム"],
)
def test_違う形の同じ名前は断られる(declare):
    """Another shape under the same name is refused, and the message names both places."""
    metrics.counter("x", "d", ["a"])

    with pytest.raises(DuplicateMetricError) as refused:
        declare()

    assert str(refused.value).count("test_declaring.py:") == 2


def test_単位やバケツが違っても断られる():
    """Other buckets are another shape; so is the name that a histogram's series has."""
    metrics.histogram("wait", "d", buckets=(1, 2))

    with pytest.raises(DuplicateMetricError, match="with buckets"):
        metrics.histogram("wait", "d", buckets=(1, 3))
    with pytest.raises(DuplicateMetricError, match="collide with 'wait'"):
        metrics.gauge("wait_count", "d")


def test_自分の計測の名前は使えない():
    """The library's own metrics cannot be declared otherwise."""
    with pytest.raises(DuplicateMetricError, match="testpilot_obs"):
        metrics.gauge("transactions_in_flight", "mine")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("my-metric", "my_metric"),
        ("2fast", "_2fast"),
        ("http.server.duration", "http_server_duration"),
        ("", "requests"),
        ("日本", "requests"),
        (None, "requests"),
        ("x\n", "x"),
    ],
)
def test_使えない名前には代わりが示される(name, suggestion):
    """A name that cannot be used is refused with one that can."""
    with pytest.raises(MetricError, match=f"try '{suggestion}'"):
        metrics.gauge(name, "d")


@pytest.mark.parametrize(
    "labels",
    ["status", ["a-b"], ["__a"], ["a", "a"], [1], 5, ["le"]],
    ids=["文字列", "記号", "予約", "重複", "数", "数だけ", "le"],
)
def test_使えないラベルは断られる(labels):
    """Labels are a sequence of different, usable names."""
    with pytest.raises(MetricError, match="label"):
        metrics.histogram("x", "d", labels)


@pytest.mark.parametrize(
    "buckets",
    [(), (2, 1), (1, 1), ("a",), 5, (math.nan,), (math.inf,), (10**400,)],
    ids=["なし", "降順", "重複", "文字", "数だけ", "数でない", "無限だけ", "巨大"],
)
def test_使えないバケツは断られる(buckets):
    """Buckets are finite numbers in ascending order."""
    with pytest.raises(MetricError, match="buckets of x"):
        metrics.histogram("x", "d", buckets=buckets)


@pytest.mark.parametrize("unit", ["s/m", None, 5])
def test_使えない単位は断られる(unit):
    """A unit is a word."""
    with pytest.raises(MetricError, match="unit"):
        metrics.gauge("x", "d", unit=unit)


def test_名前空間は名前の前に付く(samples):
    """A registry puts its namespace in front; all share one list of names."""
    shop = metrics.registry("shop")

    shop.counter("orders", "d").inc()
    shop.gauge("carts", "d").set(2)
    shop.histogram("wait", "d", unit="seconds").observe(1)

    assert shop.counter("orders", "d") is metrics.counter("shop_orders_total", "d")
    got = samples()
    assert (got["shop_orders_total", ()], got["shop_carts", ()]) == (1, 2)
    assert got["shop_wait_seconds_count", ()] == 1


def test_使えない名前空間は断られる():
    """A namespace follows the rules of names."""
    with pytest.raises(MetricError, match="shop_eu"):
        metrics.registry("shop-eu")


def test_名前は単位で終わる(samples):
    """The unit is added to a name that lacks it, before ``_total``."""
    metrics.counter("read_bytes", "d", unit="bytes").inc()
    metrics.counter("written", "d", unit="bytes").inc()

    assert {name for name, _ in samples()} >= {"read_bytes_total", "written_bytes_total"}
