"""Import and initialisation of each library in a fresh interpreter."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks._measure import Values

SCRIPT = Path(__file__).with_name("_fresh.py")


def run(python: Path, name: str, environ: Mapping[str, str]) -> Values:
    """Return milliseconds to import and to initialise, and megabytes of memory gained."""
    done = subprocess.run(
        [str(python), str(SCRIPT), name],
        env={**environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported_s, initialised_s, gained = done.stdout.split()[-3:]
    begin, more = float(imported_s) * 1e3, float(initialised_s) * 1e3
    return {"import": begin, "init": more, "caller": begin + more, "rss": float(gained) / 1e6}
