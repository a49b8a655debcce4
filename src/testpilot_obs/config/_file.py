"""Settings in a TOML file: ``[tool.testpilot_obs]`` in ``pyproject.toml``, or a file of its own."""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from testpilot_obs.config._pairs import Pairs

_TABLE = "testpilot_obs"


class FileSettings(NamedTuple):
    """What a file says."""

    path: str
    """The file; empty if there is none."""
    table: Mapping[str, Any] = Pairs()
    """Its settings as they were typed."""
    trouble: str = ""
    """Why it could not be read; empty if it could."""


NO_FILE = FileSettings("")


def read(named: str, directory: Path | None = None) -> FileSettings:
    """Return the settings of the file *named*, or else of the nearest ``pyproject.toml``.

    Args:
        named: A path; ``~`` is the home folder. A file that is not called ``pyproject.toml`` may
            have the settings at its top level.
        directory: Where to begin to look for ``pyproject.toml``, upwards; by default the current
            directory. Not used if a file is named.
    """
    if named:
        path = _expand(named)
        return _read(path, may_be_flat=path.name != "pyproject.toml")
    found = _nearest_pyproject(directory)
    settings = _read(found, may_be_flat=False) if found else NO_FILE
    if found and settings.table and _anyone_can_write(found.parent):
        return FileSettings(str(found), trouble="a folder that not everyone can write to")
    return settings


def _anyone_can_write(folder: Path) -> bool:
    """Tell whether a file in *folder* may have been planted, to send telemetry elsewhere."""
    return os.name == "posix" and bool(folder.stat().st_mode & stat.S_IWOTH)


def _expand(named: str) -> Path:
    try:
        return Path(named).expanduser()
    except RuntimeError:
        # There is no home folder.
        return Path(named)


def _nearest_pyproject(directory: Path | None) -> Path | None:
    try:
        start = (directory or Path.cwd()).absolute()
        folders = (start, *start.parents)
        return next((file for d in folders if (file := d / "pyproject.toml").is_file()), None)
    except OSError:
        # The current directory was deleted, or a folder above it may not be looked into.
        return None


def _read(path: Path, *, may_be_flat: bool) -> FileSettings:
    try:
        content = path.read_bytes()
        # Most files have nothing for us, so that the parser is not even imported.
        if not may_be_flat and _TABLE.encode() not in content:
            return NO_FILE
        table = _settings(_parse(content.decode("utf-8-sig")), may_be_flat=may_be_flat)
    except (OSError, ValueError, RecursionError) as error:
        return FileSettings(str(path), trouble=_expected_instead(error))
    if not isinstance(table, dict):
        return FileSettings(str(path), trouble=f"a table [tool.{_TABLE}] in it")
    return FileSettings(str(path), table)


def _expected_instead(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"a file that can be read ({error.strerror})"
    if isinstance(error, UnicodeDecodeError):
        return "a file in UTF-8"
    # Before its place, the parser's message may repeat what it read.
    _, found, place = str(error).rpartition("(at ")
    return f"valid TOML (see {place.rstrip(')')})" if found else "valid TOML"


def _parse(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _settings(document: dict[str, Any], *, may_be_flat: bool) -> object:
    tools = document.get("tool")
    if isinstance(tools, dict) and _TABLE in tools:
        return tools[_TABLE]
    return document if may_be_flat else {}
