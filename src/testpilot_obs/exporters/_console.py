"""Records on the console: trees for people at a terminal, lines of JSON for everyone else."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TextIO

from testpilot_obs.exporters import _console_json, _console_text, _console_tree, _repair
from testpilot_obs.exporters._console_text import visible
from testpilot_obs.protocols import SENT, Batch, LogRecord, MetricFamily, Outcome, Verdict

Style = Literal["tree", "json"]
"""``"tree"`` for people, ``"json"`` for programs."""


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
        self._grove = _console_tree.Grove()

    def export(self, batch: Batch, *, timeout_s: float) -> Outcome:
        """Print what is complete; see `Exporter`."""
        return self._print(self._lines(batch))

    def close(self) -> None:
        """Print the spans that still wait for their root; the stream stays open."""
        self._print(map(self._tree, self._grove.rest()))

    def after_fork(self) -> None:
        """Leave waiting spans to the parent process, which has them too."""
        self._grove.clear()

    def _lines(self, batch: Batch) -> Iterator[str]:
        if not self._is_tree():
            for record in batch.records:
                for line in _console_json.lines_of(batch.signal, record):
                    yield f"{line}\n"
        elif batch.signal == "traces":
            yield from map(self._tree, self._grove.add(batch.records))
        elif batch.signal == "logs":
            yield from map(_log_line, batch.records)
        else:
            yield from _metric_lines(batch.records)

    def _is_tree(self) -> bool:
        if self._style is None:
            return _console_text.is_terminal(self._target())
        return self._style == "tree"

    def _tree(self, spans: list[Any]) -> str:
        stream = self._target()
        return _console_tree.tree(
            spans,
            width=_console_text.width_of(stream),
            colour=_console_text.wants_colour(stream),
        )

    def _target(self) -> TextIO:
        return sys.stderr if self._stream is None else self._stream

    def _print(self, lines: Iterator[str]) -> Outcome:
        printed = "".join(lines)
        stream = self._target()
        # A process without a console (pythonw, some daemons) has None there.
        if not printed or stream is None:
            return SENT
        try:
            _console_text.write(stream, printed)
        except (OSError, ValueError) as error:
            return Outcome(Verdict.REFUSED, "console", f"the console: {type(error).__name__}")
        return SENT


def _log_line(record: LogRecord) -> str:
    mended = _repair.log(record)
    pairs = _console_tree.attributes_text(mended.attributes, frozenset())
    when = _console_tree.clock_time(mended.time_ns)
    line = f"{when} {visible(mended.severity_text):<8} {visible(mended.body)}  {pairs}"
    return line.rstrip() + "\n"


def _metric_lines(families: Sequence[MetricFamily]) -> Iterator[str]:
    for family in families:
        for point in family.points:
            pairs = ", ".join(f"{visible(k)}={visible(v)}" for k, v in point.labels.items())
            value = f"{point.value:g}"
            if family.kind.value in {"histogram", "summary"}:
                value = f"count={point.count} sum={value}"
            yield (
                f"{visible(family.name)}{{{pairs}}} {value} {visible(family.unit)}".rstrip() + "\n"
            )
