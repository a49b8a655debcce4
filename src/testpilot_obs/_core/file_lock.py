"""The lock of an open file, which ends with the process that holds it, however it ends."""

import os
from typing import Any

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

_FAR_AWAY = 0x7FFF_FFFE
"""Which byte stands for the whole file on Windows: none that anybody reads or writes."""


def try_lock(fd: int) -> bool:
    """Lock an open file without waiting; return False if another process has it locked.

    On a file system that knows no locks it counts as locked by nobody.
    """
    if fcntl is None:
        return _try_lock_on_windows(fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _try_lock_on_windows(fd: int) -> bool:
    import msvcrt

    system: Any = msvcrt
    position = os.lseek(fd, 0, os.SEEK_CUR)
    try:
        os.lseek(fd, _FAR_AWAY, os.SEEK_SET)
        system.locking(fd, system.LK_NBLCK, 1)
    except OSError:
        return False
    finally:
        os.lseek(fd, position, os.SEEK_SET)
    return True
