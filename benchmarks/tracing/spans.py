"""Spans made by hand: roots, children, whole transactions."""

from benchmarks._measure import Values, cpu_ns
from benchmarks.peers import Peer

TURNS = {"transaction": 400, "measured": 1000, "measured_burst": 1000}
SPANS_A_TURN = {"transaction": 6}


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure *rows*; each is called like the method of `Peer` that it loops over."""
    peer.start()
    values = {}
    for row in rows:
        loop, turns = getattr(peer, row), TURNS.get(row, 2000)
        before = peer.exported()
        values[row] = cpu_ns(loop, peer.drain, count=turns, repeats=repeats)
        after = peer.exported()
        if before is not None and after is not None:
            made = values[row]["turns"] * SPANS_A_TURN.get(row, 1)
            if row.startswith("child"):
                made += values[row]["batches"] + 1
            values[row]["lost"] = made - (after - before)
    return values


def run_unsampled(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure children under a root that the sampler (chosen in the environment) left out."""
    peer.start()
    values = {row: cpu_ns(peer.unsampled, peer.drain, count=5000, repeats=repeats) for row in rows}
    for row in rows:
        values[row]["lost"] = -(peer.exported() or 0)
    return values
