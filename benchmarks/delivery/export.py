"""What the sending process pays, after a span has ended, until a receiver has accepted it."""

import json
import os
import time
import urllib.request
from typing import Any

from benchmarks._measure import Values
from benchmarks.peers import Peer

SPANS = 12_000
BATCH = 512


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure bursts of spans: CPU of all threads, less that of the thread that made them."""
    if hasattr(peer, "deliver"):
        return {row: _limit(peer, repeats) for row in rows}
    peer.start_otlp()
    peer.eventful(1000)
    peer.drain()
    received()
    return {row: _bursts(peer, max(repeats // 2, 1)) for row in rows}


def _bursts(peer: Peer, repeats: int) -> Values:
    costs = []
    for _ in range(repeats):
        began_process, began = time.process_time_ns(), time.thread_time_ns()
        peer.eventful(SPANS)
        making = time.thread_time_ns() - began
        peer.drain()
        costs.append((time.process_time_ns() - began_process - making) / SPANS)
    costs.sort()
    middle = costs[len(costs) // 2]
    return {"caller": middle, "process": middle, "lost": (SPANS + 1) * repeats - received()}


def _limit(peer: Any, repeats: int) -> Values:
    spans = peer.spans(SPANS)
    costs = []
    for _ in range(max(repeats // 2, 1)):
        began = time.process_time_ns()
        peer.deliver(spans, BATCH)
        costs.append((time.process_time_ns() - began) / SPANS)
    costs.sort()
    middle = costs[len(costs) // 2]
    return {"caller": middle, "process": middle}


def received() -> int:
    """Return how many spans the receiver has accepted since the last call."""
    url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/count"
    with urllib.request.urlopen(url, timeout=60) as reply:
        spans: int = json.load(reply)["spans"]
    return spans
