"""`init`: once, again with other settings, with mistakes, with objects."""

import io
import logging
import sys

import pytest

import testpilot_obs as obs
from testpilot_obs import _lifecycle
from testpilot_obs.errors import ConfigError, MissingExtraError
from testpilot_obs.exporters import MemoryExporter
from tests.delivery.fakes import Collector
from tests.lifecycle.programs import nobody, run


@pytest.fixture
def memory():
    """Return an exporter that keeps everything."""
    return MemoryExporter()


def start(*exporters, **settings):
    """Initialise without any destination but *exporters*."""
    off = {"traces_exporter": "none", "metrics_exporter": "none", "logs_exporter": "none"}
    return obs.init("shop", exporters=exporters, log_format="none", **{**off, **settings})


def work(name="work"):
    """Record a span."""
    with obs.span(name):
        pass


def names_of(spans):
    """Return the names of recorded spans."""
    return [span.name for span in spans]


def test_全ての信号が一つの行き先へ行く(memory):
    """An exporter gets spans, log lines and metrics."""
    handle = start(memory)
    hits = obs.metrics.counter("lifecycle_hits_total", "hits")

    with obs.start_transaction("order"):
        hits.inc()
        obs.get_logger("shop").info("paid")

    assert handle.flush()
    assert names_of(memory.spans) == ["order"]
    assert [log.body for log in memory.logs] == ["paid"]
    assert {"transaction_duration_seconds", "lifecycle_hits_total"} <= {
        family.name for family in memory.metrics
    }


def test_同じ設定なら何も変わらない(memory):
    """The same arguments give the same handle."""
    assert start(memory) is start(memory)


def test_別の設定なら前のものを届けてから替わる():
    """Other settings replace the first; what was recorded before is delivered before."""
    first, second = MemoryExporter(), MemoryExporter()
    before = start(first)
    work("before")

    after = start(second, service_version="2")
    work("after")

    assert after is not before
    assert after.flush()
    assert names_of(first.spans) == ["before"]
    assert names_of(second.spans) == ["after"]
    assert after.config.service_version == "2"


def test_前に作ったものも新しい設定で働き続ける():
    """Open spans, loggers and instruments of before go on with the new destination."""
    first, second = MemoryExporter(), MemoryExporter()
    start(first)
    logger = obs.get_logger("old")
    hits = obs.metrics.counter("lifecycle_old_total", "old")
    traced = obs.traced(name="old function")(lambda: None)
    span = obs.span("open")
    span.__enter__()

    handle = start(second)
    span.__exit__(None, None, None)
    logger.info("still here")
    traced()
    hits.inc()
    handle.flush()

    assert first.spans == []
    assert names_of(second.spans) == ["open", "old function"]
    assert [log.body for log in second.logs] == ["still here"]
    assert "lifecycle_old_total" in {family.name for family in second.metrics}


def test_同じ行き先を渡し直しても閉じられない():
    """An exporter that both settings have stays open."""
    shared = Collector()
    start(shared)
    start(shared, service_version="2")

    assert shared.closed == 0
    obs.shutdown()
    assert shared.closed == 1


def test_initの前は何も起きず後で働く(memory):
    """Everything may be used before `init`, and works after it."""
    assert not obs.is_initialized()
    assert obs.flush()
    work("too early")

    start(memory)
    work("in time")
    obs.flush()

    assert names_of(memory.spans) == ["in time"]


def test_終了の後は数えるだけで投げない(memory):
    """After the shutdown spans are counted as lost; a new `init` works again."""
    handle = start(memory)
    report = handle.shutdown()
    work("late")

    assert handle.stats()["traces"].dropped == {"after_shutdown": 1}
    assert handle.shutdown() is report
    assert not obs.is_initialized()
    again = MemoryExporter()
    start(again)
    work("again")
    obs.flush()
    assert names_of(again.spans) == ["again"]


def test_withを抜ければ終わる(memory):
    """The handle is a context manager."""
    with start(memory) as handle:
        work()
        assert "running" in repr(handle)

    assert not obs.is_initialized()
    assert repr(handle) == "<Handle of 'shop', shut down>"
    assert len(memory.spans) == 1


def test_悪い引数はすべて一度に告げられる():
    """All bad arguments are listed in one error, and nothing is started."""
    with pytest.raises(ConfigError) as error:
        obs.init(traces_sampler="sometimes", exit_timeout_s="soon", nonsense=1)

    assert len(error.value.problems) == 3
    assert not obs.is_initialized()


@pytest.fixture
def no_b3(monkeypatch):
    """Let the package of the B3 propagators be missing."""
    monkeypatch.setitem(sys.modules, "opentelemetry.propagators.b3", None)
    monkeypatch.delattr("opentelemetry.propagators.b3", raising=False)


@pytest.mark.usefixtures("no_b3")
def test_足りない包みでは何も始まらない():
    """Where a package is missing nothing is left half started."""
    with pytest.raises(MissingExtraError):
        obs.init(propagators="b3", log_format="none")

    assert not obs.is_initialized()


@pytest.mark.usefixtures("no_b3")
def test_足りない包みでは前の設定が続く(memory):
    """Where a package is missing the settings of before stay in effect."""
    handle = start(memory)
    with pytest.raises(MissingExtraError):
        start(memory, propagators="b3")

    work()

    assert handle.flush()
    assert names_of(memory.spans) == ["work"]


def test_自分の声の大きさは設定に従う(memory):
    """``OTEL_LOG_LEVEL`` says how much the library says; without it the user's level is kept."""
    voice = logging.getLogger("testpilot_obs")

    start(memory, otel_log_level="none")
    assert not voice.isEnabledFor(logging.CRITICAL)

    start(memory)
    assert voice.level == logging.NOTSET


def test_受け手がいなくても投げない():
    """An unreachable receiver is no reason to raise."""
    handle = obs.init(otlp_endpoint=nobody(), log_format="none")
    work()

    report = handle.shutdown(0.3)

    assert report.signals["traces"].spooled == 1


def test_開けない行き先が引数なら投げる(tmp_path):
    """A certificate that cannot be read is a mistake in an argument: told at once."""
    with pytest.raises(ConfigError):
        obs.init(otlp_endpoint="https://127.0.0.1:9", otlp_certificate=str(tmp_path / "none"))


@pytest.mark.guarded
def test_開けない行き先が環境なら警告して進む(monkeypatch, tmp_path, caplog):
    """The same in the environment is warned about, and the program starts."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(tmp_path / "none"))

    with caplog.at_level(logging.WARNING, logger="testpilot_obs"):
        handle = obs.init(log_format="none")

    assert handle.stats() == {}
    assert any("nothing is sent there" in message for message in caplog.messages)


def test_何も決めなければ画面に出る():
    """Without any setting spans are printed where the user says, or on stderr."""
    stream = io.StringIO()
    with obs.init(console_stream=stream):
        work("hello")

    assert "hello" in stream.getvalue()


def test_画面も出さないと決められる():
    """``log_format="none"`` prints no spans either."""
    assert obs.init(log_format="none").stats() == {}


def test_同じ種類の行き先も数え分けられる():
    """Two exporters of one kind have books of their own."""
    handle = start(MemoryExporter(), MemoryExporter())
    work()
    handle.flush()

    assert list(handle.stats()["traces"].destinations) == ["MemoryExporter", "MemoryExporter 2"]


class Processor:
    """A span processor as OpenTelemetry has them, that notes what it is told."""

    def __init__(self, *, is_good=True):
        self.told = []
        self._is_good = is_good

    def on_start(self, span, parent_context=None):
        """Note."""
        self.told.append("start")

    def _on_ending(self, span):
        """Nothing."""

    def on_end(self, span):
        """Note."""
        self.told.append("end")

    def shutdown(self):
        """Note."""
        self.told.append("shutdown")

    def force_flush(self, timeout_millis=30_000):
        """Note."""
        self.told.append("flush")
        return self._is_good


@pytest.mark.parametrize("is_good", [True, False])
def test_利用者の処理器も流され閉じられる(memory, is_good):
    """Span processors are flushed and shut down beside the delivery, and believed."""
    processor = Processor(is_good=is_good)
    handle = start(memory, span_processors=[processor])
    work()

    assert handle.flush() is is_good
    handle.shutdown()
    handle.shutdown()

    assert processor.told == ["start", "end", "flush", "shutdown"]


def test_糸がなくても処理器は流される(memory, monkeypatch):
    """At the end of the interpreter no thread starts; the caller does it himself."""

    def refuse(_thread):
        raise RuntimeError

    processor = Processor()
    handle = start(memory, span_processors=[processor])
    monkeypatch.setattr("threading.Thread.start", refuse)

    assert handle.flush()
    assert processor.told == ["flush"]
    monkeypatch.undo()


def test_遅い取引は一行残る(memory):
    """A transaction that is slow or fails gets one log line; a quick one none."""
    start(memory, slow_transaction_s=1000.0)
    with obs.start_transaction("quick"):
        pass
    with pytest.raises(ValueError), obs.start_transaction("broken"):
        raise ValueError
    start(memory, slow_transaction_s=0.000_001)
    with obs.start_transaction("slow"):
        pass
    obs.flush()

    assert [log.body for log in memory.logs] == ["transaction failed", "transaction slow"]


def test_終わりの失敗は外に出ない(monkeypatch, memory):
    """What goes wrong at exit reaches nobody."""
    start(memory)
    _lifecycle._life.end(1.0)

    assert not obs.is_initialized()


def test_initの前に終えても何も起きない():
    """Flush and shutdown without any `init` do nothing."""
    _, printed, _ = run("print(obs.flush(), obs.shutdown(), obs.is_initialized())")

    assert printed == "True nothing was recorded False\n"
