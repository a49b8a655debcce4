"""Command line: ``python -m benchmarks [--quick] [--row NAME] [--peers A,B] [--no-write]``."""

import argparse
import sys
from dataclasses import replace

from benchmarks import _harness, _report
from benchmarks._rows import CORE, GROUPS, OTHERS, OURS, PROMETHEUS, ROWS, SDK, Group, Row
from benchmarks._venvs import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds; writes nothing")
    parser.add_argument("--row", action="append", choices=names, help="only this row; repeatable")
    parser.add_argument("--peers", help="only these other libraries, e.g. logfire,sentry; or none")
    parser.add_argument("--rounds", type=int, help="how many rounds; 7 by default")
    parser.add_argument("--no-write", action="store_true", help="do not write docs/benchmarks.md")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a row misses its must")
    return parser.parse_args(arguments)


def chosen_groups(rows: list[Row], others: tuple[str, ...]) -> list[Group]:
    """Return what has to be measured for *rows*, with the libraries asked for."""
    wanted = {row.measured_as(peer) for row in rows for peer in (SDK, OURS)}
    groups = []
    for group in GROUPS:
        names = tuple(name for name in group.rows if name in wanted)
        peers = tuple(peer for peer in group.peers if peer in {*CORE, PROMETHEUS, *others})
        if names:
            groups.append(replace(group, rows=names, peers=peers))
    return groups


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    options = parse(arguments)
    rows = [row for row in ROWS if options.row is None or row.name in options.row]
    others = OTHERS if options.peers is None else tuple(options.peers.split(","))
    rounds = options.rounds or (2 if options.quick else 7)
    results = _harness.run(
        chosen_groups(rows, others), rounds=rounds, repeats=3 if options.quick else 7
    )
    _report.show(results, rows)
    if not (options.quick or options.no_write or options.row or options.peers):
        _report.write(results, PAGE)
        print(f"wrote {PAGE.relative_to(ROOT)}")
    return 1 if options.strict and _report.missed(results, rows) else 0


if __name__ == "__main__":
    sys.exit(main())
