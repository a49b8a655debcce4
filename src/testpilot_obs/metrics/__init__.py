"""Numbers about the application: counters, gauges and histograms, pulled and pushed.

An update is one ``append`` to a journal; the numbers are settled when they are read (`render`,
`collect`) or when the journal grows. Everything works before ``init()``.
"""

from testpilot_obs.metrics import _red as red
from testpilot_obs.metrics._apps import asgi_app, wsgi_app
from testpilot_obs.metrics._budget import Size
from testpilot_obs.metrics._catalogue import Entry, catalogue
from testpilot_obs.metrics._collect import collect
from testpilot_obs.metrics._connect import collector, connect, open_server
from testpilot_obs.metrics._decorators import counted, inflight, timed
from testpilot_obs.metrics._default import (
    counter,
    gauge,
    histogram,
    info,
    state_set,
    summary,
)
from testpilot_obs.metrics._facts import Info, StateSet
from testpilot_obs.metrics._gateway import push_to_gateway
from testpilot_obs.metrics._instruments import Counter, Gauge, Histogram, Summary
from testpilot_obs.metrics._journal import dropped
from testpilot_obs.metrics._registry import Registry, registry, reset
from testpilot_obs.metrics._render import CONTENT_TYPE, OPENMETRICS_CONTENT_TYPE, render
from testpilot_obs.metrics._self import observe_export
from testpilot_obs.metrics._series import (
    CounterSeries,
    GaugeSeries,
    HistogramSeries,
    SummarySeries,
)
from testpilot_obs.metrics._sizes import fetch, sizes_of_text, top

__all__ = [
    "CONTENT_TYPE",
    "OPENMETRICS_CONTENT_TYPE",
    "Counter",
    "CounterSeries",
    "Entry",
    "Gauge",
    "GaugeSeries",
    "Histogram",
    "HistogramSeries",
    "Info",
    "Registry",
    "Size",
    "StateSet",
    "Summary",
    "SummarySeries",
    "asgi_app",
    "catalogue",
    "collect",
    "collector",
    "connect",
    "counted",
    "counter",
    "dropped",
    "fetch",
    "gauge",
    "histogram",
    "inflight",
    "info",
    "observe_export",
    "open_server",
    "push_to_gateway",
    "red",
    "registry",
    "render",
    "reset",
    "sizes_of_text",
    "state_set",
    "summary",
    "timed",
    "top",
    "wsgi_app",
]
