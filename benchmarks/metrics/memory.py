"""What 100,000 different label sets weigh."""

import gc
from pathlib import Path

from benchmarks._measure import Values
from benchmarks.peers import Peer

OFFERED = 100_000
PAGE_BYTES = 4096


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:  # noqa: ARG001
    """Measure resident memory before and after, in MB."""
    peer.counter(10)
    values = {}
    for row in rows:
        gc.collect()
        before = _resident_mb()
        peer.offer(OFFERED)
        values[row] = {"caller": max(_resident_mb() - before, 0.0), "turns": OFFERED}
    return values


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    return pages * PAGE_BYTES / 1e6
