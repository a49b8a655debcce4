"""The libraries take turns of a few milliseconds, so that all meet the machine in the same mood.

On a shared machine the same loop takes 10 µs a turn for two seconds, and 17 for the next two.
Processes that are measured one after the other would be compared across such a change. So all of
a group run side by side, and only one at a time: who has the turn works, the others wait.
"""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMEOUT_S = 120
"""How long a turn may take."""
_ASKING = "@turn"
_ENABLED = "BENCHMARK_TURNS"


def ask() -> None:
    """Let the others have their turn, and return when this process has it again."""
    if _ENABLED in os.environ:
        print(_ASKING, flush=True)
        await_first()


def await_first() -> None:
    """Return when this process has its first turn; at once where nobody gives turns."""
    if _ENABLED in os.environ and not sys.stdin.readline():
        # Whoever gave the turns is gone.
        os._exit(1)


class Taker:
    """A process that waits for its turns; its last line is its result."""

    def __init__(self, command: Sequence[str], where: Path, environ: Mapping[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `result`
        self._line = ""
        self._timed_out = False
        self._process = subprocess.Popen(
            command,
            cwd=where,
            env={**environ, _ENABLED: "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def take_turn(self) -> bool:
        """Let the process work until it asks for its next turn; False once it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(TIMEOUT_S, self._give_up)
        late.start()
        try:
            print(file=self._process.stdin, flush=True)
            for line in self._process.stdout:
                if line.strip() == _ASKING:
                    return True
                self._line = line.strip() or self._line
        except BrokenPipeError:
            pass
        finally:
            late.cancel()
        return False

    def result(self) -> str:
        """Return the last line of a process that has ended.

        Raises:
            subprocess.SubprocessError: If it failed or took too long.
        """
        with self._process as ended:
            pass
        with self._errors as file:
            file.seek(0)
            errors = file.read().decode(errors="replace")
        if self._timed_out:
            raise subprocess.TimeoutExpired(ended.args, TIMEOUT_S)
        if ended.returncode:
            raise subprocess.CalledProcessError(ended.returncode, ended.args, stderr=errors)
        return self._line

    def _give_up(self) -> None:
        self._timed_out = True
        self._process.kill()
