"""The doctor's report as a person reads it: colours at a terminal, ASCII where it must be."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from testpilot_obs.cli._doctor_report import Check, Report, Section

_TITLES: Mapping[Section, str] = {
    "settings": "Settings",
    "instrumentation": "Instrumentation",
    "folders": "Folders",
    "destinations": "Destinations",
}
_MARKS = {"ok": "✓", "failed": "✗", "warning": "!", "info": "·", "skipped": "-"}
_ASCII_MARKS = {"ok": "+", "failed": "x", "warning": "!", "info": ".", "skipped": "-"}
_COLOURS = {"ok": 32, "failed": 31, "warning": 33, "info": 2, "skipped": 2}
_VERDICTS = {
    "ok": "all well",
    "warning": "nothing is wrong; look at what has a !",
    "failed": "something is wrong",
}
_WIDEST_NAME = 24
_WIDEST_VALUE = 60


class Page:
    """Writes a report to *stream*."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._has_colours = _wants_colours(stream)
        self._marks = _MARKS if _can_encode("✓✗·", self._encoding) else _ASCII_MARKS

    def write(self, report: Report) -> None:
        """Print everything, section by section."""
        self._line(f"testpilot_obs {report.version} on Python {report.python}")
        self._line(f"service {report.service}")
        for section, title in _TITLES.items():
            checks = [check for check in report.checks if check.section == section]
            if checks:
                self._line("")
                self._line(title)
                self._section(section, checks, report.settings)
        self._line("")
        self._line(f"{self._mark(report.status)} {_VERDICTS[report.status]}")

    def _section(
        self, section: Section, checks: Sequence[Check], settings: Mapping[str, Any]
    ) -> None:
        about, remedy = "", ""
        width = min(max(len(check.name) for check in checks), _WIDEST_NAME)
        for check in checks:
            if check.about != about and section == "destinations":
                self._line(f"  {_heading(check)}")
            about = check.about
            self._check(check, width, has_heading=section == "destinations")
            if check.remedy and check.remedy != remedy:
                self._line(f"      {' ' * width}do: {check.remedy}")
            remedy = check.remedy
        if section == "settings":
            self._lines_of_settings(settings)

    def _check(self, check: Check, width: int, *, has_heading: bool) -> None:
        message = check.message
        if check.about and not has_heading:
            message = f"{check.about}: {message}"
        indent = "    " if check.about and has_heading else "  "
        self._line(f"{indent}{self._mark(check.status)} {check.name:<{width}}  {message}")

    def _lines_of_settings(self, settings: Mapping[str, Any]) -> None:
        shown = {n: one for n, one in settings.items() if one["source"] != "default"}
        width = max(map(len, shown), default=0)
        values = min(max((len(s["value"]) for s in shown.values()), default=0), _WIDEST_VALUE)
        for name, setting in shown.items():
            self._line(f"      {name:<{width}}  {setting['value']:<{values}}  {setting['source']}")

    def _mark(self, status: str) -> str:
        mark = self._marks[status]
        return f"\x1b[{_COLOURS[status]}m{mark}\x1b[0m" if self._has_colours else mark

    def _line(self, text: str) -> None:
        # What cannot be written is escaped, so that the page always comes to its end.
        shown = text.encode(self._encoding, "backslashreplace").decode(self._encoding)
        self._stream.write(f"{shown}\n")


def _heading(check: Check) -> str:
    if not check.about:
        return "elsewhere"
    signals = ", ".join(check.facts.get("signals", ()))
    return f"{check.about} ({check.facts.get('protocol')}): {signals}" if signals else check.about


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def _wants_colours(stream: TextIO) -> bool:
    # Not settings of ours: conventions that all programs at a terminal share.
    environ = os.environ  # noqa: TID251
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or stream.isatty()
