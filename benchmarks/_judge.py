"""Compares figures: ratio, must, aim, share of what can be reached."""

import statistics
from dataclasses import dataclass

from benchmarks._harness import Results
from benchmarks._rows import LIMIT, OURS, SDK, Kind, Row

RIVALS = (SDK, "logfire", "sentry")
"""The libraries that start-up is held against."""
LEAST_NOISE_MS = 0.1
"""No excess is taken for smaller than this, however steady the machine was."""


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
    is_at_least: bool = False
    """True if ours was lost in the noise, so that the ratio is only a lower bound."""


def judge(row: Row, results: Results) -> Judged:
    """Return how ours stands in *row*."""
    if row.kind is Kind.EXCESS:
        return _judge_excess(row, results)
    ours, limit = series(row, OURS, results), series(row, LIMIT, results)
    if row.kind is Kind.AGAINST_EACH:
        sdk = _least([series(row, peer, results) for peer in RIVALS])
    else:
        sdk = series(row, LIMIT if row.kind is Kind.IMPORT else row.against, results)
    ratios = _ratios(row, ours, sdk)
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


def _judge_excess(row: Row, results: Results) -> Judged:
    """Judge what telemetry adds; less than the noise of the calm figure counts as the noise."""
    calm = series(row, LIMIT, results)
    ours, sdk = (
        _median([busy - quiet for busy, quiet in zip(one, calm, strict=False)])
        for one in (series(row, OURS, results), series(row, SDK, results))
    )
    noise = max(deviation(calm), LEAST_NOISE_MS)
    is_at_least = ours is not None and ours < noise
    ratio = None if ours is None or sdk is None else sdk / max(ours, noise)
    must = _reached(row.must, None, ratio=ratio, ours=ours)
    aim = _reached(row.aim, None, ratio=ratio, ours=ours)
    if is_at_least:
        # A lower bound can show that a figure is reached, never that it is not.
        must, aim = must or None, aim or None
    return Judged(
        row,
        ours,
        sdk,
        _median(calm),
        ratio,
        None,
        None,
        None,
        must,
        aim,
        None,
        is_at_least=is_at_least,
    )


def deviation(figures: list[float]) -> float:
    """Return the median distance from the median; 0 for none or one."""
    if not figures:
        return 0.0
    middle = statistics.median(figures)
    return statistics.median(abs(figure - middle) for figure in figures)


def series(row: Row, peer: str, results: Results, *, figure: str = "") -> list[float]:
    """Return the figures of *peer* in this row, one a round."""
    entries = results.values.get((row.measured_as(peer), peer), [])
    return [entry[figure or row.figure] for entry in entries if (figure or row.figure) in entry]


def _ratios(row: Row, ours: list[float], sdk: list[float]) -> list[float]:
    if row.kind is Kind.AT_MOST:
        return [row.allowed / max(mine, 0.1) for mine in ours]
    if row.kind is Kind.RATE:
        return [mine / theirs for mine, theirs in zip(ours, sdk, strict=False)]
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
    sdk = series(row, row.against, results, figure="process")
    ratios = _ratios(row, ours, sdk)
    return statistics.median(ratios) if ratios else None


def _reached(
    least: float | None, most_ns: float | None, *, ratio: float | None, ours: float | None
) -> bool | None:
    if least is None or ours is None or (ratio is None and least):
        return None
    return (ratio or 0.0) >= least and (most_ns is None or ours <= most_ns)


def _share(row: Row, ours: float | None, limit: float | None) -> float | None:
    if not ours or not limit:
        return None
    return ours / limit if row.kind is Kind.RATE else limit / ours
