"""What a span costs that nobody takes, and what a request feels while such spans are sent later."""

import os
import time

from benchmarks._measure import Values
from benchmarks.delivery.export import SPANS, received
from benchmarks.delivery.latency import load_requests
from benchmarks.peers import Peer

_BACKLOG = 60_000
_NOBODY = "http://127.0.0.1:9"


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure spans that go to disk: CPU of all threads, less that of the one that made them."""
    peer.start_otlp()
    peer.eventful(1000)
    peer.spill()
    return {row: _bursts(peer, max(repeats // 2, 1)) for row in rows}


def run_drain(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure requests while a backlog is sent, and after it, in turns in the same process."""
    endpoint = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    values = {}
    for row in rows:
        busy: list[float] = []
        calm: list[float] = []
        seconds = 2.0 if repeats > 3 else 1.0
        for _ in range(3 if repeats > 3 else 2):
            os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = _NOBODY
            peer.start_otlp()
            peer.eventful(_BACKLOG)
            peer.spill()
            received_before_drain(endpoint)
            os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
            peer.start_otlp()
            busy += load_requests(peer.request, seconds)
            while peer.backlog():
                time.sleep(0.05)
            calm += load_requests(peer.request, seconds)
        without, with_drain = _p99(calm), _p99(busy)
        values[row] = {"p99": with_drain, "calm": without, "excess": with_drain - without}
    return values


def received_before_drain(endpoint: str) -> None:
    """Let the receiver forget what it has, so that its memory stays small."""
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    received()


def _bursts(peer: Peer, repeats: int) -> Values:
    costs = []
    for _ in range(repeats):
        began_process, began = time.process_time_ns(), time.thread_time_ns()
        peer.eventful(SPANS)
        making = time.thread_time_ns() - began
        peer.spill()
        costs.append((time.process_time_ns() - began_process - making) / SPANS)
    costs.sort()
    middle = costs[len(costs) // 2]
    return {"caller": middle, "process": middle}


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100] * 1e3
