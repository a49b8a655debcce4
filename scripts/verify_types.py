"""Check with pyright that everything public has a complete type; print only what has not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main() -> int:
    """Return 0 if each public name is fully typed."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--ignoreexternal"]
    # --verifytypes looks at the first python of PATH, whatever --pythonpath says.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    checked = subprocess.run(
        [*command, "--verifytypes", "testpilot_obs"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report: dict[str, Any] = json.loads(checked.stdout)
    except ValueError:
        print(checked.stdout, checked.stderr, sep="\n")
        return 1
    print("".join(_problems(report)), end="")
    return 0 if _is_complete(report) else 1


def _is_complete(report: dict[str, Any]) -> bool:
    """Return whether pyright would give a score of 100 %."""
    counts = report["typeCompleteness"]["exportedSymbolCounts"]
    is_empty = not counts["withKnownType"]
    return not (is_empty or counts["withUnknownType"] or counts["withAmbiguousType"])


def _problems(report: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong: with the package, with exported names, with what those refer to."""
    for found in report["generalDiagnostics"]:
        yield f"{found['message']}\n"
    if not _is_complete(report):
        for symbol in report["typeCompleteness"]["symbols"]:
            if not symbol["isTypeKnown"]:
                yield from (_line(symbol, found) for found in symbol["diagnostics"])


def _line(symbol: dict[str, Any], found: dict[str, Any]) -> str:
    kind = "" if symbol["isExported"] else " (referred to)"
    return f"{symbol['name']}{kind}: {' '.join(found['message'].split())}\n"


if __name__ == "__main__":
    sys.exit(main())
