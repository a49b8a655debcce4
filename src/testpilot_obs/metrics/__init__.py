"""Numbers about the application: counters, gauges and histograms, pulled and pushed.

An update is one ``append`` to a journal; the numbers are settled when they are read (`render`,
`collect`) or when the journal grows. Everything works before ``init()``.
"""

from testpilot_obs.metrics import _red as red
from testpilot_obs.metrics._collect import collect
from testpilot_obs.metrics._connect import connect
from testpilot_obs.metrics._decorators import counted, inflight, timed
from testpilot_obs.metrics._instruments import Counter, Gauge, Histogram
from testpilot_obs.metrics._journal import dropped
from testpilot_obs.metrics._registry import Registry, counter, gauge, histogram, registry, reset
from testpilot_obs.metrics._render import CONTENT_TYPE, render
from testpilot_obs.metrics._series import CounterSeries, GaugeSeries, HistogramSeries

__all__ = [
    "CONTENT_TYPE",
    "Counter",
    "CounterSeries",
    "Gauge",
    "GaugeSeries",
    "Histogram",
    "HistogramSeries",
    "Registry",
    "collect",
    "connect",
    "counted",
    "counter",
    "dropped",
    "gauge",
    "histogram",
    "inflight",
    "red",
    "registry",
    "render",
    "reset",
    "timed",
]
