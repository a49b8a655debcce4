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
    return [took for _, took in load(lambda _: request(), seconds)]


def load(request: Callable[[float], None], seconds: float) -> list[tuple[float, float]]:
    """Issue requests from 8 threads at fixed times, and tell each its time.

    Returns:
        (when it was due, how long it took from then on), both in seconds.
    """
    # Lists of numbers only: for anything else the garbage collector would begin to look around.
    dues: list[list[float]] = [[] for _ in range(THREADS)]
    tooks: list[list[float]] = [[] for _ in range(THREADS)]
    began = time.perf_counter() + 0.05

    def client(number: int) -> None:
        every = THREADS / REQUESTS_PER_S
        due = number / REQUESTS_PER_S
        while due < seconds:
            wait = began + due - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            request(due)
            tooks[number].append(time.perf_counter() - began - due)
            dues[number].append(due)
            due += every

    threads = [threading.Thread(target=client, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [
        pair for due, took in zip(dues, tooks, strict=True) for pair in zip(due, took, strict=True)
    ]
