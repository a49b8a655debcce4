"""Folders that nobody but this user can read, change or exchange for others."""

import os
import stat
from contextlib import suppress

from testpilot_obs.delivery.spool._segment import sync_folder

_PRIVATE_FOLDER = 0o700


def make_private(folder: str, *, durable: bool = False) -> None:
    """Make *folder* and those above it, for nobody but this user.

    Args:
        folder: What to make.
        durable: Whether to wait until the disk has the names of the new ones.

    Raises:
        OSError: If that is not possible, or if somebody else could read or exchange it: it or
            one above it belongs to another user than this one and root, or everybody may write
            there and no sticky bit keeps him from renaming what is not his.
    """
    missing = []
    above = os.path.abspath(folder)  # noqa: PTH100  # pathlib is 5 ms
    while not os.path.isdir(above) and above != os.path.dirname(above):  # noqa: PTH112, PTH120
        missing.append(above)
        above = os.path.dirname(above)  # noqa: PTH120
    _check(above)
    for one in reversed(missing):
        # makedirs() would leave those above the last one to the umask.
        with suppress(FileExistsError):
            os.mkdir(one, _PRIVATE_FOLDER)  # noqa: PTH102
        if durable:
            sync_folder(os.path.dirname(one))  # noqa: PTH120
    found = os.stat(folder)  # noqa: PTH116
    if hasattr(os, "geteuid"):
        if found.st_uid != os.geteuid():
            raise PermissionError(_belongs(folder))
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.chmod(folder, _PRIVATE_FOLDER)  # noqa: PTH101
    if missing:
        # Somebody may have been quicker with one of them.
        _check(folder)


def _check(path: str) -> None:
    """Raise unless *path* leads where it leads until this user or root changes it."""
    if not hasattr(os, "geteuid"):
        return
    above = "/"
    trusted = {os.geteuid(), 0, os.stat(above).st_uid}  # noqa: PTH116
    for part in os.path.abspath(path).split("/")[1:]:  # noqa: PTH100
        here = os.path.join(above, part)  # noqa: PTH118
        found = os.lstat(here)
        if found.st_uid not in trusted:
            raise PermissionError(_belongs(here))
        if stat.S_ISLNK(found.st_mode):
            _check(os.path.join(above, os.readlink(here)))  # noqa: PTH115, PTH118
            here = os.path.realpath(here)
        elif found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            message = f"everybody may exchange what lies in {here}; chmod o-w or +t would help"
            raise PermissionError(message)
        above = here


def _belongs(path: str) -> str:
    return f"{path} belongs to another user"
