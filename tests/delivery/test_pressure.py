"""The share of traces that is kept while more come than can be sent."""

import threading

import pytest

from testpilot_obs.delivery._keep import Keeper, Policy
from testpilot_obs.delivery._pressure import Valve
from tests.delivery.fakes import UNREACHABLE, Collector, deliver_to, put
from tests.delivery.records import LocalTrace, names, th


class Fill:
    """How full something is, as a test says."""

    def __init__(self, share=0.0):
        self.share = share

    def __call__(self):
        """Return it."""
        return self.share


@pytest.fixture
def queue():
    """Return the queue before the worker, empty."""
    return Fill()


@pytest.fixture
def outbox():
    """Return the waiting line of the only destination, empty."""
    return Fill()


@pytest.fixture
def valve(queue, outbox):
    """Return a valve that looks at the two."""
    return Valve(queue, [outbox])


def shares(valve, fill, *values):
    """Return the share after each of *values*."""
    found = []
    for value in values:
        fill.share = value
        valve.look()
        found.append(valve.share)
    return found


def test_半分までは全て残す(valve, outbox):
    """Half full is no pressure."""
    assert shares(valve, outbox, 0.1, 0.49) == [1.0, 1.0]


def test_満ちるほど半分ずつ減り空けば戻る(valve, outbox):
    """The share is halved step by step, stays low until there is room, and comes back."""
    falling = shares(valve, outbox, 0.5, 0.56, 0.72, 1.0)
    rising = shares(valve, outbox, 0.56, 0.45, 0.39)

    assert falling == [1 / 2, 1 / 4, 1 / 32, 1 / 1024]
    assert rising == [1 / 4, 1 / 2, 1.0]


def test_一つでも元気な行き先があれば減らさない(queue):
    """A destination that is down must not cost another one anything."""
    valve = Valve(queue, [Fill(1.0), Fill(0.1)])

    assert shares(valve, queue, 0.0) == [1.0]


def test_待ち行列は続けて増えるときだけ数える(valve, queue):
    """One burst of records is no trouble, nor is a long queue that does not grow."""
    assert shares(valve, queue, 0.9, 0.0, 0.9, 0.0) == [1.0] * 4
    assert shares(valve, queue, 0.6, 0.6) == [1.0, 1.0]


def test_増え続ける待ち行列は減らす(valve, queue):
    """A queue that grows from one drain to the next lowers the share, until it is empty."""
    assert shares(valve, queue, 0.6, 0.7, 0.7, 0.3) == [1.0, 1 / 32, 1 / 32, 1.0]


def test_失敗と遅延は最後まで残す(valve, outbox):
    """Under pressure ordinary traces go by their randomness; failed and slow ones stay."""
    keeper = Keeper(Policy(), valve)
    shares(valve, outbox, 0.56)
    low, high, bad, slow = LocalTrace(0.7), LocalTrace(0.8), LocalTrace(0.1), LocalTrace(0.1)

    kept = keeper.choose([low.child(), low.root(), high.child(), high.root()])
    kept += keeper.choose([bad.root(error=True), slow.root(lasts_s=1.0, name="slow")])

    assert [(span.name, th(span)) for span in kept] == [
        ("child", "c"),
        ("root", "c"),
        ("root", "0"),
        ("slow", "0"),
    ]
    assert keeper.left_out == {"backpressure": 2}


def test_圧力がなければ何もしない(valve, outbox):
    """Without pressure nobody is asked; after it only while something is held."""
    keeper = Keeper(Policy(), valve)
    assert keeper.is_idle

    shares(valve, outbox, 0.5)
    trace = LocalTrace(0.9)
    keeper.choose([trace.child()])
    shares(valve, outbox, 0.0)

    assert not keeper.is_idle
    assert names(keeper.choose([trace.root()])) == ["child", "root"]
    assert keeper.is_idle


def test_止まった受信側では溢れる前に減る(caplog):
    """With a dead collector traces are given up by share, counted and told once."""
    made = deliver_to(
        Collector(then=UNREACHABLE), signals=("traces",), queue_bytes=100_000, uses_threads=False
    )
    for _ in range(20):
        put(made.queue("traces"), *(LocalTrace(n / 50).root() for n in range(50)))
        made._work_inline()
        made._worker.turn()
        made._lines[0].run()
    stats = made.stats()["traces"]

    assert stats.dropped["backpressure"] > 0
    assert "queue_full" not in stats.dropped
    assert stats.kept_share < 1
    assert stats.recorded == stats.queued + stats.delivered + sum(stats.dropped.values())
    assert len([r for r in caplog.records if "more traces come" in r.getMessage()]) == 1
    report = made.shutdown(0.0)
    assert not report.is_complete


def test_元気な受信側では何も減らない():
    """A burst of half a queue reaches a healthy collector whole."""
    gate = threading.Event()
    gate.set()
    made = deliver_to(Collector(gate=gate), signals=("traces",))
    span = LocalTrace(0.0).root()

    put(made.queue("traces"), *([span] * 20_000))

    assert made.flush(30.0)
    assert made.stats()["traces"].delivered == 20_000
    made.shutdown(1.0)


def test_時間前の空き出しでも待たせた跡は忘れない():
    """A trace that a drain before its time holds back is looked at in time, not at the next due."""
    made = deliver_to(
        Collector(),
        signals=("traces",),
        uses_threads=False,
        bsp_max_export_batch_size=10,
        sample_ratio=0.5,
        sample_keep_errors=True,
        sample_hold_s=2.0,
    )
    (way,) = made._lines
    put(made.queue("traces"), *(LocalTrace().child() for _ in range(12)))
    assert way.is_due()
    before = way.due_at

    way.run()

    assert len(made.queue("traces")) == 2
    assert way.due_at < before - 3_000
    made.shutdown(1.0)
