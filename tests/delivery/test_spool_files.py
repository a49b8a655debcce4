"""The files of a spool: damage, limits, locks, keys."""

import os

import pytest

from testpilot_obs.delivery.spool import Cipher, Limits, Spool
from testpilot_obs.exporters import count_records
from testpilot_obs.testing import FakeClock, capture
from tests.delivery.spools import Request, files, save, take_all
from tests.exporters.builders import Batch, Span


@pytest.fixture
def folder(tmp_path):
    """Return where the spool of the tests lies."""
    return tmp_path / "spool"


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


def test_満ちたファイルも終わるまでは自分のものである(folder):
    """What this process saved is sent by it alone, so its books know what became of it."""
    spool = Spool(str(folder), "logs", limits=Limits(max_bytes=512 * 1024))
    texts = [letter * 30_000 for letter in "uvwxyz"]
    for text in texts:
        spool.save(Request(text), in_a_hurry=True)
    other = Spool(str(folder), "logs")

    assert len(files(folder)) > 1
    assert take_all(other) == []
    assert take_all(spool) == texts
    assert spool.saved == 0


def test_上限より大きなものは置かれない(folder):
    """A record that is larger than all that may lie there is refused, and nothing goes for it."""
    spool = Spool(str(folder), "logs", limits=Limits(max_bytes=64 * 1024))
    spool.save(Request("a"))

    assert not spool.save(Request("x" * 70_000), in_a_hurry=True)
    assert spool.save(Request("b"))
    assert take_all(spool) == ["a", "b"]


def test_分けた半分は終わるときもう一度分けて残される(folder):
    """A half that was delivered does not come again when the process ends before the other."""
    spool = Spool(str(folder), "traces")
    spool.save(Batch(*(Span(span_id=n + 1) for n in range(4))))
    first, second = spool.take().halves()
    spool.hold(second)
    spool.settle(first)
    spool.close()

    after = Spool(str(folder), "traces")
    left = after.take()
    after.settle(left)

    assert (len(left), count_records("traces", left.otlp())) == (2, 2)
    assert after.take() is None
