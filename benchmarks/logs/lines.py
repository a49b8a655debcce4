"""One JSON line with five fields and trace ids, into a file; and one that is not wanted."""

import tempfile

from benchmarks._measure import Values, cpu_ns
from benchmarks.peers import Peer

TURNS = 2000


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure under a current root span; each row runs in a process of its own."""
    values = {}
    for row in rows:
        with tempfile.TemporaryDirectory() as folder:
            peer.start_logs(row, folder)
            loop = peer.log_disabled if row == "log_disabled" else peer.log_line
            with peer.parent():
                values[row] = cpu_ns(loop, peer.drain, count=TURNS, repeats=repeats)
    return values
