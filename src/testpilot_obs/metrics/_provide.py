"""Being the meter provider of ``opentelemetry.metrics``, or joining the one that is there.

Nothing of it is imported before the application does.
"""

import sys
from typing import Any

from testpilot_obs._core import diagnostics
from testpilot_obs._core.import_hook import AfterImport
from testpilot_obs.metrics import _foreign

_API = "opentelemetry.metrics"
_waiting: list[AfterImport] = []
_joined: list[Any] = []


def provide() -> None:
    """Take part as soon as somebody imports OpenTelemetry's metrics."""
    if _API in sys.modules:
        _take_part()
    elif not _waiting:
        hook = AfterImport(_API, _take_part)
        _waiting.append(hook)
        hook.install()


def _take_part() -> None:
    _waiting.clear()
    from opentelemetry import metrics

    now = metrics.get_meter_provider()
    if type(now).__name__ == "_ProxyMeterProvider":
        from testpilot_obs.metrics._meter import MeterProvider

        metrics.set_meter_provider(MeterProvider())
    elif hasattr(now, "add_metric_reader") and not any(one is now for one in _joined):
        from testpilot_obs.metrics._joined import Reader

        reader = Reader()
        now.add_metric_reader(reader)
        _joined.append(now)
        _foreign.add_source(reader.metrics)
    elif not type(now).__module__.startswith("testpilot_obs") and now not in _joined:
        diagnostics.warn_once(
            "meter provider",
            "the application's meter provider %s cannot be joined: its metrics are not scraped "
            "here; an OpenTelemetry SDK of 1.45 or newer can",
            type(now).__name__,
        )
