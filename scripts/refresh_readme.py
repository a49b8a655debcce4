"""Run the demo and paste what it printed into README.md, from its first line to "lost"."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SHOWN = re.compile(r"(?<=```text\n)testpilot_obs demo.*?(?=```)", re.DOTALL)


def main() -> int:
    """Return 0 if the demo succeeded."""
    environ = {**os.environ, "COLUMNS": "88", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "examples.demo"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False)
    if done.returncode:
        print(done.stderr.decode(), file=sys.stderr)
        return 1
    printed = done.stdout.decode().partition("what next")[0].strip() + "\n"
    page = README.read_text(encoding="utf-8")
    README.write_text(SHOWN.sub(lambda _: printed, page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
