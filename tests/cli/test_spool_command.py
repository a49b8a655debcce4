"""`testpilot-obs spool` shows, sends and throws away what could not be delivered."""

import json
import os
from pathlib import Path

import pytest

import testpilot_obs as obs
from testpilot_obs.cli import main
from testpilot_obs.delivery import spool
from testpilot_obs.testing.receiver import OtlpReceiver
from tests.exporters.builders import Batch, Span
from tests.lifecycle.programs import nobody, start

SPOOLING = """
handle = obs.init("shop", metrics_exporter="none")
work(3)
while handle.stats()["traces"].spooled < 3:
    handle.flush(0.2)
wait()
"""


@pytest.fixture(autouse=True)
def _settings(tmp_path, monkeypatch):
    """Use a spool of the test's own, and no settings of this repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TESTPILOT_OBS_SPOOL_DIR", str(tmp_path / "spool"))


@pytest.fixture
def _left():
    """Leave three spans and a log line of the service "shop" on disk."""
    handle = obs.init("shop", otlp_endpoint=nobody(), metrics_exporter="none", log_format="none")
    for _ in range(3):
        with obs.span("work"):
            pass
    obs.get_logger().info("hello")
    handle.shutdown(1.0)


def listed(capsys, *options):
    """Return what ``spool list --json`` prints."""
    assert main(["spool", "list", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("_left")
def test_何がどれだけあるかを示す(capsys):
    """The list says for each file whose it is, how much it holds and since when."""
    rows = {row["signal"]: row for row in listed(capsys)}

    assert {signal: row["records"] for signal, row in rows.items()} == {"traces": 3, "logs": 1}
    assert {row["service"] for row in rows.values()} == {"shop"}
    assert not rows["traces"]["is_in_use"]
    assert rows["traces"]["oldest_s"] > 1_700_000_000


@pytest.mark.usefixtures("_left")
def test_表は人に読める(capsys):
    """Without ``--json`` it is a table that ends with the sum."""
    assert main(["spool", "list"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["service", "destination", "signal"]
    assert lines[-1].startswith("4 records in ")


def test_何もなければそう言う(capsys):
    """An empty spool is no error."""
    assert main(["spool", "list"]) == 0
    assert "nothing lies in" in capsys.readouterr().out


@pytest.mark.usefixtures("_left")
def test_今すぐ送り直せる(capsys, monkeypatch):
    """``replay`` sends what lies there to the destination of today, once."""
    with OtlpReceiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint)

        assert main(["spool", "replay", "--service", "shop"]) == 0

    assert "traces to otlp: 3 delivered" in capsys.readouterr().out
    assert (len(receiver.spans), len(receiver.logs)) == (3, 1)
    assert receiver.spans[0].resource["service.name"] == "shop"
    assert listed(capsys) == []


def test_走っている過程のものは誰が持つかを言う(capsys, monkeypatch, tmp_path):
    """Beside a running service ``replay`` says which process will send what it has saved."""
    where = {"TESTPILOT_OBS_SPOOL_DIR": str(tmp_path / "spool")}
    service = start(SPOOLING, endpoint=nobody(), environ=where)
    with OtlpReceiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint)

        status = main(["spool", "replay", "--service", "shop"])
    said = capsys.readouterr().err
    assert main(["spool", "list"]) == 0
    listed = capsys.readouterr().out
    service.kill()
    service.communicate(timeout=20)

    assert status == 0
    assert f"3 records are in use by process {service.pid}" in said
    assert f"in use by {service.pid}" in listed
    assert receiver.spans == []


@pytest.mark.usefixtures("_left")
def test_誰かが送っている間は送らず理由を言う(capsys, monkeypatch, tmp_path):
    """While a running process sends what was left, ``replay`` leaves it alone and says why."""
    place = spool.folder_of(str(tmp_path / "spool"), "shop", destination="otlp", signal="traces")
    sending = spool.Spool(place, "traces")
    sending.take()
    other = spool.Spool(place, "traces")
    other.save(Batch(Span(span_id=1)))
    other.close()
    with OtlpReceiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint)

        assert main(["spool", "replay", "--service", "shop"]) == 1
    said = capsys.readouterr().err
    assert main(["spool", "list"]) == 0
    listed = capsys.readouterr().out
    sending.close()

    assert f"1 records are still there: process {os.getpid()} runs and is sending them" in said
    assert f"3 records are in use by process {os.getpid()}" in said
    assert f"left, {os.getpid()} is sending" in listed


@pytest.mark.usefixtures("_left")
def test_受け手がいなければ残る(capsys, monkeypatch):
    """With nobody there everything stays, and the exit status says so."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nobody())
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")

    assert main(["spool", "replay", "--service", "shop", "--timeout", "0.2"]) == 1
    assert "4 records are still there" in capsys.readouterr().err
    assert sum(row["records"] for row in listed(capsys)) == 4


def test_行き先がなければ手立てを言う(capsys):
    """Without a destination the remedy is named."""
    assert main(["spool", "replay"]) == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in capsys.readouterr().err


@pytest.mark.usefixtures("_left")
def test_捨てるときは一つのサービスだけにできる(capsys):
    """``purge`` removes what belongs to the service that was named."""
    assert main(["spool", "purge", "--service", "other", "--yes"]) == 0
    assert len(listed_after(capsys)) == 2

    assert main(["spool", "purge", "--service", "shop", "--yes"]) == 0
    assert listed_after(capsys) == []


def listed_after(capsys):
    """Forget what was printed and list what is left."""
    capsys.readouterr()
    return listed(capsys)


@pytest.mark.usefixtures("_left")
def test_尋ねられない所では黙って捨てない(capsys, monkeypatch):
    """Without a terminal ``purge`` needs ``--yes``."""
    with Path(os.devnull).open() as nobody_there:
        monkeypatch.setattr("sys.stdin", nobody_there)

        assert main(["spool", "purge", "--all"]) == 1
    assert "--yes" in capsys.readouterr().err
    assert len(listed(capsys)) == 2


@pytest.mark.parametrize("seconds", ["0", "-1", "soon"])
def test_おかしな時間は断られる(seconds, capsys):
    """A timeout that is no positive number is a usage error."""
    with pytest.raises(SystemExit):
        main(["spool", "replay", "--timeout", seconds])
    assert "--timeout" in capsys.readouterr().err
