"""From finished spans to the bytes of an OTLP request."""

from benchmarks._measure import Values, cpu_ns
from benchmarks.peers import Peer

BATCH = 512
BATCHES = 12


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure batches of 512; one attribute is new in each span, so no cache knows it."""
    values = {}
    for row in rows:
        spans = peer.spans(BATCH * BATCHES * (repeats + 2))
        batches = iter([spans[i : i + BATCH] for i in range(0, len(spans), BATCH)])

        def encode(count: int, batches=batches) -> None:
            for _ in range(count // BATCH):
                peer.encode(next(batches))

        turns = BATCH * BATCHES
        values[row] = cpu_ns(encode, lambda: None, count=turns, repeats=repeats, least_s=0.0)
    return values
