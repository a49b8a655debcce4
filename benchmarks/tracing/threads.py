"""How many spans a second several threads make together."""

import threading
import time

from benchmarks._measure import Values
from benchmarks.peers import Peer

SPANS = 24_000


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure 1, 2 and 8 threads, as the rows ``threads_1`` and so on say."""
    peer.start()
    peer.child(1000)
    peer.drain()
    values = {}
    for row in rows:
        threads = int(row.rpartition("_")[2])
        before = peer.exported()
        rounds = [_together(peer, threads) for _ in range(max(repeats // 2, 1))]
        rounds.sort()
        after = peer.exported()
        made, delivered = rounds[len(rounds) // 2]
        values[row] = {"caller": made, "process": delivered}
        if before is not None and after is not None:
            values[row]["lost"] = (SPANS + threads) * len(rounds) - (after - before)
    return values


def _together(peer: Peer, count: int) -> tuple[float, float]:
    """Return spans a second until all are made, and until all have reached the exporter."""
    ready = threading.Barrier(count + 1)

    def work() -> None:
        ready.wait()
        peer.child(SPANS // count)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    made = time.perf_counter() - began
    peer.drain()
    return SPANS / made, SPANS / (time.perf_counter() - began)
