"""What a request feels of the export that goes on beside it."""

import threading
import time
from collections.abc import Callable

from benchmarks._measure import Values
from benchmarks.delivery.export import received
from benchmarks.peers import Peer

REQUESTS_PER_S = 600
THREADS = 8
SPANS = 5


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure requests from the moment they are due, so that one that waits for its turn counts."""
    seconds = 5.0 if repeats > 3 else 3.0
    peer.start_otlp()
    values = {}
    for row in rows:
        load_requests(peer.request, 1.0)
        peer.drain()
        received()
        times = sorted(load_requests(peer.request, seconds))
        peer.drain()
        values[row] = {
            "p50": times[len(times) // 2] * 1e3,
            "p99": times[len(times) * 99 // 100] * 1e3,
        }
        arrived = received()
        if arrived:
            values[row]["lost"] = len(times) * SPANS - arrived
    return values


def load_requests(request: Callable[[], None], seconds: float) -> list[float]:
    """Issue requests from 8 threads at fixed times; return how long each took, in seconds."""
    times: list[float] = []
    began = time.perf_counter() + 0.05

    def client(number: int) -> None:
        every = THREADS / REQUESTS_PER_S
        due = began + number / REQUESTS_PER_S
        while due < began + seconds:
            wait = due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            request()
            times.append(time.perf_counter() - due)
            due += every

    threads = [threading.Thread(target=client, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times
