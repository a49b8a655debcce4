"""Batches: one encoding, grouped by scope, in halves; a bad record loses only itself."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from testpilot_obs import exporters
from testpilot_obs.delivery import _parcel
from testpilot_obs.delivery._build import encoding_of
from testpilot_obs.delivery._outbox import Outbox
from testpilot_obs.delivery._parcel import Parcel, RecordBatch
from tests.delivery.fakes import bodies_in, line

RESOURCE = {"service.name": "test"}


class Unwritable:
    """Anything but a record."""


def parcel_of(*records, lost=None):
    """Return a parcel of log lines."""
    parcel = Parcel(encoding_of("logs"), RESOURCE)
    parcel.extend(iter(records), lose=bool if lost is None else lost.append)
    return parcel


def test_記録は作り手ごとにまとまる():
    """The records of one logger share a scope, in their order."""
    parcel = parcel_of(line("1", logger="a"), line("2", logger="b"), line("3", logger="a"))

    scopes = ExportLogsServiceRequest.FromString(parcel.otlp()).resource_logs[0].scope_logs

    assert [scope.scope.name for scope in scopes] == ["a", "b"]
    assert bodies_in(parcel.otlp()) == ["1", "3", "2"]


@pytest.mark.guarded
def test_書けない記録は自分だけを失う():
    """A record that cannot be encoded is told, and its neighbours go on."""
    bad, lost = Unwritable(), []

    parcel = parcel_of(line("1"), bad, line("2"), lost=lost)

    assert bodies_in(parcel.otlp()) == ["1", "2"]
    assert lost == [bad]
    assert len(parcel) == 2


def entry(body, *, logger="test"):
    """Return a log line that is encoded already."""
    record = line(body, logger=logger)
    return exporters.encode_log(record), exporters.scope_key("logs", record)


def test_書き上がった行も同じ包みになる():
    """Lines that come encoded make the same parcel as records."""
    parcel = Parcel(encoding_of("logs"), RESOURCE)

    left = parcel.extend_made([entry("1", logger="a"), entry("2", logger="b")])

    usual = parcel_of(line("1", logger="a"), line("2", logger="b"))
    assert left == ()
    assert parcel.otlp() == usual.otlp()
    assert (len(parcel), parcel.size) == (len(usual), usual.size)


def test_書き上がった行も満ちれば残る(monkeypatch):
    """Of lines that come encoded a parcel takes what fits, and the first however large it is."""
    monkeypatch.setattr(_parcel, "MAX_PARCEL_BYTES", 300)
    parcel, next_one = (Parcel(encoding_of("logs"), RESOURCE) for _ in range(2))
    entries = [entry("x" * 1_000), entry("1"), entry("2")]

    left = parcel.extend_made(entries)

    assert len(parcel) == 1
    assert left == entries[1:]
    assert next_one.extend_made(left) == ()
    assert bodies_in(next_one.otlp()) == ["1", "2"]


def test_包みは半分に分かれる():
    """Halves hold all records, in order, and their sizes add up."""
    parcel = parcel_of(*(line(str(n)) for n in range(5)))

    first, second = parcel.halves()

    assert bodies_in(first.otlp()) + bodies_in(second.otlp()) == ["0", "1", "2", "3", "4"]
    assert (len(first), len(second)) == (2, 3)
    assert first.size + second.size == parcel.size


def test_一件の包みは分かれない():
    """One record has no halves."""
    assert parcel_of(line()).halves() is None


def test_包みは大きさで閉じる(monkeypatch):
    """A parcel takes no more records when it is large enough."""
    monkeypatch.setattr(_parcel, "MAX_PARCEL_BYTES", 1_000)
    records = iter([line("x" * 600) for _ in range(5)])
    parcel = Parcel(encoding_of("logs"), RESOURCE)

    parcel.extend(records, lose=bool)

    assert len(parcel) == 2
    assert parcel.is_full
    assert len(list(records)) == 3


def test_包みは記録そのものを持たない():
    """A waiting parcel is bytes only."""
    assert parcel_of(line()).records == ()


@pytest.mark.guarded
def test_記録の束も必要ならOTLPになる(monkeypatch):
    """Exporters of records may ask for bytes; what cannot be written is left out."""
    monkeypatch.setattr(_parcel, "MAX_PARCEL_BYTES", 10)
    batch = RecordBatch(encoding_of("logs"), RESOURCE)
    for record in (line("1"), line("2"), line("3")):
        batch.add(record)
    batch.records.insert(1, Unwritable())

    assert bodies_in(batch.otlp())
    assert len(batch) == 3


def test_待ち列は大きさを超えると古い包みを捨てる():
    """The outbox keeps to its bytes: the oldest parcels go, counted by their records."""
    parcels = [parcel_of(line(str(n)), line(str(n))) for n in range(4)]
    outbox = Outbox(parcels[0].size * 2)

    for parcel in parcels:
        outbox.put(parcel)

    assert outbox.pushed_out == 4
    assert outbox.size == parcels[0].size * 2
    assert outbox.take() is parcels[2]
    assert outbox.accepted == 8


def test_重すぎる記録は隣を巻き込まない():
    """A record larger than the whole outbox is lost alone: what waits and its neighbours stay."""
    waiting = parcel_of(line("waiting"))
    outbox = Outbox(waiting.size * 4)
    outbox.put(waiting)

    outbox.put(parcel_of(line("before"), line("x" * 9_999), line("after")))

    kept = [bodies_in(parcel.otlp()) for parcel in iter(outbox.take, None)]
    assert kept == [["waiting"], ["before"], ["after"]]
    assert (outbox.accepted, outbox.pushed_out, outbox.size) == (4, 1, 0)


def test_待ち列より大きな包みは入らない():
    """A record larger than the whole outbox is lost at once."""
    outbox = Outbox(10)

    outbox.put(parcel_of(line()))

    assert (len(outbox), outbox.size, outbox.pushed_out) == (0, 0, 1)
    assert outbox.take() is None


def test_返した包みは先頭に戻る():
    """What is given back is taken next."""
    outbox = Outbox(10_000)
    first, second = parcel_of(line()), parcel_of(line())
    outbox.put(first)
    outbox.put(second)

    outbox.give_back(outbox.take())

    assert outbox.take() is first
    assert outbox.size == second.size


def test_計測の包みは点を数える():
    """The parcel of a metric counts its points, as receivers do."""
    assert encoding_of("metrics").points(type("F", (), {"points": [1, 2]})) == 2
    assert exporters.encode_metric is encoding_of("metrics").encode
