"""Sampling as people set it and a collector sees it."""

from contextlib import suppress

import pytest

import testpilot_obs as obs
from testpilot_obs import metrics
from testpilot_obs.exporters import MemoryExporter
from testpilot_obs.testing.receiver import OtlpReceiver

SPACE = 1 << 56


@pytest.fixture
def receiver():
    """Return a running OTLP receiver."""
    with OtlpReceiver() as running:
        yield running


@pytest.fixture
def start(receiver):
    """Return a function that initialises with the receiver as destination."""

    def start(**settings):
        return obs.init(
            "shop",
            otlp_endpoint=receiver.http_endpoint,
            metrics_exporter="none",
            log_format="none",
            **settings,
        )

    return start


def work(number):
    """Record *number* traces of two spans."""
    for _ in range(number):
        with obs.start_transaction("work"), obs.span("step"):
            pass


def fail(number):
    """Record *number* traces of two spans that fail."""
    for _ in range(number):
        with suppress(LookupError), obs.start_transaction("work"), obs.span("step"):
            raise LookupError


def count(span):
    """Return how many spans one that was received stands for."""
    threshold = int(span.trace_state.removeprefix("ot=th:").ljust(14, "0"), 16)
    return SPACE / (SPACE - threshold)


def test_設定がなければ何も書かれない(start, receiver):
    """By default everything is sent, and no trace state is made up."""
    handle = start()
    work(3)

    assert handle.flush()
    assert {span.trace_state for span in receiver.spans} == {""}
    assert handle.stats()["traces"].dropped == {}


def test_割合の分だけ跡ごと届く(start, receiver):
    """Whole traces are sent; what they stand for adds up; nothing counts as lost."""
    handle = start(sample_ratio=0.25)
    work(2_000)

    report = handle.shutdown(10.0)
    stats = report.signals["traces"]

    assert {len(spans) for spans in by_trace(receiver).values()} == {2}
    assert {span.trace_state for span in receiver.spans} == {"ot=th:c"}
    # Six standard deviations.
    assert abs(sum(count(span) for span in receiver.spans) / 2 - 2_000) < 470
    assert stats.recorded == 4_000 == stats.delivered + stats.dropped["sampled_out"]
    assert stats.lost == 0
    assert report.is_complete
    assert "sampled out" in str(report)
    assert "lost" not in str(report)


def by_trace(receiver):
    """Return the received spans by trace."""
    traces = {}
    for span in receiver.spans:
        traces.setdefault(span.trace_id, []).append(span)
    return traces


def test_REDの数は選択に左右されない(start):
    """Metrics count every transaction, whatever is sent; the choice is a metric too."""
    handle = start(sample_ratio=0)
    work(10)
    handle.flush()
    text = metrics.render().decode()

    assert 'transaction_duration_seconds_count{status="success",transaction="work"} 10' in text
    assert 'testpilot_obs_dropped_total{reason="sampled_out",signal="traces"} 20' in text
    assert 'testpilot_obs_kept_share{signal="traces"} 1' in text


def test_誤りは必ず届く(start, receiver):
    """With the tail rule every failed trace arrives whole, beside the share of the others."""
    handle = start(sample_ratio=0, sample_keep_errors=True)
    work(50)
    fail(5)

    assert handle.flush()
    assert [span.trace_state for span in receiver.spans] == ["ot=th:0"] * 10
    assert handle.stats()["traces"].dropped == {"sampled_out": 100}


def test_規則は根の名前で決まる(start, receiver):
    """Rules are asked in order, of the transaction."""
    handle = start(sample_rules="work: 0; other, tenant=acme: 1; *: 0")
    work(5)
    for tenant in ("acme", "else"):
        with obs.start_transaction("other", attributes={"tenant": tenant}), obs.span("step"):
            pass

    assert handle.flush()
    assert sorted(span.name for span in receiver.spans) == ["other", "step"]


def test_毎秒の上限(start, receiver):
    """No more traces than the limit are sent, and they stand for all."""
    handle = start(sample_traces_per_second=10)
    work(1_000)

    assert handle.flush(10.0)
    traces = len(by_trace(receiver))
    assert 1 <= traces <= 60
    assert handle.stats()["traces"].delivered == 2 * traces
    assert sum(count(span) for span in receiver.spans) > 500


def test_行き先が複数でも選択は同じ(start, receiver):
    """All destinations get the same spans with the same trace state."""
    memory = MemoryExporter()
    handle = start(sample_ratio=0.5, exporters=[memory])
    work(100)

    assert handle.flush()
    ours = {(span.span_id, span.local.trace_state.to_header()) for span in memory.spans}
    theirs = {(int.from_bytes(span.span_id, "big"), span.trace_state) for span in receiver.spans}
    assert ours == theirs
    assert len(ours) < 200


def test_開いた跡は呼ばれれば決まる(start, receiver):
    """A flush decides what is still open; what fails later is sent all the same."""
    handle = start(sample_ratio=0, sample_keep_errors=True)
    with suppress(LookupError), obs.span("open"):
        with obs.span("early"):
            pass
        assert handle.flush()
        raise LookupError

    assert receiver.spans == []
    assert handle.flush()
    assert [span.name for span in receiver.spans] == ["open"]
    assert handle.stats()["traces"].dropped == {"sampled_out": 1}


def test_前のサンプラーの選択も生きている(start, receiver, monkeypatch):
    """OTEL_TRACES_SAMPLER decides first: what it leaves out is not even recorded."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    handle = start(sample_ratio=0.5, sample_keep_errors=True)
    fail(3)

    assert handle.flush()
    assert handle.stats()["traces"].recorded == 0
