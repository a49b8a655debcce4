"""What a request feels of 10,000 lines a second, when nobody takes them."""

import tempfile
from collections.abc import Callable

from benchmarks._measure import Values
from benchmarks.delivery.latency import REQUESTS_PER_S, load_requests
from benchmarks.peers import Peer
from benchmarks.peers._base import Peer as Bare

LINES_PER_S = 10_000
LINES = LINES_PER_S // REQUESTS_PER_S + 1


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure requests without lines and with them, in turns; the excess is the difference."""
    seconds = 3.0 if repeats > 3 else 2.0
    values = {}
    for row in rows:
        with tempfile.TemporaryDirectory() as folder:
            peer.start_logs(row, folder)
            calm, busy = [], []
            load_requests(_request(peer), 1.0)
            for _ in range(2):
                calm += load_requests(Bare().request, seconds)
                busy += load_requests(_request(peer), seconds)
            without, with_lines = _p99(calm), _p99(busy)
            values[row] = {"p99": with_lines, "calm": without, "excess": with_lines - without}
    return values


def _request(peer: Peer) -> Callable[[], None]:
    """Return a request of five waits, with lines before and after each."""

    def request() -> None:
        peer.log_line(LINES // 2)
        Bare().request()
        peer.log_line(LINES - LINES // 2)

    return request


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100] * 1e3
