"""The sink that writes ``combined.log`` and ``error.log``."""

import os
from collections.abc import Callable
from pathlib import Path

from testpilot_obs.logs._gathered import Gathered
from testpilot_obs.logs._levels import ERROR
from testpilot_obs.logs._line import Facts, Line, Lines
from testpilot_obs.logs._log_file import LogFile
from testpilot_obs.logs._old_files import Policy


class Files:
    """Writes each line as JSON to ``combined.log``, and from level error on to ``error.log`` too.

    Args:
        folder: Where; made if it is not there, for the owner only.
        encode: Makes JSON of a line.
        policy: When files are put aside, and how many are kept.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        encode: Callable[[Line, Facts], bytes],
        policy: Policy,
    ) -> None:
        self._combined = Gathered(LogFile(Path(folder, "combined.log"), policy), encode)
        self._error = Gathered(LogFile(Path(folder, "error.log"), policy), encode)

    def __call__(self, line: Line, facts: Facts) -> None:
        """Write *line*."""
        self._combined.write(line, facts)
        if facts.level >= ERROR:
            self._error.write(line, facts)

    def take(self, lines: Lines) -> bool:
        """Take *lines*, no errors, to write with `flush`; return whether that is urgent."""
        return self._combined.take(lines)

    def tell_of_floods(self, begin: Callable[[], object]) -> None:
        """Call *begin* from time to time while lines are many."""
        self._combined.on_many = begin

    @property
    def lost(self) -> dict[str, int]:
        """Lines that the disk did not take, by file."""
        self.flush()
        files = (self._combined.file, self._error.file)
        return {file.path.name: file.lost for file in files}

    def flush(self) -> None:
        """Write what waits."""
        self._combined.flush()
        self._error.flush()

    def end(self) -> None:
        """Write what waits, and from now on each line at once, as the process ends."""
        self._combined.end()
        self._error.end()

    def close(self) -> None:
        """Close both files."""
        self._combined.close()
        self._error.close()
