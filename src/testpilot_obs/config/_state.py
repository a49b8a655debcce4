"""Where this user's programs keep what must outlive a process.

Source:
    XDG Base Directory Specification, ``XDG_STATE_HOME``; systemd.exec(5), ``STATE_DIRECTORY``;
    Apple, "File System Programming Guide", Application Support.
"""

import os
import sys
from collections.abc import Mapping

from testpilot_obs.config import _env

_NAME = "testpilot_obs"


def state_folder(environ: Mapping[str, str] | None = None) -> str:
    """Return the library's folder for state; it need not exist.

    Without a home that can be written to it is a folder of this user among the temporary files.

    Args:
        environ: Instead of the environment of the process.
    """
    variables = _env.snapshot(environ)
    above = _above(variables)
    if _can_be_made(above):
        return os.path.join(above, _NAME)  # noqa: PTH118  # pathlib is 5 ms
    import tempfile  # few users need it

    user = os.getuid() if hasattr(os, "getuid") else variables.get("USERNAME", "user")
    return os.path.join(tempfile.gettempdir(), f"{_NAME}-{user}", "state")  # noqa: PTH118


def _above(variables: Mapping[str, str]) -> str:
    # systemd makes this one for the service, before it starts.
    for_service = variables.get("STATE_DIRECTORY", "").partition(os.pathsep)[0]
    if for_service:
        return for_service
    if sys.platform == "win32":
        return variables.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")  # noqa: PTH111
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support")  # noqa: PTH111
    state = variables.get("XDG_STATE_HOME", "")
    # The specification wants a relative path to be ignored.
    return state if state.startswith("/") else os.path.expanduser("~/.local/state")  # noqa: PTH111


def _can_be_made(folder: str) -> bool:
    """Return whether *folder* is there and can be written to, or could be made."""
    while folder and not os.path.isdir(folder):  # noqa: PTH112
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return False
        folder = above
    return bool(folder) and os.access(folder, os.W_OK | os.X_OK)
