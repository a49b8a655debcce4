"""Prints the result, and writes it down for the documentation."""

import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import _judge
from benchmarks._harness import Results
from benchmarks._judge import Judged
from benchmarks._rows import GROUPS, LIMIT, OTHERS, OURS, ROWS, SDK, Kind, Row
from benchmarks.peers import PEERS

COLUMNS = ("", "OpenTelemetry SDK", "testpilot_obs", "times better", "must", "aim", "of the limit")
_HEAD = """# Benchmarks

What a span costs, against the OpenTelemetry SDK with its batch processor and other libraries.
`make bench` measured this and wrote this page: {rounds} rounds in {minutes:.0f} minutes on
{cores} processor cores, {python}.
The absolute numbers are those of one machine.
The ratios are what to look at: the libraries take turns of some 20 milliseconds, so that all meet
the machine in the same mood.

- Versions: {versions}.
- Each library runs in a process of its own, started anew in each round.
  A figure is the median of the rounds, each of them the median of several batches.
  Libraries that are there for information only run in the first three rounds.
  The garbage collector is on.
- CPU time is that of the thread that makes the spans.
  The second table has also that of the whole process, until a flush has returned.
- Both sides have the same attributes, sampler, queue size and batch size.
  In the rows without a receiver both hand their spans to an exporter that only counts them.
  No span was lost, unless it is said at the end.
- "must" and "aim" say how many times better than the SDK a row has to be, and whether it was.
  In brackets stand the lowest and the highest ratio of a round.
- "Of the limit" is the share of what Python can reach.
  The limit is the same row done with the bare primitives and nothing around them, in the same
  run: two clock reads, a random id, a context variable read, set and reset, one object, one
  append.
  Over the bare call it is a closure that does nothing else than call; for a transaction it has
  two reads of the CPU clock and of the memory more; for the encoder it is packing and joining
  what is known; at start-up it is the import of the OpenTelemetry API."""

OTHER_ROWS = ("root", "child", "transaction", "sync", "coroutine", "generator")


def show(results: Results, rows: Sequence[Row]) -> None:
    """Print the table, what was dropped or left out, and how many rows hold."""
    judged = [_judge.judge(row, results) for row in rows]
    _print_table([COLUMNS, *(_cells(one) for one in judged)])
    others = _other_lines(results)
    if len(others) > 1:
        _print_table(others)
    for line in (*_lost(results), *_skipped(results), *_noise(results)):
        print(line)
    musts = [one.must for one in judged if one.must is not None]
    aims = [one.aim for one in judged if one.aim is not None]
    print(f"must: {sum(musts)} of {len(musts)} rows, aim: {sum(aims)} of {len(aims)}")


def _print_table(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        first, *rest = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(first, *rest, sep="  ")
    print()


def missed(results: Results, rows: Sequence[Row]) -> bool:
    """Return whether a row stays under what it must reach."""
    return any(_judge.judge(row, results).must is False for row in rows)


def _cells(one: Judged) -> tuple[str, ...]:
    row = one.row
    ratio = "" if one.ratio is None else f"{one.ratio:.1f}"
    if one.is_at_least:
        ratio = f"at least {ratio}"
    if one.low is not None and one.high is not None and one.high - one.low > 0.05:
        ratio += f" ({one.low:.1f}-{one.high:.1f})"
    return (
        row.title,
        _figure(one.sdk, row.unit),
        _figure(one.ours, row.unit),
        ratio,
        _target(row.must, row.must_ns, unit=row.unit, reached=one.must),
        _target(row.aim, row.aim_ns, unit=row.unit, reached=one.aim),
        "" if one.share is None else f"{one.share:.0%}",
    )


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    number = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{number} {unit}"


def _target(least: float | None, most: float | None, *, unit: str, reached: bool | None) -> str:
    if least is None:
        return ""
    words = {True: "yes", False: "NO", None: "?"}[reached]
    figures = [f"{least:g}"] if least else []
    figures += [] if most is None else [f"{most:g} {unit}"]
    return f"{', '.join(figures)}: {words}"


def _lost(results: Results) -> Iterator[str]:
    for (row, peer), rounds in results.values.items():
        lost = sum(entry.get("lost", 0) for entry in rounds)
        if lost:
            yield f"{PEERS[peer].title} lost {lost:.0f} spans in the row {row}"


def _skipped(results: Results) -> Iterator[str]:
    for what, why in results.skipped.items():
        yield f"not measured: {what}: {why}"


def _noise(results: Results) -> Iterator[str]:
    """Say how much the machine had to do besides, and how steady it was."""
    calm = [
        figure
        for row in ROWS
        if row.kind is Kind.EXCESS
        for figure in _judge.series(row, LIMIT, results)
    ]
    if calm:
        middle, off = statistics.median(calm), _judge.deviation(calm)
        yield f"p99 of a request without telemetry: {middle:.2f} ms, give or take {off:.2f} ms"
    if results.load > 0.5:
        yield f"the machine was not idle: load average {results.load:.1f} before the first round"


def write(results: Results, path: Path) -> None:
    """Write the page of the documentation."""
    parts = [_head(results), _table(results), _rows_explained(), _other_libraries(results)]
    parts += [_start_up(results), _remarks(results)]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _head(results: Results) -> str:
    versions = ", ".join(
        f"{PEERS[peer].title} {version}" for peer, version in results.versions.items() if version
    )
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return _HEAD.format(
        rounds=results.rounds,
        minutes=results.seconds / 60,
        cores=os.cpu_count(),
        python=f"{python}, {platform.system()}",
        versions=versions,
    )


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = lines
    bar = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, bar, *rest))


def _table(results: Results) -> str:
    judged = [_judge.judge(row, results) for row in ROWS]
    whole = [
        (
            one.row.title,
            *(_middle(one.row, peer, results, figure="caller") for peer in (LIMIT, SDK, OURS)),
            *(_middle(one.row, peer, results, figure="process") for peer in (SDK, OURS)),
            f"{one.process_ratio:.1f}",
        )
        for one in judged
        if one.process_ratio is not None
    ]
    head = ("", "limit", "SDK", "ours", "SDK, whole process", "ours, whole process", "times better")
    return (
        f"## Result\n\n{_markdown([COLUMNS, *(_cells(one) for one in judged)])}\n\n"
        f"## The caller's thread and the whole process\n\n{_markdown([head, *whole])}"
    )


def _middle(row: Row, peer: str, results: Results, *, figure: str) -> str:
    figures = _judge.series(row, peer, results, figure=figure)
    return _figure(statistics.median(figures), row.unit) if figures else ""


def _rows_explained() -> str:
    lines = "\n".join(f"- **{row.title}** ({row.kind.value}): {row.does}" for row in ROWS)
    return f"## What each row does\n\n{lines}"


def _other_libraries(results: Results) -> str:
    lines = _other_lines(results)
    text = "For information: the same spans in other libraries, none of which sends anywhere here."
    return f"## Other libraries\n\n{text}\n\n{_markdown(lines)}" if len(lines) > 1 else ""


def _other_lines(results: Results) -> list[tuple[str, ...]]:
    """Return spans and decorators of all libraries, in nanoseconds."""
    rows = [row for row in ROWS if row.name in OTHER_ROWS]
    lines = [("CPU of the caller", *OTHER_ROWS)]
    for peer in (*OTHERS, SDK, OURS, LIMIT):
        if any(_judge.series(row, peer, results) for row in rows):
            cells = [_middle(row, peer, results, figure="caller") or "-" for row in rows]
            lines.append((PEERS[peer].title, *cells))
    return lines


def _start_up(results: Results) -> str:
    """Return the table of import, initialisation and memory."""
    row = next(row for row in ROWS if row.kind is Kind.AGAINST_EACH)
    lines = [("fresh process", "import, ms", "init, ms", "memory over bare, MB")]
    peers = next(group.peers for group in GROUPS if group.run == "startup")
    for peer in peers:
        figures = [
            _judge.series(row, peer, results, figure=key) for key in ("import", "init", "rss")
        ]
        if all(figures):
            title = "opentelemetry-api alone" if peer == LIMIT else PEERS[peer].title
            lines.append((title, *(f"{statistics.median(one):.0f}" for one in figures)))
    return f"## Start-up\n\n{_markdown(lines)}"


def _remarks(results: Results) -> str:
    lines = [*_lost(results), *_skipped(results), *_noise(results)]
    return "## Remarks\n\n" + "\n".join(f"- {line}." for line in lines) if lines else ""
