"""Summaries, facts, states, callbacks, default labels, and what stands around a block."""

import asyncio
import threading

import pytest

from testpilot_obs import metrics
from testpilot_obs._core import clock
from testpilot_obs.errors import DuplicateMetricError, MetricError
from testpilot_obs.metrics import _callbacks


def test_要約は数と合計を持つ(samples, family):
    """A summary has the number of observations and their sum, scraped and pushed."""
    size = metrics.summary("size", "Sizes.", ["kind"], unit="bytes")

    size.labels("a").observe(3)
    size.labels("a").observe(4.5)
    size.labels("a").observe(float("nan"))

    labels = (("kind", "a"),)
    assert samples()["size_bytes_count", labels] == 2
    assert samples()["size_bytes_sum", labels] == 7.5
    assert (family("size_bytes").points[0].count, family("size_bytes").points[0].value) == (2, 7.5)
    assert metrics.dropped() == {"bad_value": 1}


def test_情報はラベルで事実を伝える(samples):
    """Facts are labels of a series that is 1; new facts replace the old."""
    build = metrics.info("build", "The build.", {"version": "1"})
    build.info({"version": 2, "branch": 'a"b'})

    got = {key: value for key, value in samples().items() if key[0] == "build_info"}
    assert got == {("build_info", (("branch", 'a"b'), ("version", "2"))): 1}
    with pytest.raises(MetricError, match="label"):
        build.info({"a-b": "x"})


def test_状態は一つだけが真である(samples):
    """Of the states one is on; an unknown one is the user's mistake."""
    job = metrics.state_set("job", "Jobs.", ["name"], states=("starting", "ready"))

    job.of("a").state("starting")
    job.of(name="a").state("ready")

    got = samples()
    assert got["job", (("job", "ready"), ("name", "a"))] == 1
    assert got["job", (("job", "starting"), ("name", "a"))] == 0
    with pytest.raises(MetricError, match="expected one of"):
        job.of("a").state("gone")
    with pytest.raises(MetricError, match="has the labels"):
        job.of()


def test_ラベルのない状態も使える(samples):
    """A state set may have no labels of its own."""
    metrics.state_set("phase", "Phase.", states=("a", "b")).state("b")

    assert samples()["phase", (("phase", "b"),)] == 1


@pytest.mark.parametrize("states", [(), "ab", ("a", "a"), (1,), 5])
def test_使えない状態は断られる(states):
    """States are at least one text, all different."""
    with pytest.raises(MetricError, match="states"):
        metrics.state_set("phase", "d", states=states)


def test_コールバックは読むときに呼ばれる(samples):
    """A callback is asked at each collection, for a number or one for each label set."""
    queue = {"a": 1, "b": 2}
    metrics.gauge("depth", "d", ["queue"], callback=lambda: queue)
    metrics.gauge("pairs", "d", ["x", "y"], callback=lambda: {("1", 2): 5})
    metrics.counter("ticks", "d", callback=lambda: 7)

    assert samples()["depth", (("queue", "b"),)] == 2
    del queue["b"]

    got = samples()
    assert ("depth", (("queue", "b"),)) not in got
    assert got["pairs", (("x", "1"), ("y", "2"))] == 5
    assert got["ticks_total", ()] == 7


@pytest.mark.parametrize(
    "callback",
    [lambda: 1 / 0, lambda: "3", lambda: None, lambda: {("a", "b"): 1}, lambda: {"a": "x"}],
    ids=["例外", "文字", "なし", "多いラベル", "文字の値"],
)
def test_悪いコールバックは自分だけを失う(callback, samples, caplog):
    """A callback that raises or returns nonsense is left out, counted and told; others stay."""
    metrics.gauge("bad", "d", ["kind"], callback=callback)
    metrics.gauge("good", "d", callback=lambda: 1)

    assert samples()["good", ()] == 1
    assert metrics.dropped() == {"callback_failed": 1}
    assert "the callback of bad" in caplog.text


def test_戻らないコールバックは読み取りを止めない(samples, monkeypatch, caplog):
    """A callback that hangs is left alone, and asked again when it has come back."""
    monkeypatch.setattr(_callbacks, "TIMEOUT_S", 0.05)
    release, asked = threading.Event(), []

    def hang():
        asked.append(1)
        release.wait(10)
        return 3

    metrics.gauge("slow", "d", callback=hang)
    metrics.gauge("quick", "d", callback=lambda: 1)
    assert samples()["quick", ()] == 1
    assert samples()["slow", ()] == 0
    assert len(asked) == 1
    assert metrics.dropped()["callback_hung"] == 2
    assert "takes too long" in caplog.text

    thread = _callbacks._stuck["slow"]
    release.set()
    thread.join(10)
    assert samples()["slow", ()] == 3


def test_コールバックは関数でなければならない():
    """Anything else is refused at once."""
    with pytest.raises(MetricError, match="callback"):
        metrics.gauge("x", "d", callback=5)


def test_既定のラベルはどの系列にも付く(samples, family):
    """A registry's labels are on all its series; they are part of the shape."""
    shop = metrics.registry("shop", labels={"team": "core", "tier": 1})

    shop.counter("orders", "d", ["kind"]).labels("a").inc()

    labels = (("kind", "a"), ("team", "core"), ("tier", "1"))
    assert samples()["shop_orders_total", labels] == 1
    assert dict(family("shop_orders_total").points[0].labels) == dict(labels)
    with pytest.raises(DuplicateMetricError, match="core"):
        metrics.counter("shop_orders", "d", ["kind"])
    with pytest.raises(MetricError, match="twice"):
        shop.counter("other", "d", ["team"])


def test_系列は消せる(samples):
    """A series is removed by its values, all are by clear; who holds one updates nothing."""
    jobs = metrics.counter("jobs", "d", ["kind"])
    held = jobs.labels("a")
    held.inc()
    jobs.labels("b").inc()

    jobs.remove("a")
    jobs.remove("unknown")
    jobs.remove("too", "many")
    held.inc()

    assert {key for key in samples() if key[0] == "jobs_total"} == {
        ("jobs_total", (("kind", "b"),))
    }
    jobs.clear()
    assert not [key for key in samples() if key[0] == "jobs_total"]


def test_ラベルのない計測は零に戻る(samples):
    """clear() of a metric without labels begins at zero."""
    jobs = metrics.counter("jobs", "d")
    jobs.inc(3)

    jobs.clear()
    jobs.remove()
    jobs.inc()

    assert samples()["jobs_total", ()] == 1


@pytest.mark.parametrize("kind", ["histogram", "summary"])
def test_時間を測る(kind, samples):
    """time() measures a block and each call of a function, sync and async, raising or not."""
    now = [10.0]
    clock.use(monotonic=lambda: now[0])
    wait = getattr(metrics, kind)("wait", "d", unit="seconds")

    @wait.time()
    def work():
        now[0] += 1

    @wait.labels().time()
    async def later():
        now[0] += 2
        raise KeyError

    with wait.time():
        work()
        with pytest.raises(KeyError):
            asyncio.run(later())
    got = samples()
    assert (got["wait_seconds_count", ()], got["wait_seconds_sum", ()]) == (3, 6)


def test_ゲージも時間を測れる(samples):
    """time() of a gauge sets it; set_to_current_time() sets seconds since the epoch."""
    now = [10.0]
    clock.use(monotonic=lambda: now[0], time_ns=lambda: 5_000_000_000)
    last = metrics.gauge("last", "d", unit="seconds")

    with last.time():
        now[0] += 3
    assert samples()["last_seconds", ()] == 3

    last.set_to_current_time()
    assert samples()["last_seconds", ()] == 5


def test_実行中を数える(samples):
    """track_inflight() is one more inside, one less after, for sync and async."""
    running = metrics.gauge("running", "d")

    @running.track_inflight()
    async def work():
        async with running.track_inflight():
            return samples()["running", ()]

    assert asyncio.run(work()) == 2
    assert samples()["running", ()] == 0


def test_例外を数える(samples):
    """count_exceptions() counts the wanted ones, which go on their way."""
    failed = metrics.counter("failed", "d")

    @failed.count_exceptions(KeyError)
    def work(error):
        raise error

    for error in (KeyError, ValueError):
        with pytest.raises(error):
            work(error)
    with pytest.raises(ZeroDivisionError), failed.labels().count_exceptions():
        1 / 0  # noqa: B018

    assert samples()["failed_total", ()] == 2


@pytest.mark.parametrize(
    ("unit", "better"),
    [("ms", "seconds"), ("KB", "bytes"), ("percent", "ratio"), ("%", "ratio"), ("s", "seconds")],
)
def test_基本でない単位には代わりが示される(unit, better):
    """A unit that Prometheus would not want is refused with the one it wants."""
    with pytest.raises(MetricError, match=better):
        metrics.gauge("x", "d", unit=unit)


def test_情報と状態に単位はない():
    """OpenMetrics has no unit for them; a summary's label cannot be quantile."""
    assert metrics.info("a", "d").shape.unit == ""
    with pytest.raises(MetricError, match="quantile"):
        metrics.summary("x", "d", ["quantile"])
    with pytest.raises(MetricError, match="expected one of"):
        metrics.gauge("y", "d", processes="average")
    with pytest.raises(MetricError, match="1 or more"):
        metrics.gauge("z", "d", max_label_sets=0)
