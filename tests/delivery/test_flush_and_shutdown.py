"""Flush tells the truth, shutdown ends in time, whatever the receiver does."""

import threading
import time

import pytest

from testpilot_obs.protocols import Outcome, Verdict
from tests.delivery.fakes import (
    REFUSED,
    UNREACHABLE,
    Collector,
    Printer,
    balance,
    deliver_to,
    put_lines,
)

NEVER = 30.0


@pytest.fixture
def stuck():
    """Return an event that holds exporters up until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def seconds(call):
    """Return what *call* returns, and how long it took."""
    began = time.monotonic()
    result = call()
    return result, time.monotonic() - began


def test_送るものがなければすぐ終わる():
    """Without records nothing is started and nothing is waited for."""
    collector = Collector()
    made = deliver_to(collector)
    before = threading.active_count()

    assert made.flush(NEVER)
    assert threading.active_count() == before
    assert made.shutdown(NEVER).is_complete
    assert collector.closed == 1


def test_受け取られたと分かるまで待つ(stuck):
    """Flush returns when the receiver has answered, not before and not later."""
    made = deliver_to(Collector(gate=stuck))
    put_lines(made, 1)
    results = []
    flusher = threading.Thread(target=lambda: results.append(made.flush(NEVER)))
    flusher.start()
    assert results == []

    stuck.set()
    flusher.join(5)

    assert results == [True]
    made.shutdown()


def test_断られればそう答える():
    """What was refused was not delivered, so flush says False, at once."""
    made = deliver_to(Collector(REFUSED))
    put_lines(made, 1)

    is_delivered, took_s = seconds(lambda: made.flush(NEVER))

    assert not is_delivered
    assert took_s < NEVER / 2
    assert made.flush(NEVER)
    made.shutdown()


def test_黙った受け手を待つのは期限までである(stuck):
    """A receiver that never answers holds flush and shutdown up until their deadline only."""
    made = deliver_to(Collector(gate=stuck))
    put_lines(made, 3)

    assert not made.flush(0.05)
    report, took_s = seconds(lambda: made.shutdown(0.1))

    assert took_s < 2
    assert report.signals["logs"].dropped == {"deadline": 3}
    assert not report.is_complete
    assert set(balance(report.signals)) == {0}


def test_遅れて届いた答えは帳簿を変えない(stuck):
    """An answer that comes after the shutdown changes no figure."""
    collector = Collector(gate=stuck)
    made = deliver_to(collector)
    put_lines(made, 3)
    collector_thread_is_in = threading.Thread(target=made.flush, args=(0.05,))
    collector_thread_is_in.start()
    collector.wait_for_tries(1)
    report = made.shutdown(0.05)

    stuck.set()
    collector.threads[0].join(5)

    assert made.stats() == report.signals
    assert collector.closed == 1


def test_期限内に望みがなければ待たない():
    """When the next try would come too late there is nothing to wait for."""
    later = Outcome(Verdict.RETRY, reason="http_503", retry_after_s=120.0)
    made = deliver_to(Collector(then=later))
    put_lines(made, 2)

    report, took_s = seconds(lambda: made.shutdown(NEVER))

    assert took_s < NEVER / 2
    assert report.signals["logs"].dropped == {"http_503": 2}


def test_待ちの途中でも急げばすぐ送る(monkeypatch):
    """A flush does not wait for a backoff: it tries again at once."""
    monkeypatch.setattr("testpilot_obs.delivery._sender.pause_s", lambda *_, **__: NEVER)
    collector = Collector(UNREACHABLE)
    made = deliver_to(collector)
    put_lines(made, 1)
    assert not made.flush(0.5)

    assert made.flush(NEVER)

    assert collector.bodies == ["0"]
    made.shutdown()


def test_受け手の頼んだ待ちは急いでも守る():
    """A flush does not override what the receiver asked for."""
    later = Outcome(Verdict.RETRY, reason="http_429", retry_after_s=120.0)
    collector = Collector(later)
    made = deliver_to(collector)
    put_lines(made, 1)
    assert not made.flush(0.5)

    assert not made.flush(0.5)

    assert collector.sizes == [1]
    made.shutdown(0.1)


def test_一つの行き先が黙っても他は間に合う(stuck):
    """Destinations are served in parallel: one that hangs costs the others nothing."""
    good = Collector()
    made = deliver_to(Collector(gate=stuck), good)
    put_lines(made, 3)

    report = made.shutdown(0.2)

    assert good.bodies == ["0", "1", "2"]
    assert report.signals["logs"].destinations["to1"].delivered == 3


def test_期限は送る試みにも伝わる(stuck):
    """At the end no try may last longer than what is left."""
    collector = Collector()
    made = deliver_to(collector)
    put_lines(made, 1)

    made.shutdown(0.5)

    assert collector.timeouts_s[0] <= 0.5


def test_二度目の終了は同じ報告を返す():
    """A second shutdown does nothing and says the same."""
    collector = Collector()
    made = deliver_to(collector, Printer())
    put_lines(made, 2)
    report = made.shutdown()

    assert made.shutdown() is report
    assert collector.closed == 1
    assert made.is_shut_down
    assert str(report) == "logs: 2 of 2 delivered"


def test_終了の後に来たものは数えられる():
    """What is recorded after the end is counted as lost, and never raises."""
    made = deliver_to(Collector())
    put_lines(made, 2)
    made.shutdown()

    put_lines(made, 3)

    stats = made.stats()["logs"]
    assert (stats.recorded, stats.delivered) == (5, 2)
    assert stats.dropped == {"after_shutdown": 3}
    assert made.flush()
    assert set(balance(made.stats())) == {0}


def test_終了すれば糸も終わる():
    """No thread of ours is left after a shutdown."""
    collector = Collector()
    made = deliver_to(collector)
    put_lines(made, 1)
    made.flush()
    sender = collector.threads[0]

    made.shutdown()
    sender.join(5)

    assert not sender.is_alive()


def test_何人で終了を待っても全員に報告が来る(stuck):
    """Shutting down from several threads at once ends in time for all, with one report."""
    made = deliver_to(Collector(gate=stuck))
    put_lines(made, 1)
    reports = []
    threads = [
        threading.Thread(target=lambda: reports.append(made.shutdown(0.2))) for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert len(reports) == 4
    assert all(report is reports[0] for report in reports)


def test_次の配達へ渡せば遅れた記録も失われない():
    """With a successor what still comes is delivered by that one."""
    first, second = Collector(), Collector()
    old, new = deliver_to(first), deliver_to(second)
    put_lines(old, 2)
    old.forward(new)
    old.shutdown()

    put_lines(old, 1, first=2)

    assert new.flush()
    assert (first.bodies, second.bodies) == (["0", "1"], ["2"])
    new.shutdown()


def test_引き継がれる行き先は閉じない():
    """An exporter that the successor uses too is not closed."""
    shared, own = Collector(), Collector()
    made = deliver_to(shared, own)
    made.keep_open([shared])

    made.shutdown()

    assert (shared.closed, own.closed) == (0, 1)


@pytest.mark.guarded
def test_閉じるのに失敗しても終了は終わる():
    """An exporter that cannot be closed does not disturb the end."""

    class Jammed(Collector):
        def close(self):
            raise OSError

    made = deliver_to(Jammed())
    put_lines(made, 1)

    assert made.shutdown().is_complete


def test_失われたものは終わりに一行で告げられる(caplog):
    """One line at the end says what was lost and why."""
    made = deliver_to(Collector(then=REFUSED))
    put_lines(made, 2)

    with caplog.at_level("WARNING", logger="testpilot_obs"):
        made.shutdown()

    assert caplog.messages[-1] == (
        "not everything was delivered: logs: 0 of 2 delivered, lost 2 (http_400)"
    )
