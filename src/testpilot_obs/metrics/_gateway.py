"""Sending all metrics to a Prometheus Pushgateway once; for jobs that end before a scrape comes.

Source:
    https://github.com/prometheus/pushgateway#api
"""

import base64
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote

from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import text
from testpilot_obs.errors import MetricError
from testpilot_obs.metrics._render import CONTENT_TYPE, render

_OK = range(200, 300)


def push_to_gateway(
    url: str,
    job: str,
    *,
    grouping: Mapping[str, object] | None = None,
    method: Literal["PUT", "POST", "DELETE"] = "PUT",
    timeout_s: float = 5.0,
) -> bool:
    """Send all metrics to a Pushgateway; return whether it took them.

    Args:
        url: Where it is, e.g. ``"http://pushgateway:9091"``.
        job: Name of the job.
        grouping: More labels that tell this push from others, e.g. ``{"instance": "a"}``.
        method: ``PUT`` replaces what the group had, ``POST`` only metrics of the same names,
            ``DELETE`` takes all away.
        timeout_s: Longest time to wait for each step of the connection, in seconds.

    Raises:
        MetricError: If *url* or *job* cannot be used; a gateway that is away only warns.
    """
    import urllib.error
    import urllib.request

    if not url.startswith(("http://", "https://")) or not job:
        message = f"got {url!r} and job {job!r}: expected e.g. 'http://pushgateway:9091', 'backup'"
        raise MetricError(message)
    pairs = {"job": job, **(grouping or {})}
    path = "".join(f"/{_segment(text(key), text(value))}" for key, value in pairs.items())
    request = urllib.request.Request(  # noqa: S310  # checked above
        f"{url.rstrip('/')}/metrics{path}",
        data=None if method == "DELETE" else render(),
        method=method,
        headers={"Content-Type": CONTENT_TYPE},
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:  # noqa: S310
            return reply.status in _OK
    except (urllib.error.URLError, OSError, ValueError) as error:
        diagnostics.warn_once("pushgateway", "metrics were not pushed to %s: %s", url, error)
        return False


def _segment(key: str, value: str) -> str:
    """Return a part of the path; what a path cannot have is in base64.

    >>> _segment("instance", "a/b")
    'instance@base64/YS9i'
    """
    if value and "/" not in value:
        return f"{quote(key, safe='')}/{quote(value, safe='')}"
    packed = base64.urlsafe_b64encode(value.encode()).decode() or "="
    return f"{quote(key, safe='')}@base64/{packed}"
