"""From the queue to the exporter and into the books."""

import threading

import pytest

from testpilot_obs import exporters
from testpilot_obs.protocols import SENT, Outcome, Verdict
from tests.delivery.fakes import (
    REFUSED,
    TOO_LARGE,
    UNREACHABLE,
    Collector,
    Printer,
    balance,
    deliver_to,
    line,
    put,
    put_lines,
)


@pytest.fixture
def deliver():
    """Return `deliver_to`; what it makes is shut down at the end."""
    made = []

    def make(*exporters, **settings):
        made.append(deliver_to(*exporters, **settings))
        return made[-1]

    yield make
    for one in made:
        one.shutdown(1.0)


def test_記録はすべて順に届く(deliver):
    """Everything arrives, in order, in batches of the set size."""
    collector = Collector()
    made = deliver(collector, blrp_max_export_batch_size=10)

    put_lines(made, 25)

    assert made.flush()
    assert collector.bodies == [str(n) for n in range(25)]
    assert max(collector.sizes) <= 10
    assert made.stats()["logs"].delivered == 25


def test_書き上がった行も記録の間で届く(deliver):
    """Lines that come encoded are delivered among records, each once, in whole batches."""
    collector = Collector()
    made = deliver(collector, blrp_max_export_batch_size=200)
    entries = [
        (exporters.encode_log(line(str(n))), exporters.named_scope_key("test"))
        for n in range(1_000)
    ]
    records = [line(str(n)) for n in range(1_000, 1_050)]
    mixed = [*entries[:500], *records, *entries[500:]]

    put(made.queue("logs"), *mixed)

    assert made.flush(10)
    assert collector.bodies == [
        str(n) for n in (*range(500), *range(1_000, 1_050), *range(500, 1_000))
    ]
    assert max(collector.sizes) <= 200
    assert made.stats()["logs"].delivered == 1_050


def test_記録を望む行き先があれば書き上がった行は取らない(deliver):
    """A queue takes encoded lines only if nobody wants the records themselves."""
    assert deliver(Collector()).queue("logs").takes_entries
    assert not deliver(Collector(), Printer()).queue("logs").takes_entries


def test_一束たまれば待たずに送る(deliver):
    """A whole batch goes out at once, long before its time."""
    collector = Collector()
    made = deliver(collector)

    put_lines(made, 512)
    collector.wait_for_tries(1)

    assert collector.bodies == [str(n) for n in range(512)]


def test_時間前の空き出しは一束ずつ送る(deliver):
    """Before its time only whole batches go; a flush sends the rest."""
    collector = Collector()
    made = deliver(collector, uses_threads=False, blrp_max_export_batch_size=10)
    (way,) = made._lines
    put_lines(made, 25)
    assert way.is_due()

    way.run()

    assert len(made.queue("logs")) == 5
    assert made.flush()
    assert collector.sizes == [10, 10, 5]
    assert collector.bodies == [str(n) for n in range(25)]


def test_予定の時間が来れば送る(deliver):
    """A single record goes out when the schedule says."""
    collector = Collector()
    made = deliver(collector, blrp_schedule_delay_s=0.01)

    put_lines(made, 1)
    collector.wait_for_tries(1)
    put_lines(made, 1)
    collector.wait_for_tries(2)

    assert collector.sizes == [1, 1]


def test_行き先が複数なら同じ記録が全部に届く(deliver):
    """Each destination gets everything, encoded or as records."""
    collector, printer = Collector(), Printer()
    made = deliver(collector, printer)

    put_lines(made, 3)

    assert made.flush()
    assert collector.bodies == printer.bodies == ["0", "1", "2"]
    assert [record.body for record in printer.records] == ["0", "1", "2"]


def test_悪い行き先はよい行き先を妨げない(deliver):
    """A destination that refuses leaves the other alone; the books show both."""
    good, bad = Collector(), Collector(then=REFUSED)
    made = deliver(good, bad)
    put_lines(made, 3)

    assert not made.flush()

    stats = made.stats()["logs"]
    assert good.bodies == ["0", "1", "2"]
    assert stats.destinations["to0"].delivered == 3
    assert stats.destinations["to1"].dropped == {"http_400": 3}
    assert (stats.delivered, stats.dropped) == (0, {"http_400": 3})
    assert set(balance(made.stats())) == {0}


def test_届かなければ待って同じものをまた送る(deliver, monkeypatch):
    """A batch that was not accepted is tried again, until it is."""
    monkeypatch.setattr("testpilot_obs.delivery._sender.pause_s", lambda *_, **__: 0.01)
    collector = Collector(UNREACHABLE, UNREACHABLE)
    made = deliver(collector)
    put_lines(made, 3)

    assert made.flush()

    assert collector.sizes == [3, 3, 3]
    assert collector.bodies == ["0", "1", "2"]


def test_大きすぎる包みは分けて送る(deliver):
    """A batch that is too large goes in halves, in order."""
    collector = Collector(TOO_LARGE, TOO_LARGE)
    made = deliver(collector)
    put_lines(made, 4)

    assert made.flush()

    assert collector.sizes == [4, 2, 1, 1, 2]
    assert collector.bodies == ["0", "1", "2", "3"]


def test_一件でも大きすぎれば失われて数えられる(deliver):
    """A single record that is too large is lost, its neighbours are not."""
    collector = Collector(TOO_LARGE, TOO_LARGE)
    made = deliver(collector)
    put_lines(made, 2)

    assert not made.flush()

    assert collector.bodies == ["1"]
    assert made.stats()["logs"].dropped == {"too_large": 1}


def test_一部だけ受け取られれば残りを数える(deliver):
    """Records that the receiver rejected are counted as lost."""
    made = deliver(Collector(Outcome(Verdict.SENT, rejected=2)))
    put_lines(made, 5)

    assert not made.flush()

    stats = made.stats()["logs"]
    assert (stats.delivered, stats.dropped) == (3, {"rejected": 2})


@pytest.mark.guarded
@pytest.mark.parametrize("answer", [RuntimeError("broken"), "yes", None])
def test_壊れた行き先は束を失うだけである(deliver, answer):
    """An exporter that raises or answers nonsense loses that batch, and is used again."""
    collector = Collector(answer)
    made = deliver(collector)
    put_lines(made, 1)

    assert not made.flush()
    put_lines(made, 1, first=1)
    assert made.flush()

    assert collector.bodies == ["1"]
    assert made.stats()["logs"].dropped == {"exporter_failed": 1}


@pytest.mark.guarded
def test_書けない記録は自分だけを失い数えられる(deliver):
    """One bad record costs its neighbours nothing, whatever the destinations want."""
    collector, printer = Collector(), Printer()
    made = deliver(collector, printer)

    put(made.queue("logs"), line("0"), object(), line("1"))

    assert not made.flush()
    assert collector.bodies == ["0", "1"]
    assert len(printer.records) == 3
    assert made.stats()["logs"].destinations["to0"].dropped == {"unencodable": 1}
    assert set(balance(made.stats())) == {0}


def test_行き先のない信号の列は何も残さない(deliver):
    """A signal without destination costs an append and is not counted."""
    made = deliver(Collector())

    put(made.queue("traces"), *range(10))

    assert made.flush()
    assert "traces" not in made.stats()
    assert made.signals == {"logs"}


def test_一つの行き先を二つの糸が同時に使わない(deliver):
    """One exporter for several signals is called by one thread at a time."""
    inside = []

    class Counting(Collector):
        def export(self, batch, *, timeout_s):
            inside.append(1)
            alone = len(inside) == 1
            inside.pop()
            return SENT if alone else REFUSED

    made = deliver(Counting(), signals=("traces", "logs"))
    for _ in range(50):
        put_lines(made, 1)
        assert made.flush()


def test_死んだ受け手に十万件でも待ち列は限られる(deliver):
    """With a dead receiver 100,000 records stay within the limits of count and bytes."""
    made = deliver(Collector(then=UNREACHABLE), blrp_max_queue_size=2_000, queue_bytes=200_000)

    put_lines(made, 100_000)
    made.flush(0.5)

    stats = made.stats()["logs"]
    line_of_logs = made._lines[0]
    assert line_of_logs.senders[0]._outbox.size <= 200_000
    assert len(made.queue("logs").items) <= 2_000
    assert stats.recorded == 100_000
    assert set(stats.dropped) <= {"queue_full", "outbox_full"}
    assert set(balance(made.stats())) == {0}


def test_待ち列が束より小さくても新しいものは届く(deliver):
    """A bound of bytes that is smaller than one batch loses the oldest, never the whole batch."""
    collector = Collector()
    made = deliver(collector, queue_bytes=2_000)

    put_lines(made, 100)
    made.flush()

    assert collector.bodies[-1] == "99"
    assert set(balance(made.stats())) == {0}


def test_糸は名で見分けられる(deliver):
    """The threads are daemons with names of ours, so that logs know them."""
    collector = Collector()
    made = deliver(collector)
    put_lines(made, 1)
    made.flush()

    assert collector.threads[0].name == "testpilot_obs logs to to0"
    assert collector.threads[0].daemon
    assert "testpilot_obs worker" in {thread.name for thread in threading.enumerate()}


def test_一度の試みの長さも設定に従う(deliver):
    """No try lasts longer than the signal's export timeout allows."""
    collector = Collector()
    made = deliver(collector, blrp_export_timeout_s=3.0)

    put_lines(made, 1)

    assert made.flush(60.0)
    assert 0 < collector.timeouts_s[0] <= 3.0


def test_回復は一度だけ告げられる(deliver, monkeypatch, caplog):
    """Trouble with a receiver is told once, its recovery too."""
    monkeypatch.setattr("testpilot_obs.delivery._sender.pause_s", lambda *_, **__: 0.0)
    away = UNREACHABLE.__class__(Verdict.RETRY, reason="away", message="nobody is there")
    made = deliver(Collector(away, away, away))
    put_lines(made, 1)

    with caplog.at_level("WARNING", logger="testpilot_obs"):
        assert made.flush()

    told = [record.getMessage() for record in caplog.records]
    assert told == ["logs to to0: nobody is there", "logs to to0: delivered again"]
