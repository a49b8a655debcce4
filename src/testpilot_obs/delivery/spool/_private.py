"""Folders that nobody but this user can read, change or exchange for others."""

import os
import stat
from contextlib import suppress

from testpilot_obs.delivery.spool._segment import sync_folder

_PRIVATE_FOLDER = 0o700


def make_private(folder: str, *, durable: bool = False) -> str:
    """Make *folder* and those above it, for nobody but this user.

    Nobody else can read what lies in it then. That somebody exchanges it for another one is found
    at the next call, as that one belongs to him.

    Args:
        folder: What to make.
        durable: Whether to wait until the disk has the names of the new ones.

    Returns:
        The folder above in which everybody may rename what is not his, as no sticky bit keeps him
        from it; so are the volumes of containers. ``""`` if there is none.

    Raises:
        OSError: If that is not possible, or if it or one above it belongs to another user than
            this one and root.
    """
    missing = []
    above = os.path.abspath(folder)  # noqa: PTH100  # pathlib is 5 ms
    while not os.path.isdir(above) and above != os.path.dirname(above):  # noqa: PTH112, PTH120
        missing.append(above)
        above = os.path.dirname(above)  # noqa: PTH120
    shared = _check(above)
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
        shared = _check(folder)
    return shared


def _check(path: str) -> str:
    """Return where everybody may exchange a part of *path*; raise if one belongs to a stranger."""
    if not hasattr(os, "geteuid"):
        return ""
    above, shared = "/", ""
    trusted = {os.geteuid(), 0, os.stat(above).st_uid}  # noqa: PTH116
    for part in os.path.abspath(path).split("/")[1:]:  # noqa: PTH100
        here = os.path.join(above, part)  # noqa: PTH118
        found = os.lstat(here)
        if found.st_uid not in trusted:
            raise PermissionError(_belongs(here))
        if stat.S_ISLNK(found.st_mode):
            shared = _check(os.path.join(above, os.readlink(here))) or shared  # noqa: PTH115, PTH118
            here = os.path.realpath(here)
        elif found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            shared = here
        above = here
    return shared


def _belongs(path: str) -> str:
    return f"{path} belongs to another user"
