"""A virtual environment for each library, under ``.tools/bench-venv``; made once, by pip."""

import hashlib
import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.peers import PEERS, PeerEntry

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 120
HOME = ROOT / ".tools" / "bench-venv"


class NotInstalledError(Exception):
    """The library cannot be measured here; says why in one line."""


def python_of(name: str) -> Path:
    """Return the interpreter of *name*'s environment, which is made if it is not there.

    Raises:
        NotInstalledError: If pip fails.
    """
    folder = HOME / name
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    stamp = folder / "installed.txt"
    wanted = _wanted(PEERS[name])
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing {PEERS[name].title} into {folder.relative_to(ROOT)}", flush=True)
        venv.create(folder, with_pip=False, clear=True, symlinks=sys.platform != "win32")
        _install(python, PEERS[name])
        stamp.write_text(wanted, encoding="utf-8")
    if "." in PEERS[name].requirements:
        # What pip installs is compiled, ours too where people use it: a checkout that has changed
        # would be compiled by each start.
        compiled = [str(python), "-m", "compileall", "-q", str(ROOT / "src")]
        subprocess.run(compiled, check=False, timeout=TIMEOUT_S)
    return python


def _wanted(entry: PeerEntry) -> str:
    """Return what decides whether an environment is still right."""
    project = (ROOT / "pyproject.toml").read_bytes() if "." in entry.requirements else b""
    digest = hashlib.sha256(project).hexdigest()
    return "\n".join([sys.version, *entry.requirements, digest])


def _install(python: Path, entry: PeerEntry) -> None:
    if not entry.requirements:
        return
    if importlib.util.find_spec("pip") is None:
        raise NotInstalledError("the interpreter that runs this has no pip")
    what: list[str] = []
    for requirement in entry.requirements:
        what += ["--editable", str(ROOT)] if requirement == "." else [requirement]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    try:
        subprocess.run(
            [*pip, *quiet, *what],
            check=True,
            capture_output=True,
            text=True,
            timeout=entry.seconds_to_install,
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotInstalledError(f"pip: {last[:120]}") from error
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"pip took over {entry.seconds_to_install} s") from error


def version_of(name: str, python: Path) -> str:
    """Return the installed version, empty for a library that is none."""
    if not PEERS[name].distribution:
        return ""
    ask = f"import importlib.metadata as m; print(m.version({PEERS[name].distribution!r}))"
    found = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=False)
    return found.stdout.strip()
