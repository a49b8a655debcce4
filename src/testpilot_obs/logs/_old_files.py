"""Log files that were put aside: when, under which name, and what becomes of them."""

import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testpilot_obs._core import clock, diagnostics

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PRIVATE = 0o600
_NS = 1_000_000_000
_SUFFIX = re.compile(r"\.[0-9]{8}T[0-9]{6}\.[0-9]{6}(?:\.gz)?\Z")


@dataclass(frozen=True, slots=True)
class Policy:
    """When a file is put aside, and what is kept."""

    size: int = 100 * 1024 * 1024
    """Most bytes of a file."""
    interval_s: float | None = None
    """A file that was last written to in an earlier interval, counted from the epoch, is put
    aside."""
    count: int = 10
    """Most old files."""
    age_s: float | None = None
    """Older ones go, by the time they were put aside."""
    gzip: bool = False
    """Whether old files are compressed."""

    def is_due(self, found: os.stat_result, size: int) -> bool:
        """Return whether the file is to be put aside before *size* more bytes are written."""
        if not found.st_size or not stat.S_ISREG(found.st_mode):
            return False
        if found.st_size + size > self.size:
            return True
        if not self.interval_s:
            return False
        now = clock.time_ns() / _NS // self.interval_s
        return found.st_mtime // self.interval_s < now


def lock(fd: int, *, exclusive: bool) -> bool:
    """Lock an open file without waiting; return False if another process has it locked."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems know no locks.
        return True
    return True


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the right to put *path* aside; gives False if another process has it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path.with_name(f".{path.name}.lock"), flags, _PRIVATE)
    try:
        yield lock(fd, exclusive=True)
    finally:
        os.close(fd)


def put_aside(path: Path) -> Path:
    """Rename *path* after this moment: ``combined.log.20260203T040506.789012``."""
    now_ns = clock.time_ns()
    while True:
        seconds, rest_ns = divmod(now_ns, _NS)
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
        aside = path.with_name(f"{path.name}.{moment}.{rest_ns // 1000:06d}")
        if not aside.exists() and not Path(f"{aside}.gz").exists():
            path.rename(aside)
            return aside
        now_ns += 1000


def look_after(path: Path, policy: Policy) -> None:
    """Delete old files beyond the limits, and compress the others, in a thread, if wanted."""
    _guarded_prune(path, policy)
    if not policy.gzip:
        return
    name = "testpilot_obs compress"
    with suppress(RuntimeError):  # no more threads: the next time
        threading.Thread(target=_compress_all, args=(path,), name=name, daemon=True).start()


def old_files(path: Path) -> list[Path]:
    """Return what was put aside of *path*, the latest first."""
    found = {one.name.removesuffix(".gz"): one for one in _candidates(path)}
    return [found[name] for name in sorted(found, reverse=True)]


def _candidates(path: Path) -> list[Path]:
    begin = len(path.name)
    return [
        one
        for one in sorted(path.parent.iterdir())
        if one.name.startswith(path.name) and _SUFFIX.fullmatch(one.name[begin:])
    ]


def _guarded_prune(path: Path, policy: Policy) -> None:
    with diagnostics.guard("delete old log files"):
        try:
            _prune(path, policy)
        except OSError as error:
            diagnostics.warn_once(f"old:{path}", "old log files stay: %s", error.strerror)


def _prune(path: Path, policy: Policy) -> None:
    old = old_files(path)
    gone = old[policy.count :]
    if policy.age_s is not None:
        before_ns = clock.time_ns() - int(policy.age_s * _NS)
        oldest = time.strftime("%Y%m%dT%H%M%S", time.gmtime(before_ns // _NS))
        gone += [one for one in old[: policy.count] if one.name[len(path.name) + 1 :][:15] < oldest]
    for one in gone:
        with _alone(one) as fd:
            if fd >= 0:
                one.unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """Open *path* with the lock that no writer lets us have; gives -1 if there is one."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        yield -1
        return
    try:
        yield fd if lock(fd, exclusive=True) else -1
    finally:
        os.close(fd)


def _compress_all(path: Path) -> None:
    with diagnostics.guard("compress old log files"):
        try:
            for one in _candidates(path):
                if one.suffix != ".gz":
                    _compress(one)
        except OSError as error:
            diagnostics.warn_once(
                f"gzip:{path}", "old log files are not compressed: %s", error.strerror
            )


def _compress(path: Path) -> None:
    """Compress *path* unless somebody still writes to it, or compresses it."""
    import gzip  # few want it
    import shutil

    whole = Path(f"{path}.gz")
    with _alone(path) as fd:
        if fd < 0 or not path.exists():
            return
        if not whole.exists():
            part = path.with_name(f".{path.name}.part")
            with (
                os.fdopen(os.dup(fd), "rb") as source,
                _private(part) as target,
                gzip.GzipFile("", "wb", 6, target) as packed,
            ):
                shutil.copyfileobj(source, packed, 1 << 16)
            part.rename(whole)
        path.unlink(missing_ok=True)


def _private(path: Path) -> Any:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    return os.fdopen(fd, "wb")
