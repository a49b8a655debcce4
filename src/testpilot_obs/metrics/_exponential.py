"""Histograms in ranges that grow by a constant factor and adapt to what is observed.

Kept beside the explicit ranges, for the push only, if it is asked for.

Source:
    OpenTelemetry specification, "Metrics SDK", "Base2 Exponential Bucket Histogram Aggregation":
    at most 160 ranges a side, scale 20 at first. The index of a value at scale s is
    ``ceil(log2(value) * 2**s) - 1``.
"""

import math
from collections.abc import Iterable
from typing import Any

from testpilot_obs.metrics._series import HistogramSeries
from testpilot_obs.protocols import ExponentialBuckets

MAX_RANGES = 160
MAX_SCALE = 20
MIN_SCALE = -10

_wanted: list[bool] = [False]


def use(instruments: Iterable[Any], *, wanted: bool) -> None:
    """Keep exponential ranges from now on, or no more; what was before is not in them."""
    _wanted[0] = wanted
    for instrument in instruments:
        for series in instrument.every():
            if isinstance(series, HistogramSeries):
                series.exponential = new()


def new() -> "Exponential | None":
    """Return empty ranges, if they are asked for."""
    return Exponential() if _wanted[0] else None


class Exponential:
    """The ranges of one series."""

    __slots__ = ("negative", "positive", "scale", "zero")

    def __init__(self) -> None:
        self.scale = MAX_SCALE
        self.zero = 0
        self.positive: dict[int, int] = {}
        self.negative: dict[int, int] = {}

    def add(self, value: float) -> None:
        """Count one finite value."""
        if value == 0:
            self.zero += 1
            return
        side = self.positive if value > 0 else self.negative
        index = index_of(abs(value), self.scale)
        lowest = min(side, default=index)
        highest = max(side, default=index)
        while max(highest, index) - min(lowest, index) >= MAX_RANGES and self.scale > MIN_SCALE:
            self._halve()
            side = self.positive if value > 0 else self.negative
            index, lowest, highest = index >> 1, lowest >> 1, highest >> 1
        side[index] = side.get(index, 0) + 1

    def _halve(self) -> None:
        self.scale -= 1
        self.positive, self.negative = _merged(self.positive), _merged(self.negative)

    def state(self) -> ExponentialBuckets:
        """Return the counts as they are now."""
        return ExponentialBuckets(
            self.scale, self.zero, *_dense(self.positive), *_dense(self.negative)
        )


def index_of(value: float, scale: int) -> int:
    """Return the range of a positive *value*: ``base**index < value <= base**(index + 1)``.

    >>> [index_of(value, 0) for value in (1.0, 1.5, 2.0, 4.0)]
    [-1, 0, 0, 1]
    """
    mantissa, exponent = math.frexp(value)
    is_power = mantissa == 0.5  # noqa: PLR2004  # frexp gives 0.5 for powers of two
    if scale <= 0:
        return (exponent - (2 if is_power else 1)) >> -scale
    if is_power:
        return ((exponent - 1) << scale) - 1
    return math.ceil(math.ldexp(math.log2(value), scale)) - 1


def _merged(side: dict[int, int]) -> dict[int, int]:
    merged: dict[int, int] = {}
    for index, count in side.items():
        merged[index >> 1] = merged.get(index >> 1, 0) + count
    return merged


def _dense(side: dict[int, int]) -> tuple[int, tuple[int, ...]]:
    if not side:
        return 0, ()
    low = min(side)
    return low, tuple(side.get(index, 0) for index in range(low, max(side) + 1))
