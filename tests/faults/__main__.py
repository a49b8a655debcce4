"""Measure the table of faults on this library and on the OpenTelemetry SDK; write the numbers.

``python -m tests.faults`` (``make reliability``) makes the part of docs/reliability.md between its
two marks. Results are stored as JSON in the folder of ``--keep``; ``--only ours`` measures one of
both anew, ``--fault TLS`` only some faults, ``--page-only`` none.
"""

import argparse
import json
import platform
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tests.faults import page
from tests.faults.cases import EXITS, FAULTS
from tests.faults.measuring import measure
from tests.faults.receiver import ROOT

PAGE = ROOT / "docs" / "reliability.md"
SUBJECTS = ("ours", "stock")
# The stock SDK may wait for ever, and this is long enough to tell.
LONGEST_S = 30.0
SIDE_BY_SIDE = 2


def main():
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, default=ROOT / "build" / "reliability")
    parser.add_argument("--only", choices=SUBJECTS, help="measure this one anew")
    parser.add_argument("--fault", help="measure only faults with this in their name anew")
    parser.add_argument("--page-only", action="store_true", help="measure nothing")
    chosen = parser.parse_args()
    chosen.keep.mkdir(parents=True, exist_ok=True)
    for subject in SUBJECTS:
        if not chosen.page_only and chosen.only in (None, subject):
            measure_all(subject, chosen.keep / f"{subject}.json", only=chosen.fault or "")
    stored = {subject: chosen.keep / f"{subject}.json" for subject in SUBJECTS}
    if not all(path.exists() for path in stored.values()):
        print("the page needs the results of both")
        return 1
    results = {subject: read(path) for subject, path in stored.items()}
    about = (
        f"CPython {platform.python_version()}, {platform.system()}, "
        f"OpenTelemetry SDK {version('opentelemetry-sdk')}"
    )
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page.with_tables(text, results, about), encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


def measure_all(subject, path, *, only):
    """Measure each fault with all ways to end, and store the results after each."""
    results = read(path) if path.exists() else {}
    wanted = [fault for fault in FAULTS if only in fault.name]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for fault, seen in zip(wanted, pool.map(partial(_measure, subject), wanted), strict=True):
            results[fault.name] = {one.case.exit.name: page.stored(one) for one in seen}
            path.write_text(json.dumps(results, indent=1), encoding="utf-8")
            print(f"{subject}: {fault.name}", flush=True)


def _measure(subject, fault):
    with tempfile.TemporaryDirectory() as folder:
        return measure(fault, EXITS, subject=subject, folder=folder, timeout_s=LONGEST_S, width=2)


def read(path):
    """Return the stored results, by fault and way to end."""
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
