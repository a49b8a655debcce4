"""How many label sets a metric may have, and who has the most.

Beyond the limit a metric has one more series, which takes the rest. Its label is the one that
OpenTelemetry has for this, as Prometheus spells it.

Source:
    OpenTelemetry specification, "Metrics SDK", "Cardinality limits": 2,000 and
    ``otel.metric.overflow``.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from testpilot_obs._core import diagnostics

MAX_LABEL_SETS = 2_000
MAX_LABEL_LENGTH = 256
OVERFLOW = ("otel_metric_overflow", "true")
"""The label of the series that takes what is beyond the limit."""


class Settings:
    """What `init()` says."""

    __slots__ = ("max_length", "max_sets")

    def __init__(self) -> None:
        self.max_sets = MAX_LABEL_SETS
        """Most label sets of a metric that has no limit of its own."""
        self.max_length = MAX_LABEL_LENGTH
        """Longest label value that is kept, in characters."""


settings = Settings()


class Size(NamedTuple):
    """How large one metric is."""

    metric: str
    label_sets: int
    """How many it has, without that of the overflow."""
    limit: int
    overflowed: bool
    """Whether there were more."""
    largest_label: str
    """The label with most values; empty without labels."""
    values: int
    """How many values that one has."""


def limit_of(instrument: Any) -> int:
    """Return how many label sets *instrument* may have."""
    return settings.max_sets if instrument.limit is None else int(instrument.limit)


def size_of(instrument: Any) -> Size:
    """Return how large *instrument* is."""
    label, values = _largest_label(instrument)
    return Size(
        instrument.name,
        len(instrument.series),
        limit_of(instrument),
        instrument.overflow is not None,
        label,
        values,
    )


def largest(instruments: Iterable[Any], count: int) -> list[Size]:
    """Return the *count* metrics with most label sets, the largest first."""
    ranked = sorted(instruments, key=lambda one: len(one.series), reverse=True)
    return [size_of(one) for one in ranked[:count] if one.series]


def warn(instrument: Any, place: str) -> None:
    """Say, once for each metric, that it has too many label sets."""
    if instrument.overflow is not None:
        return
    label, values = _largest_label(instrument)
    diagnostics.warn_once(
        f"overflow:{instrument.name}",
        "%s has %d label sets, the most it may have; from now on further ones, such as that at "
        "%s, are counted together under %s=%r. The label with most values is %s (%d). Take it "
        "away or give it fewer values, or raise max_label_sets",
        instrument.name,
        len(instrument.series),
        place,
        *OVERFLOW,
        label,
        values,
    )


def _largest_label(instrument: Any) -> tuple[str, int]:
    columns = zip(*list(instrument.series), strict=False)
    counts = {
        name: len(set(column))
        for name, column in zip(instrument.shape.labels, columns, strict=False)
    }
    if not counts:
        return "", 0
    name = max(counts, key=counts.__getitem__)
    return name, counts[name]
