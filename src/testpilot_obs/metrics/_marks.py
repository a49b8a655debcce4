"""Exemplars as numbers in a shared file, so that a scrape shows those of all workers.

Each takes ten numbers: its place and value, its time and its ids in pieces that a number of 64
bits holds exactly, and the sum of all these. Who reads while it is written sees another sum.
"""

from collections.abc import Iterator, MutableSequence, Sequence

from testpilot_obs.protocols import Exemplar

_WIDTH = 10
_MOST = 32
"""Exemplars of a series that are shared; those of histograms with more ranges replace others."""
_SECOND_NS = 1_000_000_000
_PIECE_BITS, _HALF_BITS = 43, 32
_PIECE, _HALF = (1 << _PIECE_BITS) - 1, (1 << _HALF_BITS) - 1


def width(cells: int) -> int:
    """Return how many numbers the exemplars of a series with so many *cells* take."""
    return _WIDTH * min(max(cells - 1, 1), _MOST)


def write(marks: MutableSequence[float], place: int, exemplar: Exemplar) -> None:
    """Write an exemplar to where those of its *place* stand."""
    value, time_ns, trace_id, span_id = exemplar
    start = place * _WIDTH % len(marks)
    parts = (
        float(place),
        value,
        float(time_ns // _SECOND_NS),
        float(time_ns % _SECOND_NS),
        float(trace_id >> 2 * _PIECE_BITS),
        float(trace_id >> _PIECE_BITS & _PIECE),
        float(trace_id & _PIECE),
        float(span_id >> _HALF_BITS),
        float(span_id & _HALF),
    )
    for at, part in enumerate((*parts, sum(parts)), start):
        marks[at] = part


def clear(marks: MutableSequence[float]) -> None:
    """Take all exemplars away."""
    for at in range(len(marks)):
        marks[at] = 0.0


def read(marks: Sequence[float]) -> Iterator[tuple[int, Exemplar]]:
    """Yield place and exemplar of all that are whole."""
    for start in range(0, len(marks) - _WIDTH + 1, _WIDTH):
        *parts, check = marks[start : start + _WIDTH]
        if check and sum(parts) == check:
            place, value, seconds, rest, high, middle, low, first, second = parts
            trace_id = int(high) << 2 * _PIECE_BITS | int(middle) << _PIECE_BITS | int(low)
            time_ns = int(seconds) * _SECOND_NS + int(rest)
            span_id = int(first) << _HALF_BITS | int(second)
            yield int(place), Exemplar(value, time_ns, trace_id, span_id)
