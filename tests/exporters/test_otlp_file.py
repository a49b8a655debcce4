"""OTLP in a file, one line a batch."""

import json
import os
import stat
import threading

import pytest

from testpilot_obs.exporters import OtlpFileExporter
from testpilot_obs.protocols import SENT, LogRecord, Verdict
from tests.exporters.builders import Batch, Span

LOG = LogRecord(1, 9, "INFO", "hi", {}, "app")


@pytest.fixture
def path(tmp_path):
    """Return the path of a file that is not there yet."""
    return tmp_path / "telemetry.jsonl"


def documents(path):
    """Return what each line holds."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_束ごとに一行が足される(path):
    """Each batch of each signal is one line, after what was there."""
    path.write_text('{"old":1}\n')
    exporter = OtlpFileExporter(path)
    outcomes = [
        exporter.export(Batch(Span()), timeout_s=1),
        exporter.export(Batch(LOG, signal="logs"), timeout_s=1),
    ]
    exporter.close()

    assert outcomes == [SENT, SENT]
    assert [next(iter(line)) for line in documents(path)] == [
        "old",
        "resourceSpans",
        "resourceLogs",
    ]


def test_新しいファイルは持ち主だけが読める(path):
    """What was recorded is nobody else's business."""
    OtlpFileExporter(path).export(Batch(Span()), timeout_s=1)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_移されたファイルの後には新しいファイルができる(path):
    """After logrotate has moved the file away, a new one is begun."""
    exporter = OtlpFileExporter(path)
    exporter.export(Batch(Span()), timeout_s=1)
    path.rename(path.with_suffix(".1"))
    exporter.export(Batch(Span()), timeout_s=1)

    assert len(documents(path)) == 1


def test_開けないファイルはやり直しになる(tmp_path):
    """A folder that is missing is told, with the setting to look at, and tried again."""
    exporter = OtlpFileExporter(tmp_path / "missing" / "x.jsonl")
    outcome = exporter.export(Batch(Span()), timeout_s=1)

    assert outcome.verdict is Verdict.RETRY
    assert "TESTPILOT_OBS_OTLP_FILE" in outcome.message


def test_途中までしか書けなかった行の次は新しい行になる(path, monkeypatch):
    """A disk that takes half a line costs that line; the retry stands on its own."""
    exporter = OtlpFileExporter(path)
    real = os.write
    monkeypatch.setattr(os, "write", lambda number, data: real(number, data[: len(data) // 2]))
    torn = exporter.export(Batch(Span()), timeout_s=1)
    monkeypatch.undo()
    exporter.export(Batch(Span()), timeout_s=1)
    _half, whole = path.read_text(encoding="utf-8").splitlines()

    assert torn.verdict is Verdict.RETRY
    assert "resourceSpans" in json.loads(whole)


def test_同時に書いても行は混ざらない(path):
    """Several exporters (signals, forked children) share a file, line by line."""
    batch = Batch(*[Span(attrs={"long": "x" * 1000}) for _ in range(20)])

    def write():
        exporter = OtlpFileExporter(path)
        for _ in range(20):
            exporter.export(batch, timeout_s=1)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(documents(path)) == 80


@pytest.mark.needs("fork")
def test_分かれた子も続けて書ける(path):
    """Nothing is open between batches, so a forked child has nothing to forget."""
    exporter = OtlpFileExporter(path)
    exporter.after_fork()

    assert exporter.export(Batch(Span()), timeout_s=1) == SENT
