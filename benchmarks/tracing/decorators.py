"""Decorated functions: what a call costs with telemetry on, off, and before it is set up."""

from collections.abc import Callable
from typing import Any

from benchmarks._measure import Values, cpu_ns
from benchmarks.peers import Peer, UnsupportedError


def _function(value: int) -> int:
    return value


async def _coroutine(value: int) -> int:
    return value


def _generator(value: int) -> Any:
    yield value
    yield value
    yield value


def _call(function: Callable[[int], Any], count: int) -> None:
    for i in range(count):
        function(i)


def _await(function: Callable[[int], Any], count: int) -> None:
    """Await without an event loop: nothing in it suspends, so one send runs it all."""

    async def drive() -> None:
        for i in range(count):
            await function(i)

    try:
        drive().send(None)
    except StopIteration:
        return


def _iterate(function: Callable[[int], Any], count: int) -> None:
    for i in range(count):
        for _ in function(i):
            pass


TURNS = 2000
CALLS_A_PARENT = 500

KINDS: dict[str, tuple[Callable[..., Any], Callable[..., None]]] = {
    "sync": (_function, _call),
    "coroutine": (_coroutine, _await),
    "generator": (_generator, _iterate),
}


def run(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure calls under a current root span; the row's name is the kind of function."""
    peer.start()
    values = {}
    for kind in rows:
        function, drive = KINDS[kind]
        try:
            decorated = peer.decorate(kind, function)
        except UnsupportedError:
            continue
        before = peer.exported()
        loop = _under_parents(peer, drive, decorated)
        values[kind] = cpu_ns(loop, peer.drain, count=TURNS, repeats=repeats)
        after = peer.exported()
        if before is not None and after is not None:
            parents = values[kind]["batches"] * (TURNS // CALLS_A_PARENT) + 1
            values[kind]["lost"] = values[kind]["turns"] + parents - (after - before)
    return values


def _under_parents(
    peer: Peer, drive: Callable[..., None], decorated: Callable[..., Any]
) -> Callable[[int], None]:
    """Return a loop with a new root span now and then: some libraries limit the spans of one."""

    def loop(count: int) -> None:
        for first in range(0, count, CALLS_A_PARENT):
            with peer.parent():
                drive(decorated, min(CALLS_A_PARENT, count - first))

    return loop


def run_off(peer: Peer, rows: list[str], repeats: int) -> dict[str, Values]:
    """Measure a decorated call over the bare one, telemetry never started or switched off."""
    decorated = peer.decorate_off(_function)
    values = {}
    for row in rows:
        if row == "disabled":
            peer.start()
        bare = cpu_ns(lambda n: _call(_function, n), peer.drain, count=20_000, repeats=repeats)
        full = cpu_ns(lambda n: _call(decorated, n), peer.drain, count=20_000, repeats=repeats)
        values[row] = {
            "caller": max(full["caller"] - bare["caller"], 0.0),
            "process": max(full["process"] - bare["process"], 0.0),
            "lost": -(peer.exported() or 0),
        }
    return values
