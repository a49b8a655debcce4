"""Metrics are collected when due, on flush and at the end, and only then."""

import pytest

from testpilot_obs.protocols import SENT, MetricFamily, MetricKind, Point
from tests.delivery.fakes import Collector, balance, deliver_to


class Meter(Collector):
    """An exporter that counts points."""

    def export(self, batch, *, timeout_s):
        """Count, and accept."""
        with self._changed:
            self.sizes.append(len(batch))
            self._changed.notify_all()
        return SENT


def families(*point_numbers):
    """Return metrics with so many series."""
    return [
        MetricFamily(
            name=f"metric_{number}",
            kind=MetricKind.COUNTER,
            documentation="",
            unit="",
            points=[Point({"n": str(n)}, 1.0, start_ns=1) for n in range(number)],
            time_ns=2,
        )
        for number in point_numbers
    ]


def test_点の数で数える():
    """Delivered are points, not metrics."""
    meter = Meter()
    made = deliver_to(meter, signals=("metrics",), collect=lambda: families(3, 2))

    assert made.flush()

    assert meter.sizes == [5]
    assert made.stats()["metrics"].delivered == 5
    assert made.shutdown().signals["metrics"].delivered == 10


def test_計測がなければ何も送らない():
    """Without any series no request is made."""
    meter = Meter()
    made = deliver_to(meter, signals=("metrics",), collect=list)

    assert made.flush()

    assert meter.sizes == []
    made.shutdown()


def test_間隔ごとに送る():
    """The worker collects at each interval by itself."""
    meter = Meter()
    made = deliver_to(
        meter,
        signals=("metrics",),
        collect=lambda: families(1),
        metric_export_interval_s=0.01,
    )

    made.start()
    meter.wait_for_tries(3)

    assert set(balance(made.shutdown().signals)) == {0}


@pytest.mark.guarded
def test_集めるのに失敗しても次がある():
    """A collection that raises loses that one only."""
    results = [RuntimeError("broken"), families(1)]

    def collect():
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    meter = Meter()
    made = deliver_to(meter, signals=("metrics",), collect=collect)

    made.flush()
    made.flush()

    assert meter.sizes == [1]
    results.append([])
    made.shutdown()
