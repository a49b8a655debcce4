"""``testpilot-obs config``: the settings that a service started here would have."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from testpilot_obs import config

DESCRIPTION = """\
Print the settings that init() would use in this folder and environment, each with its source:
the environment, the path of a file, or default. Secrets are masked."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting as it is shown."""

    name: str
    value: str
    """``repr`` of the value, masked if it is a secret."""
    source: str
    """``"environment"``, the path of the file, or ``"default"``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what ``config`` accepts."""
    parser.add_argument("--changed", action="store_true", help="leave out what has its default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--strict", action="store_true", help="fail if a setting cannot be used")


def run(options: argparse.Namespace) -> int:
    """Print the settings."""
    loaded = config.load({"strict": True} if options.strict else {})
    rows = [row for row in _rows(loaded) if not (options.changed and row.source == "default")]
    if options.json:
        shown = {row.name: {"value": row.value, "source": row.source} for row in rows}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _print_table([Row("setting", "value", "from"), *rows])
    return 0


def _rows(loaded: config.Config) -> Iterator[Row]:
    for setting in fields(loaded):
        rule: Any = setting.metadata.get("rule")
        if rule is not None and setting.name != "strict":
            value = getattr(loaded, setting.name)
            yield Row(setting.name, rule.show(value), loaded.source_of(setting.name))


def _print_table(rows: Sequence[Row]) -> None:
    name_width = max(len(row.name) for row in rows)
    value_width = min(max(len(row.value) for row in rows), 48)
    for row in rows:
        print(f"{row.name:<{name_width}}  {row.value:<{value_width}}  {row.source}")
