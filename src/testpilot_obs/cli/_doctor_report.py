"""What ``testpilot-obs doctor`` found: one check each, for people and for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Section = Literal["settings", "instrumentation", "folders", "destinations"]
Status = Literal["ok", "info", "warning", "failed", "skipped"]

SCHEMA = 1
"""Raised when something of the JSON changes its meaning or goes away, not when something comes."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    section: Section
    name: str
    """Which check it is, e.g. ``"connect"``; stable."""
    status: Status
    """``failed`` is wrong, ``warning`` will be or may be; the others are well."""
    message: str
    about: str = ""
    """What it was looked at, e.g. ``"http://collector:4318"``; ``""`` for the whole."""
    remedy: str = ""
    """What to do about it; empty if the message says it, or there is nothing to do."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found."""

    version: str
    """Of testpilot_obs."""
    python: str
    service: str
    settings: Mapping[str, Mapping[str, str]]
    """Every setting: its value as text, masked if it is a secret, and its source."""
    checks: Sequence[Check]

    @property
    def status(self) -> Literal["ok", "warning", "failed"]:
        """The worst of all checks."""
        found = {check.status for check in self.checks}
        return "failed" if "failed" in found else "warning" if "warning" in found else "ok"

    @property
    def exit_code(self) -> int:
        """0 all well (there may be warnings), 1 something is wrong, 2 a setting cannot be used."""
        failed = {check.section for check in self.checks if check.status == "failed"}
        return 2 if "settings" in failed else 1 if failed else 0

    def as_json(self) -> str:
        """Return one JSON object; its shape is in docs/how-to/doctor.md."""
        found = {
            "schema": SCHEMA,
            "status": self.status,
            "exit_code": self.exit_code,
            "version": self.version,
            "python": self.python,
            "service": self.service,
            "settings": self.settings,
            "checks": [asdict(check) for check in self.checks],
        }
        return json.dumps(found, indent=2, ensure_ascii=False)
