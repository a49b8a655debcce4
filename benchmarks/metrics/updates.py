"""Updates of a counter and a histogram, with the series looked up before and each time."""

from benchmarks._measure import Values, cpu_ns
from benchmarks.peers import Peer

TURNS = 20_000


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure *rows*; each is called like the method of `Peer` that it loops over."""
    return {
        row: cpu_ns(getattr(peer, row), lambda: None, count=TURNS, repeats=repeats) for row in rows
    }
