"""Where files are written: is it there, may this user write, may others read, is there room?"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from testpilot_obs.cli._doctor_report import Check, Status
from testpilot_obs.config import Config
from testpilot_obs.delivery import spool_root
from testpilot_obs.protocols import SIGNALS

_LITTLE_BYTES = 100 << 20
"""Less room than this is warned about; a guess."""
_OTHERS, _OTHERS_WRITE = 0o077, 0o022


class Kept(NamedTuple):
    """One setting that says where files are written."""

    label: str
    setting: str
    is_file: bool = False
    is_private: bool = False
    """Whether nobody else may even list the folder."""


PLACES = (
    Kept("log files", "log_dir"),
    Kept("audit log", "audit_file", is_file=True),
    Kept("OTLP file", "otlp_file", is_file=True),
    Kept("shared metrics", "multiprocess_dir", is_private=True),
    Kept("spool", "spool_dir", is_private=True),
)
"""What is looked at, if it is set."""


def check_folders(config: Config) -> Iterator[Check]:
    """Yield what is right or wrong with each place that *config* names."""
    is_any = False
    for kept in PLACES:
        path = str(getattr(config, kept.setting))
        if kept.setting == "spool_dir" and not _uses_spool(config):
            path = ""
        elif kept.setting == "spool_dir":
            path = spool_root(config)
        if path:
            is_any = True
            yield look_at(kept, Path(path).absolute())
    if not is_any:
        yield Check("folders", "files", "info", "no files are written")


def _uses_spool(config: Config) -> bool:
    """Return whether anything is kept on disk: only what goes over a network is."""
    networks = any("otlp" in (config.exporters(signal) or ()) for signal in SIGNALS)
    return config.spool != "off" and networks and not config.disabled


def look_at(kept: Kept, path: Path) -> Check:
    """Return what is right or wrong with *path*; what is tried leaves nothing behind."""
    folder = path.parent if kept.is_file else path
    there = _nearest(folder)
    facts = {"path": str(path), "exists": path.exists(), "setting": kept.setting}
    try:
        room = shutil.disk_usage(there).free
        _try_to_write(there)
        if kept.is_file and path.is_file():
            with path.open("ab"):
                pass
        elif kept.is_file and path.is_dir():
            raise IsADirectoryError(21, "this is a folder, and a file is expected")
    except OSError as error:
        remedy = f"let this user write there, or change {kept.setting}"
        said = f"cannot be written: {error.strerror or type(error).__name__}"
        return Check(
            "folders", kept.label, "failed", said, about=str(path), remedy=remedy, facts=facts
        )
    facts |= {"writable": True, "free_bytes": room}
    said = "can be written" if folder.exists() else f"will be made in {there}"
    said += f", {room >> 20} MB free"
    doubts = [*_doubts_about_mode(kept, path, folder), *_doubts_about_room(room)]
    status: Status = "warning" if doubts else "ok"
    return Check(
        "folders", kept.label, status, "; ".join((said, *doubts)), about=str(path), facts=facts
    )


def _nearest(folder: Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    return next((one for one in (folder, *folder.parents) if one.exists()), folder)


def _try_to_write(folder: Path) -> None:
    # os.access() says yes to root on a file system that can only be read.
    with tempfile.TemporaryFile(dir=folder):
        pass


def _doubts_about_mode(kept: Kept, path: Path, folder: Path) -> Iterator[str]:
    if os.name != "posix":
        return
    if not kept.is_file and folder.is_dir():
        mode = folder.stat().st_mode & 0o777
        if mode & (_OTHERS if kept.is_private else _OTHERS_WRITE):
            yield f"others may look or write there (mode {mode:04o}): chmod 700"
    if kept.is_file and path.is_file():
        mode = path.stat().st_mode & 0o777
        if mode & _OTHERS:
            yield f"others may read it (mode {mode:04o}): chmod 600"


def _doubts_about_room(free_bytes: int) -> Iterator[str]:
    if free_bytes < _LITTLE_BYTES:
        yield "that is little"
