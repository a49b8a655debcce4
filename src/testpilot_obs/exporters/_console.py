"""Records on the console: trees for people at a terminal, lines of JSON for everyone else."""

import sys
from collections.abc import Iterator
from typing import Any, Literal, TextIO

from testpilot_obs._core import fork
from testpilot_obs.protocols import SENT, Batch, Outcome, Signal, Verdict

Style = Literal["tree", "json"]
"""``"tree"`` for people, ``"json"`` for programs."""
_LATE = (
    "testpilot_obs.exporters._console_json",
    "testpilot_obs.exporters._console_lines",
    "testpilot_obs.exporters._console_text",
    "testpilot_obs.exporters._console_tree",
)


class ConsoleExporter:
    """Print each record; spans as trees, when the root of their trace has ended.

    Args:
        stream: Where to; ``None`` is what ``sys.stderr`` is when something is printed.
        style: ``None`` chooses the tree at a terminal and JSON otherwise.
    """

    wants_records = True

    def __init__(self, stream: TextIO | None = None, style: Style | None = None) -> None:
        self._stream = stream
        self._style = style
        self._printer: _TreePrinter | _JsonPrinter | None = None
        fork.needs(*_LATE)

    def export(self, batch: Batch, *, timeout_s: float) -> Outcome:
        """Print what is complete; see `Exporter`."""
        stream = self._target()
        # A process without a console (pythonw, some daemons) has None there.
        if stream is None:
            return SENT
        if self._printer is None:
            self._printer = _printer(stream, self._style)
        return _write(stream, self._printer.lines(batch.signal, batch.records, stream))

    def close(self) -> None:
        """Print the spans that still wait for their root; the stream stays open."""
        stream = self._target()
        if stream is not None and self._printer is not None:
            _write(stream, self._printer.rest(stream))

    def after_fork(self) -> None:
        """Leave waiting spans to the parent process, which has them too."""
        self._printer = None

    def _target(self) -> TextIO | None:
        return sys.stderr if self._stream is None else self._stream


class _JsonPrinter:
    def lines(self, signal: Signal, records: Any, _stream: TextIO) -> Iterator[str]:
        from testpilot_obs.exporters._console_json import lines_of

        for record in records:
            for line in lines_of(signal, record):
                yield f"{line}\n"

    def rest(self, _stream: TextIO) -> Iterator[str]:
        return iter(())


class _TreePrinter:
    def __init__(self) -> None:
        from testpilot_obs.exporters import _console_lines, _console_tree

        self._lines = _console_lines.lines_of
        self._draw = _console_tree.draw
        self._grove = _console_tree.Grove()

    def lines(self, signal: Signal, records: Any, stream: TextIO) -> Iterator[str]:
        if signal != "traces":
            for record in records:
                yield from self._lines(signal, record)
            return
        for spans in self._grove.add(records):
            yield self._draw(spans, stream)

    def rest(self, stream: TextIO) -> Iterator[str]:
        for spans in self._grove.rest():
            yield self._draw(spans, stream)


def _printer(stream: TextIO, style: Style | None) -> _TreePrinter | _JsonPrinter:
    from testpilot_obs._core.terminal import is_terminal

    if style is None:
        style = "tree" if is_terminal(stream) else "json"
    return _TreePrinter() if style == "tree" else _JsonPrinter()


def _write(stream: TextIO, lines: Iterator[str]) -> Outcome:
    from testpilot_obs.exporters._console_text import write

    printed = "".join(lines)
    try:
        if printed:
            write(stream, printed)
    except (OSError, ValueError) as error:
        return Outcome(Verdict.REFUSED, "console", f"the console: {type(error).__name__}")
    return SENT
