"""Compares figures: ratio, must, aim, share of what can be reached."""

import statistics
from dataclasses import dataclass

from benchmarks._harness import Results
from benchmarks._rows import LIMIT, OURS, SDK, Kind, Row

RIVALS = (SDK, "logfire", "sentry")
"""The libraries that start-up is held against."""
LEAST_EXCESS_MS = 0.01


@dataclass(frozen=True, slots=True)
class Judged:
    """One row with its result; figures are medians over the rounds, None if not measured."""

    row: Row
    ours: float | None
    sdk: float | None
    limit: float | None
    ratio: float | None
    """Above 1 ours is better; the median of the ratios of the rounds."""
    low: float | None
    high: float | None
    process_ratio: float | None
    """The same for the CPU time of the whole process, where that was measured."""
    must: bool | None
    aim: bool | None
    share: float | None
    """How much of the attainable limit ours reaches, 1.0 is all of it."""


def judge(row: Row, results: Results) -> Judged:
    """Return how ours stands in *row*."""
    ours, limit = series(row, OURS, results), series(row, LIMIT, results)
    if row.kind is Kind.AGAINST_EACH:
        sdk = _least([series(row, peer, results) for peer in RIVALS])
    else:
        sdk = series(row, LIMIT if row.kind is Kind.IMPORT else SDK, results)
    ratios = _ratios(row, ours, sdk, limit=limit)
    ratio = statistics.median(ratios) if ratios else None
    middle = _median(ours)
    return Judged(
        row,
        middle,
        _median(sdk),
        _median(limit),
        ratio,
        min(ratios, default=None),
        max(ratios, default=None),
        _process_ratio(row, results),
        _reached(row.must, row.must_ns, ratio=ratio, ours=middle),
        _reached(row.aim, row.aim_ns, ratio=ratio, ours=middle),
        _share(row, middle, _median(limit)),
    )


def series(row: Row, peer: str, results: Results, *, figure: str = "") -> list[float]:
    """Return the figures of *peer* in this row, one a round."""
    entries = results.values.get((row.measured_as(peer), peer), [])
    return [entry[figure or row.figure] for entry in entries if (figure or row.figure) in entry]


def _ratios(row: Row, ours: list[float], sdk: list[float], *, limit: list[float]) -> list[float]:
    if row.kind is Kind.RATE:
        return [mine / theirs for mine, theirs in zip(ours, sdk, strict=False)]
    if row.kind is Kind.EXCESS:
        # The excess is a small difference of noisy figures: that of the medians is steadier.
        if not (ours and sdk and limit):
            return []
        calm = statistics.median(limit)
        theirs = statistics.median(sdk) - calm
        return [theirs / max(statistics.median(ours) - calm, LEAST_EXCESS_MS)]
    return [theirs / max(mine, 1.0e-3) for mine, theirs in zip(ours, sdk, strict=False)]


def _least(peers: list[list[float]]) -> list[float]:
    """Return the figures of the best of *peers*."""
    measured = [figures for figures in peers if figures]
    return min(measured, key=statistics.median, default=[])


def _median(figures: list[float]) -> float | None:
    return statistics.median(figures) if figures else None


def _process_ratio(row: Row, results: Results) -> float | None:
    if row.kind not in {Kind.CPU, Kind.RATE} or row.name == "export":
        return None
    ours = series(row, OURS, results, figure="process")
    sdk = series(row, SDK, results, figure="process")
    ratios = _ratios(row, ours, sdk, limit=[])
    return statistics.median(ratios) if ratios else None


def _reached(
    least: float | None, most_ns: float | None, *, ratio: float | None, ours: float | None
) -> bool | None:
    if least is None or ratio is None or ours is None:
        return None
    return ratio >= least and (most_ns is None or ours <= most_ns)


def _share(row: Row, ours: float | None, limit: float | None) -> float | None:
    if not ours or not limit or row.kind is Kind.EXCESS:
        return None
    return ours / limit if row.kind is Kind.RATE else limit / ours
