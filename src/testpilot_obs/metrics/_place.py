"""Where in the application something was called."""

import os
import sys

_HERE = os.path.dirname(__file__) + os.sep  # noqa: PTH120  # pathlib would cost an import


def place_of_caller() -> str:
    """Return file and line of the nearest caller outside this package: ``"/srv/app.py:12"``."""
    frame = sys._getframe(1)  # noqa: SLF001  # inspect.stack() reads all source files
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
