"""A service that lives long, and a disk that is really full."""

import shutil
import subprocess

import pytest

from testpilot_obs.delivery.spool import Spool, _spool
from testpilot_obs.protocols import SENT
from tests.delivery.fakes import (
    UNREACHABLE,
    Collector,
    balance,
    deliver_to,
    put_lines,
    spooled_by,
)
from tests.delivery.spools import Request, descriptors, files, take_all

OUTAGES = 1_000


def test_千回の停止の後も開いたファイルは増えない(tmp_path):
    """After 1,000 outages and recoveries no more files are open, or there, than after the first."""
    collector = Collector()
    where = {"spool": "on", "spool_dir": str(tmp_path / "spool")}
    made = deliver_to(collector, uses_threads=False, **where)
    opened = []
    for number in range(OUTAGES):
        collector._then = UNREACHABLE
        put_lines(made, 1, first=number)
        assert spooled_by(made, 1)
        opened.append(descriptors())
        collector._then = SENT
        assert made.flush(5)
        opened.append(descriptors())
    report = made.shutdown(5)

    assert report.is_complete
    assert len(collector.bodies) == OUTAGES
    assert max(opened) - opened[0] <= 2
    assert files(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 64 kB."""
    place = tmp_path / "disk"
    place.mkdir(mode=0o700)
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=64k,mode=700", "none", str(place)]
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_本当に満ちたディスクでも壊れた記録は残らない(small_disk, monkeypatch):
    """On a disk without room each record is there as a whole or not at all; room is used again."""
    monkeypatch.setattr(_spool, "_PAUSE_S", 0.0)
    spool = Spool(str(small_disk / "logs"), "logs")
    kept = []
    for number in range(40):
        text = f"{number:05}" * 1000
        if spool.save(Request(text), in_a_hurry=True):
            kept.append(text)

    assert 0 < len(kept) < 40
    assert spool.saved == len(kept)
    assert take_all(spool) == kept
    assert spool.lost == {}
    assert spool.save(Request("room again"))
    assert take_all(spool) == ["room again"]
    spool.close()


def test_満ちたディスクの帳簿も合う(small_disk):
    """What found no room is in memory, and counts as lost at the end with its reason."""
    made = deliver_to(Collector(then=UNREACHABLE), spool="on", spool_dir=str(small_disk / "spool"))
    (small_disk / "other").write_bytes(b"x" * 60 * 1024)
    put_lines(made, 2_000)
    report = made.shutdown(1)

    assert set(balance(report.signals)) == {0}
    assert report.lost + report.spooled == 2_000
    assert set(report.signals["logs"].dropped) == {"connection_refused"}
