"""What metrics there are, as data; the preset; what the library tells about itself."""

import json
import sys

import testpilot_obs as obs
from testpilot_obs import metrics, names
from testpilot_obs._core import clock
from testpilot_obs.cli import main
from testpilot_obs.metrics import _self
from testpilot_obs.metrics._own import ALL
from testpilot_obs.presets import testpilot

QUIET = {"traces_exporter": "none", "log_format": "none"}


def test_目録はすべての計測を挙げる():
    """Each metric with kind, unit, labels, help, buckets and where it is declared."""
    metrics.histogram("wait", "Waiting.", ["db"], unit="seconds", buckets=(1, 2))

    entry = next(one for one in metrics.catalogue() if one.name == "wait_seconds")

    assert (entry.kind, entry.unit, entry.labels) == ("histogram", "seconds", ("db",))
    assert (entry.help, entry.buckets) == ("Waiting.", (1.0, 2.0))
    assert "test_catalogue.py:" in entry.declared_at


def test_自分の計測は一か所で宣言される():
    """All that the library emits is in the catalogue before it is used, under a known name."""
    own = {one.name for one in metrics.catalogue() if one.declared_at == "testpilot_obs"}

    assert own == {one.shape.name for one in ALL}
    assert own <= {value for name, value in vars(names).items() if name.isupper()}


def test_目録は命令で見られる(capsys, tmp_path, monkeypatch):
    """`metrics list` prints the catalogue, with what a module of the user declares."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "shop_numbers.py").write_text(
        "from testpilot_obs import metrics\nmetrics.counter('orders', 'Orders.', ['kind'])\n"
    )

    assert main(["metrics", "list", "shop_numbers"]) == 0
    assert "orders_total" in capsys.readouterr().out
    assert main(["metrics", "list", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert listed["orders_total"]["labels"] == ["kind"]
    assert main(["metrics", "list", "no_such_module"]) == 1
    assert "no_such_module" in capsys.readouterr().err


def test_計画の計測は計画どおりである():
    """Names, kinds, labels and buckets of the plan, exactly."""
    shapes = [
        testpilot.code_generation_total.shape,
        testpilot.code_generation_duration_seconds.shape,
        testpilot.active_sessions_total.shape,
    ]

    assert [(one.name, one.kind.value, one.labels) for one in shapes] == [
        ("code_generation_total", "counter", ("status", "project_id")),
        ("code_generation_duration_seconds", "histogram", ()),
        ("active_sessions_total", "gauge", ()),
    ]
    assert shapes[1].bounds == (0.1, 0.5, 1, 2, 5, 10, 30, 60)


def test_計画の関数は記録する():
    """The plan's functions count, observe and set."""
    for one in (
        testpilot.code_generation_total,
        testpilot.code_generation_duration_seconds,
        testpilot.active_sessions_total,
    ):
        one.clear()

    testpilot.record_code_generation("success", 7, 2.5)
    testpilot.set_active_sessions(3)

    metrics.collect()
    assert testpilot.code_generation_total.labels("success", "7").total == 1
    assert testpilot.code_generation_duration_seconds.labels().total == 2.5
    assert testpilot.active_sessions_total.labels().value == 3
    assert isinstance(testpilot.get_metrics(), bytes)


def test_自分のことも語る(samples):
    """Queues, delivered, dropped, export time, scrape time, start time and build."""

    class Refuses:
        wants_records = True

        def export(self, batch, *, timeout_s):
            from testpilot_obs.protocols import SENT, Outcome, Verdict

            return SENT if batch.signal == "traces" else Outcome(Verdict.REFUSED, "no_room")

        def close(self):
            pass

        def after_fork(self):
            pass

    with obs.init(service_name="shop", exporters=[Refuses()], **QUIET) as handle:
        with obs.span("work"):
            pass
        obs.get_logger("x").warning("hello")
        handle.flush(5.0)
        samples()
        got = samples()

    assert got[names.DELIVERED_TOTAL, (("signal", "traces"),)] == 1
    assert got[names.DROPPED_TOTAL, (("reason", "no_room"), ("signal", "logs"))] == 1
    assert got[names.QUEUE_LENGTH, (("signal", "traces"),)] == 0
    assert got[f"{names.EXPORT_DURATION}_count", (("signal", "traces"),)] == 1
    assert got[f"{names.SCRAPE_DURATION}_count", ()] >= 1
    assert 0 < clock.time_ns() / 1e9 - got[names.PROCESS_START_TIME, ()] < 36_000
    assert any(n == names.BUILD_INFO and ("service", "shop") in labels for n, labels in got)


def test_始まりの時刻はprocがなくても分かる(monkeypatch):
    """Where /proc tells nothing it is the moment of the first question."""
    monkeypatch.setattr(_self, "_known", {})
    monkeypatch.setattr("builtins.open", _missing)
    clock.use(time_ns=lambda: 5_000_000_000)

    assert _self.start_time_s() == 5.0


def _missing(*_):
    raise FileNotFoundError
