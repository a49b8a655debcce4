"""Runs the processes, round after round, and keeps what they report."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import _venvs
from benchmarks._measure import Values
from benchmarks._rows import LIMIT, OTHERS, SDK, Group
from benchmarks._turns import Taker
from benchmarks.startup import process

QUEUE = {"OTEL_BSP_MAX_QUEUE_SIZE": "65536", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "512"}
"""The same for all that read it, and large enough that nobody drops in a tight loop."""
ROUNDS_OF_OTHERS = 3
"""In how many rounds the libraries are measured that stand on the page for information only."""


@dataclass(slots=True)
class Results:
    """All figures of a run."""

    values: dict[tuple[str, str], list[Values]] = field(default_factory=dict)
    """(row, library) → one entry a round."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Library, or library and row → why there is no figure."""
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    rounds: int = 0
    load: float = 0.0
    """Load average of the machine before the first round."""


def run(groups: Sequence[Group], *, rounds: int, repeats: int) -> Results:
    """Measure *groups*, *rounds* times, the libraries taking turns within each round."""
    results = Results(rounds=rounds, load=_load())
    began = time.monotonic()
    pythons = _install(groups, results)
    with receiver(pythons.get(SDK)) as endpoint:
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", end=" ", flush=True)
            for group in groups:
                if number >= ROUNDS_OF_OTHERS and group.run != "startup":
                    kept = tuple(peer for peer in group.peers if peer not in OTHERS)
                    group = replace(group, peers=kept)  # noqa: PLW2901  # fewer of the same
                _measure_group(group, pythons, results, endpoint=endpoint, repeats=repeats)
                print(".", end="", flush=True)
            print(f" {time.monotonic() - began:.0f} s", flush=True)
    results.seconds = time.monotonic() - began
    return results


def _install(groups: Sequence[Group], results: Results) -> dict[str, Path]:
    pythons = {}
    for peer in dict.fromkeys(peer for group in groups for peer in group.peers):
        try:
            pythons[peer] = _venvs.python_of(peer)
            results.versions[peer] = _venvs.version_of(peer, pythons[peer])
        except _venvs.NotInstalledError as reason:
            results.skipped[peer] = str(reason)
    return pythons


def _measure_group(
    group: Group,
    pythons: dict[str, Path],
    results: Results,
    *,
    endpoint: str,
    repeats: int,
) -> None:
    pythons = {peer: pythons[peer] for peer in group.peers if peer in pythons}
    if group.run == "startup":
        # The limit is the import of the OpenTelemetry API, which is in the SDK's environment.
        measured = {
            peer: _startup(peer, pythons[SDK] if peer == LIMIT else python)
            for peer, python in pythons.items()
        }
    else:
        measured = _in_turns(group, pythons, endpoint=endpoint, repeats=repeats)
    for peer, rows in measured.items():
        for row, values in rows.items():
            if "caller" in values or "p99" in values:
                results.values.setdefault((row, peer), []).append(values)
            else:
                reason = str(values.get("unsupported") or "has no such thing")
                results.skipped[f"{peer}: {row}"] = reason


def _startup(peer: str, python: Path) -> dict[str, Values]:
    try:
        return {"startup": process.run(python, peer, _clean_environ())}
    except subprocess.SubprocessError as error:
        return {"startup": _failed(error)}


def _in_turns(
    group: Group, pythons: dict[str, Path], *, endpoint: str, repeats: int
) -> dict[str, dict[str, Values]]:
    """Run a process for each library, of which only one works at a time."""
    what = (group.run, ",".join(group.rows), str(repeats))
    # What a library keeps on disk must not meet the next process.
    with tempfile.TemporaryDirectory() as state:
        takers = {
            peer: Taker(
                [str(python), "-m", "benchmarks._worker", peer, *what],
                _venvs.ROOT,
                {**_environ(group, endpoint), "XDG_STATE_HOME": f"{state}/{peer}"},
            )
            for peer, python in pythons.items()
        }
        working = list(takers.values())
        while working:
            working = [taker for taker in working if taker.take_turn()]
        return {peer: _measured(taker, group) for peer, taker in takers.items()}


def _measured(taker: Taker, group: Group) -> dict[str, Values]:
    try:
        measured: dict[str, Values] = json.loads(taker.result())
    except subprocess.SubprocessError as error:
        return {row: _failed(error) for row in group.rows}
    return measured


def _failed(error: subprocess.SubprocessError) -> Values:
    output = getattr(error, "stderr", "") or str(error)
    text = output if isinstance(output, str) else output.decode(errors="replace")
    return {"unsupported": text.strip().splitlines()[-1][:160]}  # type: ignore[dict-item]


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def _clean_environ() -> dict[str, str]:
    """Return the environment without settings of any telemetry library."""
    ours = ("OTEL_", "TESTPILOT_", "LOGFIRE_", "SENTRY_", "DD_", "ELASTIC_", "NEW_RELIC_")
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith((*ours, "PYTHON"))
    }
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _environ(group: Group, endpoint: str) -> dict[str, str]:
    environ = {**_clean_environ(), **QUEUE, **group.environ}
    if group.needs_receiver:
        environ |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        }
    return environ


@contextmanager
def receiver(python: Path | None) -> Iterator[str]:
    """Run the receiver process; gives its endpoint."""
    if python is None:
        yield "http://127.0.0.1:9"
        return
    command = [str(python), "-m", "benchmarks.delivery._receiver"]
    with subprocess.Popen(
        command, cwd=_venvs.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        yield f"http://127.0.0.1:{running.stdout.readline().strip()}"
        running.stdin.close()
