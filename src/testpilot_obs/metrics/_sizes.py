"""Which metrics are largest: here, or in what another process serves."""

from collections.abc import Iterator
from typing import Any

from testpilot_obs.errors import ObsError
from testpilot_obs.metrics import _budget
from testpilot_obs.metrics._budget import Size
from testpilot_obs.metrics._registry import instruments

_TIMEOUT_S = 10.0
_OF_A_KIND = frozenset({"le", "quantile"})


def top(count: int = 10) -> list[Size]:
    """Return the *count* metrics of this process with most label sets, the largest first."""
    return _budget.largest(instruments(), count)


def fetch(url: str, *, token: str = "") -> str:
    """Return what is served at *url*.

    Raises:
        ObsError: If nothing is, or something else than metrics.
    """
    import urllib.error
    import urllib.request

    if not url.startswith(("http://", "https://")):
        message = f"{url!r}: expected a URL such as http://127.0.0.1:9464/metrics"
        raise ObsError(message)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # checked above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310
            text: str = reply.read().decode("utf-8", "replace")
    except (urllib.error.URLError, OSError) as error:
        message = (
            f"no metrics at {url}: {error}; start the service with "
            "OTEL_METRICS_EXPORTER=prometheus, or say --url"
        )
        raise ObsError(message) from error
    return text


def sizes_of_text(text: str) -> list[Size]:
    """Return how large the metrics of a scrape are, the largest first.

    Raises:
        ObsError: If *text* is no scrape.
    """
    from prometheus_client.parser import text_string_to_metric_families

    try:
        sizes = [_size(family) for family in text_string_to_metric_families(text)]
    except ValueError as error:
        message = f"this is not Prometheus' text format: {error}"
        raise ObsError(message) from error
    return sorted((one for one in sizes if one.label_sets), key=_label_sets, reverse=True)


def _label_sets(size: Size) -> int:
    return size.label_sets


def _size(family: Any) -> Size:
    sets = {tuple(_own_labels(sample.labels)) for sample in family.samples}
    overflow = {one for one in sets if _budget.OVERFLOW in one}
    values: dict[str, set[str]] = {}
    for one in sets - overflow:
        for name, value in one:
            values.setdefault(name, set()).add(value)
    label = max(values, key=lambda name: len(values[name]), default="")
    return Size(
        metric=f"{family.name}_total" if family.type == "counter" else family.name,
        label_sets=len(sets - overflow),
        limit=0,
        overflowed=bool(overflow),
        largest_label=label,
        values=len(values.get(label, ())),
    )


def _own_labels(labels: dict[str, str]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in sorted(labels.items()) if name not in _OF_A_KIND)
