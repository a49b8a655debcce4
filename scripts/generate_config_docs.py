"""Write docs/configuration.md from the settings table; with --check only say if it is current."""

import argparse
import sys
from pathlib import Path

from testpilot_obs.config._docs import render

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit status of the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if outdated")
    parser.add_argument("--page", type=Path, default=PAGE, help="the file (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    page = render()
    if chosen.check:
        current = chosen.page.read_text(encoding="utf-8") if chosen.page.exists() else ""
        if current != page:
            print(f"{chosen.page} is outdated; run scripts/generate_config_docs.py")
            return 1
        return 0
    chosen.page.parent.mkdir(exist_ok=True)
    chosen.page.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
