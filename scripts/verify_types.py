"""Check with pyright that everything public has a complete type; print only what has not."""

import json
import os
import subprocess
import sys
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
    problems = [line for symbol in _symbols(report) for line in _problems(symbol)]
    problems += [_line(found) for found in report["generalDiagnostics"]]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems or checked.returncode else 0


def _symbols(report: dict[str, Any]) -> list[dict[str, Any]]:
    return list(report.get("typeCompleteness", {}).get("symbols", ()))


def _problems(symbol: dict[str, Any]) -> list[str]:
    if symbol["isTypeKnown"]:
        return []
    return [f"{symbol['name']}: {_line(found)}" for found in symbol["diagnostics"]]


def _line(found: dict[str, Any]) -> str:
    return f"{found['file']}: {found['message']}" if "file" in found else str(found["message"])


if __name__ == "__main__":
    sys.exit(main())
