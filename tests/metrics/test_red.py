"""Rate, errors and duration of transactions."""

import threading

import pytest

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs.config import load
from testpilot_obs.metrics import _budget, _journal, red


def test_トランザクションは数えられる(samples):
    """A transaction is in flight from start to end, then in the histogram of its status."""
    red.transaction_started("GET /")
    red.transaction_started("GET /")
    red.transaction_ended("GET /", "success", 0.2)

    got = samples()
    labels = (("status", "success"), ("transaction", "GET /"))
    assert got["transactions_in_flight", (("transaction", "GET /"),)] == 1
    assert got["transaction_duration_seconds_count", labels] == 1
    assert got["transaction_duration_seconds_sum", labels] == 0.2


def test_糸が多くても正しい(family):
    """Many threads lose nothing."""
    start = threading.Barrier(8)

    def work():
        start.wait(5)
        for _ in range(2_000):
            red.transaction_started("t")
            red.transaction_ended("t", "success", 0.1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert family("transaction_duration_seconds").points[0].count == 16_000
    assert family("transactions_in_flight").points[0].value == 0


def test_名前の数には限りがある(family):
    """Names count against the budget of label sets; the rest is counted together."""
    _budget.settings.max_sets = 100

    for number in range(150):
        red.transaction_started(f"t{number}")
        red.transaction_ended(f"t{number}", "success", 0.1)

    points = family("transaction_duration_seconds").points
    assert len(points) == 101
    assert points[-1].labels == {"otel_metric_overflow": "true"}
    assert (points[-1].count, sum(point.count for point in points)) == (50, 150)
    assert sum(point.value for point in family("transactions_in_flight").points) == 0


def test_失敗は例外の型ごとに数えられる(samples):
    """A failed transaction is counted by the type of what was raised, if anything was."""
    with obs.init(service_name="x", traces_exporter="none", log_format="none"):
        with pytest.raises(ValueError, match="no"), obs.start_transaction("t"):
            raise ValueError("no")
        obs.start_transaction("t").end("error")

    got = samples()
    for kind in ("ValueError", ""):
        labels = (("exception_type", kind), ("transaction", "t"))
        assert got["transaction_errors_total", labels] == 1


@pytest.mark.parametrize(
    "name", [5, None, [], "\ud800", "x" * 10_000], ids=["数", "なし", "リスト", "代用文字", "長い"]
)
def test_どんな名前でも数えられる(name, family):
    """A name that is no usable text is made one."""
    red.transaction_started(name)
    red.transaction_ended(name, "error", 0.1)
    red.transaction_ended(name, "error", float("nan"))

    (point,) = family("transaction_duration_seconds").points
    assert (point.count, point.labels["status"]) == (2, "error")
    assert family("transactions_in_flight").points[0].value == 0


def test_測れない時間は捨てられる(family):
    """A duration that is no number is dropped and counted; a negative one is zero."""
    red.transaction_ended("t", "success", "long")
    red.transaction_ended("t", "success", -1)

    assert family("transaction_duration_seconds").points[0].value == 0
    assert metrics.dropped() == {"bad_value": 1}


def test_始まりを知らない終わりは負にならない(family):
    """An end without a start leaves nothing in flight."""
    red.transaction_ended("t", "success", 0.1)
    red.transaction_started("t")

    assert family("transactions_in_flight").points[0].value == 1


def test_範囲は設定に従う(family):
    """`connect` takes the buckets from the settings; the same again changes nothing."""
    config = load({"transaction_buckets": (1.0, 2.0)}, environ={})
    metrics.connect(config)
    red.transaction_ended("t", "success", 1.5)
    metrics.connect(config)

    (point,) = family("transaction_duration_seconds").points
    assert (point.bounds, point.bucket_counts) == ((1.0, 2.0), (0, 1, 0))
    metrics.connect(load({}, environ={}))


def test_読まれる前に終われば一つの記入で済む(samples):
    """A transaction that nobody saw running is counted by its one entry, at its end or later."""
    _journal.pressed()
    before = len(_journal.entries)
    tally = red.transaction_started("t")
    tally.append(("success", 0.2))

    assert (len(_journal.entries) - before, tally) == (1, [("success", 0.2)])
    got = samples()
    labels = (("status", "success"), ("transaction", "t"))
    assert got["transaction_duration_seconds_count", labels] == 1
    assert got["transactions_in_flight", (("transaction", "t"),)] == 0


@pytest.mark.parametrize("reads", [0, 1, 2])
def test_途中で何度読まれても一度だけ数えられる(samples, reads):
    """However often somebody reads while it runs, it is in flight, and counted once at its end."""
    with obs.init(service_name="x", traces_exporter="none", log_format="none"):
        with obs.start_transaction("t"):
            for _ in range(reads):
                assert samples()["transactions_in_flight", (("transaction", "t"),)] == 1

        got = samples()
        labels = (("status", "success"), ("transaction", "t"))
        assert got["transaction_duration_seconds_count", labels] == 1
        assert got["transactions_in_flight", (("transaction", "t"),)] == 0


def test_読む糸と終える糸が競っても数は合う(samples):
    """Whoever comes first, the end or the reader, no transaction is lost or counted twice."""
    is_done = threading.Event()

    def read():
        while not is_done.is_set():
            samples()

    reader = threading.Thread(target=read)
    with obs.init(service_name="x", traces_exporter="none", log_format="none"):
        reader.start()
        for _ in range(3_000):
            obs.start_transaction("t").end()
        is_done.set()
        reader.join(30)
        got = samples()

    labels = (("status", "success"), ("transaction", "t"))
    assert got["transaction_duration_seconds_count", labels] == 3_000
    assert got["transactions_in_flight", (("transaction", "t"),)] == 0
