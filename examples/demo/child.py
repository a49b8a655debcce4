"""A process of the demo: told things through stdin, answers with JSON lines on stdout.

A child ends when its stdin closes, so none is left behind when the demo is stopped in any way.
"""

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from typing_extensions import Self

ANSWER_S = 20.0
"""How long a child may take to start or to answer, in seconds."""
LAST_LINES = 15


class ChildError(Exception):
    """A process of the demo ended, or did not answer in time; carries its last words."""


class Child:
    """One running module of the demo."""

    def __init__(self, module: str, *arguments: str, **environ: str) -> None:
        self._name = module
        self._errors = tempfile.NamedTemporaryFile(mode="w+", suffix=".log")  # noqa: SIM115
        # A session of its own: Ctrl-C reaches the demo alone, which then ends its children.
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **environ},
            text=True,
            start_new_session=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process, at the latest by force."""
        self._close_stdin()
        try:
            self._process.wait(timeout=ANSWER_S if kind is None else 3.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def answer(self) -> dict[str, Any]:
        """Return the next JSON line that the process writes."""
        try:
            line = self._answers.get(timeout=ANSWER_S)
        except queue.Empty:
            line = ""
        if not line:
            message = f"{self._name} gave no answer\n{self.last_words()}"
            raise ChildError(message)
        return dict(json.loads(line))

    def ask(self, question: str) -> dict[str, Any]:
        """Write *question* to the process and return its answer."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{question}\n")
            self._process.stdin.flush()
        return self.answer()

    def finish(self) -> dict[str, Any]:
        """Let the process end, and return the last thing it says."""
        self._close_stdin()
        return self.answer()

    def last_words(self) -> str:
        """Return the end of what the process wrote to stderr."""
        lines = Path(self._errors.name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LAST_LINES:])

    def _listen(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._answers.put(line)
        self._answers.put("")

    def _close_stdin(self) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                return


def tell(answer: Mapping[str, object]) -> None:
    """Answer the demo from inside a child."""
    print(json.dumps(answer), flush=True)


def forget_settings() -> None:
    """Take the watcher's own settings of telemetry away from this process and its children."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "TESTPILOT_OBS_", "LOG_LEVEL")):
            del os.environ[name]
