"""Reading 10,000 series: as text, as OpenMetrics, as the bytes of an OTLP request."""

from benchmarks._measure import Values, cpu_ns
from benchmarks.peers import Peer


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure one reading of all series; a service reads again and again, so the first is left."""
    values = {}
    for row in rows:
        read = peer.fill(row)

        def loop(count: int, read=read) -> None:
            for _ in range(count):
                read()

        loop(1)
        values[row] = cpu_ns(loop, lambda: None, count=3, repeats=repeats)
    return values
