"""What a request feels of 10,000 lines a second, when nobody takes them."""

import tempfile

from benchmarks._measure import Values
from benchmarks.delivery.latency import REQUESTS_PER_S, load
from benchmarks.peers import Peer
from benchmarks.peers._base import Peer as Bare

LINES_PER_S = 10_000
LINES = LINES_PER_S // REQUESTS_PER_S + 1
WINDOW_S = 0.5
SETTLING_S = 0.1
"""At the beginning of a window what the one before has left behind may be under way."""


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure requests without lines and with them, half a second each; and the difference."""
    seconds = 12.0 if repeats > 3 else 8.0
    values = {}
    for row in rows:
        with tempfile.TemporaryDirectory() as folder:
            peer.start_logs(row, folder)
            request = _Request(peer)
            load(lambda _, one=request: one.with_lines(), 1.0)  # type: ignore[misc]
            calm, busy = request.split(load(request, seconds))
            without, with_lines = _p99(calm), _p99(busy)
            values[row] = {"p99": with_lines, "calm": without, "excess": with_lines - without}
    return values


class _Request:
    """Five waits, with lines before and after in every other window."""

    def __init__(self, peer: Peer) -> None:
        self._log_line = peer.log_line
        self._wait = Bare().request

    def __call__(self, at_s: float) -> None:
        """Serve the request that is due at this time."""
        if _is_busy(at_s):
            self.with_lines()
        else:
            self._wait()

    def with_lines(self) -> None:
        """Serve one with lines."""
        self._log_line(LINES // 2)
        self._wait()
        self._log_line(LINES - LINES // 2)

    @staticmethod
    def split(times: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
        """Return how long those without lines took, and those with."""
        settled = [one for one in times if one[0] % WINDOW_S >= SETTLING_S]
        calm = [took for at_s, took in settled if not _is_busy(at_s)]
        return calm, [took for at_s, took in settled if _is_busy(at_s)]


def _is_busy(at_s: float) -> bool:
    return int(at_s / WINDOW_S) % 2 == 1


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100] * 1e3
