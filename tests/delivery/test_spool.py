"""What cannot be sent lies on disk, and goes out when somebody takes it."""

import os
import threading
import time
from pathlib import Path

import pytest

from testpilot_obs.delivery.spool import Cipher, Limits, Spool
from testpilot_obs.testing import FakeClock, capture
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
)


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


def files(folder):
    """Return the spool files below *folder*."""
    return sorted(Path(folder).rglob("*.spool"))


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
    collector = Collector(UNREACHABLE, UNREACHABLE, UNREACHABLE)
    made = deliver(collector)
    put_lines(made, 3)
    for _ in range(3):
        assert not made.flush(0.2)
    assert files(folder)

    put_lines(made, 2, first=3)
    assert made.flush(5)

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
    made.flush(0.2)
    made.flush(0.2)

    assert made.stats()["logs"].spooled == 100
    assert sender.fill() < 0.01


def test_ディスクが満ちるにつれて圧が上がる(folder):
    """The fuller the place on disk is, the higher is the pressure that thins traces out."""
    spool = Spool(str(folder), "logs", limits=Limits(max_bytes=512 * 1024))
    fills = [spool.fill()]
    for _ in range(4):
        spool.save(Request(os.urandom(50_000).hex()), in_a_hurry=True)
        fills.append(spool.fill())

    assert fills[0] == 0
    assert fills == sorted(fills)
    assert fills[-1] > 0.5


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


class Request:
    """Something that can be saved."""

    signal = "logs"

    def __init__(self, text, count=1):
        self.text = text
        self.count = count

    def __len__(self):
        return self.count

    def otlp(self):
        """Return the text."""
        return self.text.encode()


def take_all(spool):
    """Return the texts of all that lies there, oldest first, and settle it."""
    texts = []
    while (stored := spool.take()) is not None:
        texts.append(stored.otlp().decode())
        spool.settle(stored)
    return texts


def save(folder, *texts, **how):
    """Leave *texts* behind as a process that has ended."""
    spool = Spool(str(folder), "logs", **how)
    for text in texts:
        assert spool.save(Request(text))
    spool.close()
    return spool


def test_引き裂かれた終わりは飛ばされ数えられる(folder):
    """A file that ends in the middle of a record gives all that stands before it."""
    save(folder, "a", "b" * 100, "c" * 100)
    (path,) = files(folder)
    os.truncate(path, path.stat().st_size - 10)

    spool = Spool(str(folder), "logs")

    assert take_all(spool) == ["a", "b" * 100]
    assert spool.lost_of_others == {"spool_damaged": 1}
    spool.close()
    assert files(folder) == []


@pytest.mark.parametrize("place", [0, 4, 7, 20, 40])
def test_壊れた記録は隣を巻き込まない(folder, place):
    """A damaged byte in header or payload costs that record; those around it are delivered."""
    save(folder, "a", "b", "c")
    (path,) = files(folder)
    data = bytearray(path.read_bytes())
    second = data.index(b"TPO1", 1)
    data[second + min(place, data.index(b"TPO1", second + 1) - second - 1)] ^= 0xA5
    path.write_bytes(data)

    spool = Spool(str(folder), "logs")

    assert take_all(spool) == ["a", "c"]
    assert spool.lost_of_others == {"spool_damaged": 1}


def test_ごみだけのファイルは消える(folder):
    """A file of garbage is counted and removed, and what lies beside it goes out."""
    save(folder, "a")
    (folder / "00000000000000000000-1-ab.spool").write_bytes(os.urandom(5_000))
    (folder / "00000000000000000001-1-cd.spool").write_bytes(b"")

    spool = Spool(str(folder), "logs")

    assert take_all(spool) == ["a"]
    spool.close()
    assert files(folder) == []


def test_大きさの上限では古いものから消える(folder):
    """Beyond the limit the oldest files go, counted; the youngest records are all there."""
    spool = Spool(str(folder), "logs", limits=Limits(max_bytes=512 * 1024))
    texts = [os.urandom(10_000).hex() for _ in range(100)]
    for text in texts:
        assert spool.save(Request(text), in_a_hurry=True)

    lost = spool.lost["spool_full"]
    on_disk = sum(path.stat().st_size for path in files(folder))

    assert 0 < lost < 100
    assert spool.saved == 100 - lost
    assert on_disk <= 512 * 1024
    assert take_all(spool) == texts[lost:]


def test_古すぎるものは送らない(folder):
    """What has lain there longer than allowed is counted as lost."""
    spool = Spool(str(folder), "logs", limits=Limits(max_age_s=60))
    with capture(clock=FakeClock(start_ns=10**18)):
        spool.save(Request("old", 3))
    with capture(clock=FakeClock(start_ns=10**18 + 100 * 10**9)):
        spool.save(Request("new"))
        texts = take_all(spool)

    assert texts == ["new"]
    assert spool.lost == {"spool_expired": 3}
    assert spool.saved == 0


def test_生きている過程のファイルには触れない(folder):
    """A file that a running process writes to is its own; what a dead one left is anybody's."""
    alive = Spool(str(folder), "logs")
    alive.save(Request("mine"))
    save(folder, "left")

    other = Spool(str(folder), "logs")

    assert take_all(other) == ["left"]
    assert take_all(alive) == ["mine"]


def test_送るのは一度に一つの過程だけである(folder):
    """While one process sends what was left, another does not take the rest."""
    save(folder, "a")
    save(folder, "b")
    first, second = (Spool(str(folder), "logs") for _ in range(2))
    stored = first.take()

    assert stored.otlp() == b"a"
    assert second.take() is None

    first.give_back(stored)
    second.look_now()
    assert take_all(second) == ["a", "b"]


@pytest.mark.needs("cryptography")
def test_鍵があれば中身は読めない(folder):
    """With a key nothing of a record can be read; with the same key it comes back."""
    key = b"k" * 32
    save(folder, "canary" * 100, cipher=Cipher(key))
    (path,) = files(folder)
    assert b"canary" not in path.read_bytes()

    assert take_all(Spool(str(folder), "logs", cipher=Cipher(key))) == ["canary" * 100]


@pytest.mark.needs("cryptography")
@pytest.mark.parametrize("cipher", [None, Cipher(b"o" * 32)], ids=["なし", "別の鍵"])
def test_別の鍵の記録は残される(folder, cipher):
    """What was encrypted with another key is left where it is, for who has that key."""
    save(folder, "secret", cipher=Cipher(b"k" * 32))

    other = Spool(str(folder), "logs", cipher=cipher)
    assert take_all(other) == []
    other.close()

    assert take_all(Spool(str(folder), "logs", cipher=Cipher(b"k" * 32))) == ["secret"]


def test_送る途中で満ちたファイルも残りは失われない(folder):
    """A file that is filled up while a record of it is being sent gives the others later."""
    spool = Spool(str(folder), "logs", limits=Limits(max_bytes=512 * 1024))
    texts = [letter * 30_000 for letter in "xyz"]
    spool.save(Request(texts[0]), in_a_hurry=True)
    sent = spool.take()
    for text in texts[1:]:
        spool.save(Request(text), in_a_hurry=True)
    spool.settle(sent)

    assert sorted(take_all(spool)) == texts[1:]
    assert spool.saved == 0
    spool.close()
    assert files(folder) == []


def test_ファイルでないものが道にあっても残りは届く(folder):
    """A folder that is called like a file is passed by."""
    save(folder, "a")
    (folder / "0000.spool").mkdir()

    spool = Spool(str(folder), "logs")

    assert take_all(spool) == ["a"]
    assert not spool.has_waiting()


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
