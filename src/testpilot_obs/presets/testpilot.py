"""The metrics of TestPilot, exactly as its plan for monitoring names them.

>>> from testpilot_obs.presets import testpilot
>>> testpilot.record_code_generation("success", "project-7", 2.5)
>>> testpilot.set_active_sessions(3)
"""

from typing import Literal

from testpilot_obs import metrics

code_generation_total: metrics.Counter = metrics.counter(
    "code_generation_total", "Code generations, by how they ended.", ("status", "project_id")
)
"""Counter{status,project_id}; beyond 2,000 label sets projects are counted together."""

code_generation_duration_seconds: metrics.Histogram = metrics.histogram(
    "code_generation_duration_seconds",
    "Time that a code generation took, in seconds.",
    unit="seconds",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
"""Histogram of seconds."""

active_sessions_total: metrics.Gauge = metrics.gauge(
    "active_sessions_total", "Sessions that are open now."
)
"""Gauge; with several processes their sum."""


def record_code_generation(
    status: Literal["success", "error"], project_id: object, duration_s: float
) -> None:
    """Count one code generation.

    Args:
        status: How it ended.
        project_id: Whose it was.
        duration_s: How long it took, in seconds.
    """
    code_generation_total.labels(status, project_id).inc()
    code_generation_duration_seconds.observe(duration_s)


def set_active_sessions(count: int) -> None:
    """Say how many sessions are open."""
    active_sessions_total.set(count)


def get_metrics() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return metrics.render()
