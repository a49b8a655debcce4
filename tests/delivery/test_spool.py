"""What cannot be sent lies on disk, and goes out when somebody takes it."""

import os
import threading
import time

import pytest

from tests.delivery.fakes import (
    REFUSED,
    TOO_LARGE,
    UNREACHABLE,
    Collector,
    balance,
    deliver_to,
    line,
    put,
    put_lines,
    spooled_by,
)
from tests.delivery.spools import files


@pytest.fixture
def folder(tmp_path):
    """Return where the spool of the tests lies."""
    return tmp_path / "spool"


@pytest.fixture
def deliver(folder):
    """Return a function that makes a delivery with a spool; all of them end with the test."""
    made = []

    def make(*exporters, **settings):
        made.append(deliver_to(*exporters, spool="on", spool_dir=str(folder), **settings))
        return made[-1]

    yield make
    for one in made:
        one.shutdown(0.0)


def bodies(number, first=0):
    """Return the texts of the lines that `put_lines` writes."""
    return [str(n) for n in range(first, first + number)]


def test_受け手が元気ならディスクに触れない(deliver, folder):
    """Nothing is written, no folder made, while everything is accepted."""
    made = deliver(Collector())
    put_lines(made, 5)

    assert made.flush(5)
    assert made.shutdown(5).is_complete
    assert not folder.exists()


def test_終わりに届かなければ次の始まりに届く(deliver, folder):
    """What nobody took at the end is delivered by the next process of the service, once."""
    first = deliver(Collector(then=UNREACHABLE))
    put_lines(first, 600)
    report = first.shutdown(5)
    assert (report.spooled, report.lost, report.is_complete) == (600, 0, False)
    assert "600 on disk" in str(report)

    collector = Collector()
    second = deliver(collector)
    second.start_if_needed()
    collector.wait_for_tries(2)
    second.shutdown(5)

    assert collector.bodies == bodies(600)
    assert second.stats()["logs"].recovered == 600
    assert second.stats()["logs"].recorded == 0
    assert files(folder) == []


def test_二度続けて失敗すればすぐディスクへ行く(deliver, monkeypatch):
    """The circuit opens at the second failure: what waits and what comes goes to disk."""
    monkeypatch.setattr("testpilot_obs.delivery._sender.pause_s", lambda *_, **__: 0.0)
    collector = Collector(UNREACHABLE, UNREACHABLE, then=UNREACHABLE)
    made = deliver(collector)
    put_lines(made, 3)
    assert not made.flush(5)
    collector.wait_for_tries(2)

    put_lines(made, 4, first=3)
    assert not made.flush(5)

    assert made.stats()["logs"].spooled == 7
    assert set(balance(made.stats())) == {0}


def test_受け手が戻れば古い順に送る(deliver, folder):
    """After an outage flush sends what lies on disk, and says that all was delivered."""
    collector = Collector(then=UNREACHABLE)
    made = deliver(collector)
    put_lines(made, 3)
    assert spooled_by(made, 3)
    assert files(folder)

    collector.recover()
    put_lines(made, 2, first=3)
    assert made.flush(10)

    assert sorted(collector.bodies) == bodies(5)
    assert made.stats()["logs"].spooled == 0
    assert made.shutdown(5).is_complete
    assert files(folder) == []


def test_すぐ止まる受け手では終わりも速い(deliver):
    """With a place on disk nobody waits for a second try at the end."""
    made = deliver(Collector(then=UNREACHABLE))
    put_lines(made, 3)

    report = made.shutdown(30)

    assert report.took_s < 5
    assert report.spooled == 3


def test_答えない受け手でも期限内にディスクへ行く(deliver):
    """A receiver that never answers costs the time that is allowed, and no record."""
    gate = threading.Event()
    made = deliver(Collector(gate=gate))
    put_lines(made, 3)

    report = made.shutdown(0.4)
    gate.set()

    assert (report.spooled, report.lost) == (3, 0)
    assert report.took_s < 1.5


class Slow(Collector):
    """Keeps a batch at once and says so after a while, if it is given the time.

    Args:
        answer_s: How long the answer takes, in seconds.
    """

    def __init__(self, answer_s):
        super().__init__()
        self._answer_s = answer_s

    def export(self, batch, *, timeout_s):
        """Keep, wait, answer."""
        outcome = super().export(batch, timeout_s=timeout_s)
        threading.Event().wait(min(self._answer_s, timeout_s))
        return outcome if timeout_s > self._answer_s else UNREACHABLE


def test_間に合わない試みは始めずディスクに残す(deliver):
    """At the end no request is begun that would be cut: what it had brought would come twice."""
    slow, well = Slow(0.15), Collector()
    made = deliver(slow, blrp_max_export_batch_size=1)
    put_lines(made, 40)
    report = made.shutdown(1.0)
    deliver(well).start_if_needed()
    well.wait_for_tries(report.spooled)

    assert report.spooled > 0
    assert sorted(slow.bodies + well.bodies, key=int) == bodies(40)


def test_遅い答えもディスクの分の時間まで聞かれる(deliver):
    """A request under way is heard while there is time to save it; what waits behind is saved."""
    slow = Slow(0.79)
    made = deliver(slow, blrp_max_export_batch_size=1)
    put_lines(made, 3)
    report = made.shutdown(1.0)

    assert slow.bodies == ["0"]
    assert (report.signals["logs"].delivered, report.spooled) == (1, 2)


def test_ディスクに場所のないものは時間がなくても送ってみる(deliver):
    """What is too large for the disk has its one try, however late it is."""
    collector = Collector()
    made = deliver(collector, spool_max_bytes=10)
    put_lines(made, 1)

    assert made.shutdown(0.0).is_complete
    assert collector.bodies == ["0"]


def test_待ち時間なしで終わってもディスクには残る(deliver):
    """With no time at all to send, what was recorded is kept."""
    made = deliver(Collector(then=UNREACHABLE))
    put_lines(made, 100)

    assert made.shutdown(0.0).spooled == 100


def test_断られたものは残さない(deliver, folder):
    """What will never be accepted is counted as lost, not kept."""
    made = deliver(Collector(REFUSED))
    put_lines(made, 2)

    report = made.shutdown(5)

    assert (report.lost, report.spooled) == (2, 0)
    assert files(folder) == []


def test_切ってあればディスクに書かない(tmp_path):
    """``spool="off"`` keeps nothing: what was not sent is lost and counted."""
    made = deliver_to(Collector(then=UNREACHABLE), spool="off", spool_dir=str(tmp_path))
    put_lines(made, 2)

    assert made.shutdown(0.2).signals["logs"].dropped == {"connection_refused": 2}
    assert files(tmp_path) == []


def test_終わりだけと言えば途中では書かない(tmp_path):
    """``spool="exit"`` keeps records in memory during an outage, and on disk at the end."""
    made = deliver_to(Collector(then=UNREACHABLE), spool="exit", spool_dir=str(tmp_path))
    put_lines(made, 2)
    for _ in range(3):
        assert not made.flush(0.1)
    assert files(tmp_path) == []

    assert made.shutdown(1).spooled == 2


def test_大きすぎるものはディスクからも半分ずつ送る(deliver):
    """A stored request that is too large goes out in parts, each record once."""
    first = deliver(Collector(then=UNREACHABLE))
    put_lines(first, 8)
    first.shutdown(5)

    collector = Collector(TOO_LARGE, TOO_LARGE)
    second = deliver(collector)
    second.start_if_needed()
    collector.wait_for_tries(5)
    second.shutdown(5)

    assert sorted(collector.bodies) == bodies(8)
    assert second.stats()["logs"].recovered == 8


def test_半分だけ送れたら残りだけをもう一度送る(deliver):
    """After an outage in the middle of a split request only what was not accepted is sent."""
    first = deliver(Collector(then=UNREACHABLE))
    put_lines(first, 8)
    first.shutdown(5)
    collector = Collector(TOO_LARGE, then=UNREACHABLE)
    collector._answers.append(_sent())
    second = deliver(collector)
    second.start_if_needed()
    collector.wait_for_tries(3)
    second.shutdown(1)

    third = deliver(third_collector := Collector())
    third.start_if_needed()
    third_collector.wait_for_tries(1)
    third.shutdown(5)

    assert sorted(collector.bodies + third_collector.bodies) == bodies(8)


def _sent():
    from testpilot_obs.protocols import SENT

    return SENT


def test_満ちた待ち場所はディスクへあふれる(deliver):
    """With more in memory than may wait there, the oldest goes to disk and nothing is lost."""
    gate = threading.Event()
    made = deliver(Collector(gate=gate), queue_bytes=64 * 1024, blrp_max_export_batch_size=10)
    for _ in range(20):
        put(made.queue("logs"), *(line("x" * 1000) for _ in range(10)))
        made.flush(0.01)

    stats = made.stats()["logs"]
    gate.set()

    assert stats.lost == 0
    assert stats.spooled > 0
    assert made.shutdown(10).is_complete


def test_ディスクに場所があれば間引かない(deliver):
    """An outage is no reason to send fewer traces while there is room on disk."""
    made = deliver(Collector(then=UNREACHABLE), queue_bytes=64 * 1024)
    sender = made._senders[0]
    put(made.queue("logs"), *(line("x" * 1000) for _ in range(100)))

    assert spooled_by(made, 100)
    assert sender.fill() < 0.01


def test_always_ならすべてが先にディスクへ行く(deliver, folder):
    """With ``durability="always"`` records are on disk before they are sent, and gone after it."""
    gate = threading.Event()
    collector = Collector(gate=gate)
    made = deliver(collector, durability="always")
    put_lines(made, 3)
    collector.wait_for_tries(1)
    assert files(folder)
    assert made.stats()["logs"].spooled == 3

    gate.set()

    assert made.flush(5)
    assert collector.bodies == bodies(3)
    assert made.shutdown(5).is_complete
    assert files(folder) == []


def test_ファイルは本人だけが読める(deliver, folder):
    """Spool files are 0600 and their folders 0700, whatever the umask says."""
    before = os.umask(0)
    try:
        made = deliver(Collector(then=UNREACHABLE))
        put_lines(made, 1)
        made.shutdown(1)
    finally:
        os.umask(before)

    assert {path.stat().st_mode & 0o777 for path in files(folder)} == {0o600}
    above = [path for path in [folder, *folder.rglob("*")] if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in above} == {0o700}


def test_書けないディスクは一度だけ告げられる(deliver, folder, caplog):
    """A folder that cannot be made: one warning with the remedy, losses counted, nothing raised."""
    folder.write_text("in the way")
    made = deliver(Collector(then=UNREACHABLE))
    put_lines(made, 3)

    report = made.shutdown(0.3)

    assert report.lost == 3
    told = [r.message for r in caplog.records if "TESTPILOT_OBS_SPOOL_DIR" in r.message]
    assert len(told) == 1
    folder.unlink()


@pytest.mark.parametrize("uses_threads", [True, False])
def test_終わりに空回りしない(folder, uses_threads):
    """While the end waits for a receiver that hangs, nobody burns time."""
    gate = threading.Event()
    where = {"spool": "on", "spool_dir": str(folder), "uses_threads": uses_threads}
    exporters = [Collector(gate=gate), Collector()] if uses_threads else [Collector()]
    made = deliver_to(*exporters, **where)
    put_lines(made, 3)
    began = time.process_time()

    made.shutdown(1.0)
    spent_s = time.process_time() - began
    gate.set()

    assert spent_s < 0.5


def test_行き先は別々に失敗する(deliver):
    """One destination that is away takes nothing from the other, and has a spool of its own."""
    healthy, away = Collector(), Collector(then=UNREACHABLE)
    made = deliver(healthy, away)
    put_lines(made, 5)

    report = made.shutdown(5)

    tallies = report.signals["logs"].destinations
    assert healthy.bodies == bodies(5)
    assert (tallies["to0"].delivered, tallies["to0"].spooled) == (5, 0)
    assert (tallies["to1"].delivered, tallies["to1"].spooled) == (0, 5)
    assert set(balance(report.signals)) == {0}
