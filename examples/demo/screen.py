"""What the watcher sees: plain text, 80 columns or more, colour at a terminal only."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from examples.demo.compare import Row
from examples.demo.evidence import Evidence, Log, Point, Span

BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"
FINE = {
    "bar": "█",
    "thin": "▏",
    "branch": "├─ ",
    "last": "└─ ",
    "pipe": "│  ",
    "bad": "✗",
    "ok": "✓",
    "cut": "…",
}
PLAIN = {
    "bar": "#",
    "thin": "|",
    "branch": "+- ",
    "last": "`- ",
    "pipe": "|  ",
    "bad": "x",
    "ok": "=",
    "cut": "..",
}
SPARKS = " ▁▂▃▄▅▆▇█"
LEVEL_COLOURS = {"WARNING": YELLOW, "WARN": YELLOW, "ERROR": RED}
TIME_COLUMN = 10
LOG_COLUMN = 37
BODY_COLUMN = 30


@dataclass(frozen=True)
class Screen:
    """Where and how to print."""

    width: int
    colour: bool
    fine: bool
    """Whether the output can carry box-drawing characters."""

    @classmethod
    def of_stdout(cls) -> "Screen":
        """Return what suits the standard output."""
        terminal = sys.stdout.isatty()
        columns = shutil.get_terminal_size((100, 24)).columns
        return cls(
            width=min(max(columns, 80), 120),
            colour=terminal and "NO_COLOR" not in os.environ,
            fine=(sys.stdout.encoding or "").lower().replace("-", "") == "utf8",
        )

    def paint(self, text: str, colour: str) -> str:
        """Return *text* in colour, if there is colour."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colour else text

    def title(self, text: str, remark: str = "") -> None:
        """Print the heading of a part."""
        print(f"\n{self.paint(text, BOLD)}  {self.paint(remark, DIM)}".rstrip())

    def sign(self, name: str) -> str:
        """Return a drawing character, or its plain stand-in."""
        return (FINE if self.fine else PLAIN)[name]

    def step(self, number: int, what: str, remark: str) -> None:
        """Print one step of the run."""
        print(f" {self.paint(str(number), CYAN)} {what:<9} {remark}", flush=True)

    def waterfall(self, spans: Sequence[Span]) -> None:
        """Print one trace as a tree, with a bar for each span on one time line."""
        start = min(span.start_ns for span in spans)
        total = max(span.end_ns for span in spans) - start or 1
        rows = list(self._tree(spans))
        label_width = max(len(label) for label, _ in rows)
        bar_width = self.width - label_width - TIME_COLUMN - 6
        for label, span in rows:
            begin = (span.start_ns - start) * bar_width // total
            length = (span.end_ns - span.start_ns) * bar_width // total
            bar = " " * min(begin, bar_width - 1) + (self.sign("bar") * length or self.sign("thin"))
            mark, colour = (self.sign("bad"), RED) if span.failed else (" ", CYAN)
            duration = f"{mark}{format_s(span.duration_s):>{TIME_COLUMN}}"
            print(f"  {label:<{label_width}} {duration} {self.paint(bar, colour)}")

    def _tree(self, spans: Sequence[Span]) -> Iterator[tuple[str, Span]]:
        known = {span.span_id for span in spans}
        children: dict[str, list[Span]] = {}
        for span in spans:
            children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)

        def walk(parent: str, indent: str) -> Iterator[tuple[str, Span]]:
            below = children.get(parent, [])
            for span in below:
                last = span is below[-1]
                branch = "" if not parent else self.sign("last" if last else "branch")
                yield f"{indent}{branch}{span.name}", span
                deeper = "" if not parent else ("   " if last else self.sign("pipe"))
                yield from walk(span.span_id, indent + deeper)

        return walk("", "")

    def log_lines(self, logs: Sequence[Log], start_ns: int) -> None:
        """Print the log lines of a trace, each with the time since the trace began."""
        for log in logs:
            since = f"+{(log.time_ns - start_ns) / 1e9:.3f} s"
            level = self.paint(f"{log.severity:<8}", LEVEL_COLOURS.get(log.severity, GREEN))
            room = self.width - LOG_COLUMN
            body = f"{self._cut(log.body, room):<{BODY_COLUMN}} "
            fields = " ".join(f"{key}={value}" for key, value in log.attributes.items())
            shown = self.paint(self._cut(fields, room - len(body)), DIM)
            print(f"  {since:>10} {level} {log.service:<14} {body}{shown}".rstrip())

    def numbers(self, got: Evidence, metric: str) -> None:
        """Print a metric with all its series: a number, or how many, the mean and the buckets."""
        points = sorted((p for p in got.points if p.metric == metric), key=_values)
        names = ", ".join(sorted({name for point in points for name in point.labels}))
        print(f"  {metric}{self.paint(' by ' + names, DIM) if names else ''}")
        for point in points:
            label = f"    {_values(point) or 'all'}"
            if point.bounds:
                mean = format_s(point.value / point.count) if point.count else "-"
                tail = f"{point.count:>6,} times {mean:>9} mean  {self._sparks(point.buckets)}"
            else:
                tail = f"{point.value:>6,.0f}"
            print(f"{label:<38}{tail}".rstrip())

    def _cut(self, text: str, width: int) -> str:
        """Return *text* in at most *width* columns."""
        if len(text) <= width:
            return text
        mark = self.sign("cut")
        return text[: width - len(mark)] + mark if width > len(mark) else ""

    def _sparks(self, counts: Sequence[int]) -> str:
        most = max(counts, default=0)
        if not self.fine or not most:
            return ""
        return "".join(SPARKS[-(-count * (len(SPARKS) - 1) // most)] for count in counts)

    def comparison(self, rows: Sequence[Row]) -> None:
        """Print both sides of each number."""
        print(self.paint(f"  {'':<40} {'sent':>10} {'received':>10}", DIM))
        for row in rows:
            good = row.is_equal
            sign = self.paint(self.sign("ok" if good else "bad"), GREEN if good else RED)
            print(f"  {row.what:<40} {row.sent:>10,} {row.received:>10,}  {sign}")


def format_s(seconds: float) -> str:
    """Return a duration for people, e.g. ``"1.20 s"`` or ``"0.8 ms"``."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


def _values(point: Point) -> str:
    return ", ".join(value for _, value in sorted(point.labels.items()))
