"""Exporters by name, and the one that keeps records in memory."""

import sys

import pytest

from testpilot_obs import exporters
from testpilot_obs.config import load
from testpilot_obs.protocols import SENT, SIGNALS, LogRecord, MetricFamily, MetricKind
from tests.exporters.builders import Batch, Span

GRPC = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(
    ("name", "environ", "kind"),
    [
        ("otlp", {}, exporters.OtlpHttpExporter),
        ("otlp", GRPC, exporters.OtlpGrpcExporter),
        ("otlp_file", {"TESTPILOT_OBS_OTLP_FILE": "x.jsonl"}, exporters.OtlpFileExporter),
        ("console", {}, exporters.ConsoleExporter),
    ],
)
def test_名前で開ける(tmp_path, signal, name, environ, kind):
    """Each name of OTEL_*_EXPORTER opens its exporter, for each signal."""
    config = load({}, environ=environ, cwd=tmp_path)
    exporter = exporters.open(name, config, signal)

    assert type(exporter) is kind
    exporter.after_fork()
    exporter.close()


def test_名のあるコンソールは標準出力に書く(tmp_path, monkeypatch, capsys):
    """The console that the user named is stdout."""
    exporter = exporters.open("console", load({}, environ={}, cwd=tmp_path), "traces")
    exporter.export(Batch(Span()), timeout_s=1)
    out, err = capsys.readouterr()

    assert out.startswith('{"span":"work"')
    assert err == ""
    assert sys.stdout is not None


def test_記憶は信号ごとに貯める():
    """The memory exporter keeps the very objects, by signal, until it is cleared."""
    memory = exporters.MemoryExporter()
    span, log = Span(), LogRecord(1, 9, "INFO", "hi", {}, "app")
    family = MetricFamily("m", MetricKind.GAUGE, "", "", [], 1)
    for record, signal in ((span, "traces"), (log, "logs"), (family, "metrics")):
        assert memory.export(Batch(record, signal=signal), timeout_s=1) == SENT
    memory.close()

    assert memory.spans[0] is span
    assert memory.logs == [log]
    assert memory.metrics == [family]
    memory.after_fork()
    assert (memory.spans, memory.logs, memory.metrics) == ([], [], [])
