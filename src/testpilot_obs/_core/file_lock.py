"""The lock of an open file, which ends with the process that holds it, however it ends."""

import os
import struct
from contextlib import suppress
from typing import Any

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

_FAR_AWAY = 0x7FFF_FFFE
"""Which byte stands for the whole file on Windows: none that anybody reads or writes."""
_RANGE = struct.Struct("@hhqqi0q")
"""``struct flock`` of Linux: type, whence, start, length, process."""


def try_lock(fd: int) -> bool:
    """Lock an open file without waiting; return False if another process has it locked.

    Where the system can, the lock is made visible too, for `is_locked`.

    Raises:
        OSError: If it cannot be known whether somebody else has it locked: the file system knows
            no locks, or has no more of them. Whoever went on then might do what another process
            is doing at the same time.
    """
    if fcntl is None:
        return _try_lock_on_windows(fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    with suppress(AttributeError, OSError):
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
    return True


def is_locked(fd: int) -> bool:
    """Return whether somebody has an open file locked.

    On Linux this looks and takes nothing, so nobody who wants the lock at this moment fails.
    Elsewhere the lock must be taken for it, and is given back at once.
    """
    with suppress(AttributeError, OSError):
        answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _whole_file(fcntl.F_WRLCK))
        kind: int = _RANGE.unpack(answer)[0]
        return kind != fcntl.F_UNLCK
    return _is_locked_by_trying(fd)


def _whole_file(kind: int) -> bytes:
    # The process must be 0: the lock belongs to the open file, and a fork shares it.
    return _RANGE.pack(kind, os.SEEK_SET, 0, 0, 0)


def _is_locked_by_trying(fd: int) -> bool:
    try:
        is_mine = try_lock(fd)
    except OSError:
        return False
    if is_mine and fcntl is not None:
        fcntl.flock(fd, fcntl.LOCK_UN)
    elif is_mine:
        _on_windows(fd, "LK_UNLCK")
    return not is_mine


def _try_lock_on_windows(fd: int) -> bool:
    try:
        _on_windows(fd, "LK_NBLCK")
    except OSError:
        return False
    return True


def _on_windows(fd: int, how: str) -> None:
    import msvcrt

    system: Any = msvcrt
    position = os.lseek(fd, 0, os.SEEK_CUR)
    try:
        os.lseek(fd, _FAR_AWAY, os.SEEK_SET)
        system.locking(fd, getattr(system, how), 1)
    finally:
        os.lseek(fd, position, os.SEEK_SET)
