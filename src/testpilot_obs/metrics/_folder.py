"""Which folder the processes of one service share, if nobody has named one.

All processes that a server starts (gunicorn, uvicorn, celery) are in its process group, whatever
becomes of each of them; so the group and the service name the folder.
"""

import os
import re
import shutil
import tempfile

_MODE = 0o700
_MOST_LOOKED_AT = 100
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def default_folder(service: str) -> str:
    """Return the path of the folder; those of groups that are no more are removed.

    Raises:
        OSError: If the folder above it belongs to somebody else.
    """
    user = os.geteuid()
    above = os.path.join(tempfile.gettempdir(), f"testpilot_obs-{user}")  # noqa: PTH118
    os.makedirs(above, mode=_MODE, exist_ok=True)  # noqa: PTH103
    found = os.lstat(above)
    if found.st_uid != user or found.st_mode & 0o077:
        message = f"{above} is not private to this user: set TESTPILOT_OBS_MULTIPROCESS_DIR"
        raise PermissionError(message)
    group = os.getpgrp()
    _tidy(above, group)
    name = _NOT_IN_A_NAME.sub("_", service)[:80]
    return os.path.join(above, f"{name}-{group}")  # noqa: PTH118


def _tidy(above: str, own_group: int) -> None:
    for name in sorted(os.listdir(above))[:_MOST_LOOKED_AT]:  # noqa: PTH208
        group = name.rpartition("-")[2]
        if group.isdigit() and int(group) != own_group and not _is_there(int(group)):
            shutil.rmtree(os.path.join(above, name), ignore_errors=True)  # noqa: PTH118


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
