"""The scrape: our numbers, those of others, and what a client may ask for."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from testpilot_obs import names as emitted
from testpilot_obs._core import clock
from testpilot_obs.metrics import _cells, _exemplars, _foreign, _journal, _text
from testpilot_obs.metrics._collect import View, refresh, views
from testpilot_obs.metrics._own import own
from testpilot_obs.metrics._registry import instruments

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The ``Content-Type`` of what `render` returns."""
OPENMETRICS_CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
"""The ``Content-Type`` of what `render` returns with ``openmetrics=True``."""


def render(*, openmetrics: bool = False, names: Collection[str] = ()) -> bytes:
    """Return all metrics as text, UTF-8: Prometheus' format, or OpenMetrics with exemplars.

    With several processes the numbers are those of all.

    Args:
        openmetrics: True for OpenMetrics.
        names: If given, only these metrics or series, e.g. ``{"jobs_total"}``.

    Source:
        https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4, and
        OpenMetrics, version 1.0.0
    """
    began = clock.monotonic()
    refresh()
    is_shared = _cells.is_shared()
    with _journal.settled():
        local = views()
        written = [] if is_shared else [_written(local, openmetrics, names)]
        _exemplars.wake(instruments())
    if is_shared:
        written = [_written(_of_all(local), openmetrics, names)]
    else:
        written.append(_foreign_text(local, openmetrics=openmetrics, names=names))
    if openmetrics:
        written.append("# EOF\n")
    own(emitted.SCRAPE_DURATION).observe(max(clock.monotonic() - began, 0.0))
    return "".join(written).encode()


def _of_all(local: list[View]) -> list[View]:
    from testpilot_obs.metrics import _shared

    return _shared.views(local)


def _written(some: list[View], openmetrics: bool, names: Collection[str]) -> str:  # noqa: FBT001
    return _text.render(some, is_open=openmetrics, names=names)


class _Registry:
    """What prometheus-client's writers ask for metrics."""

    def __init__(self, found: list["Metric"]) -> None:
        self._found = found

    def collect(self) -> Iterator["Metric"]:
        return iter(self._found)


def _foreign_text(local: list[View], *, openmetrics: bool, names: Collection[str]) -> str:
    found = list(_foreign.metrics({view.shape.name for view in local}))
    if names:
        found = [kept for one in found if (kept := _restricted(one, names)) is not None]
    if not found:
        return ""
    if openmetrics:
        from prometheus_client.openmetrics import exposition

        write: Any = exposition.generate_latest
    else:
        from prometheus_client import generate_latest as write
    text: bytes = write(_Registry(found))
    return text.decode().removesuffix("# EOF\n")


def _restricted(metric: Any, names: Collection[str]) -> Any:
    if metric.name in names:
        return metric
    return metric._restricted_metric(names)  # noqa: SLF001  # what name[] is made of there
