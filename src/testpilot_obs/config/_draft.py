"""Settings on their way to a ``Config``: what is set, by whom, and what cannot be used."""

from collections.abc import Mapping
from typing import Any

from testpilot_obs.config._pairs import Pairs
from testpilot_obs.config._rules import Rule
from testpilot_obs.config._suggest import closest_setting
from testpilot_obs.errors import Problem

ARGUMENT = "argument"
ENVIRONMENT = "environment"
DEFAULT = "default"

HIDDEN = "***"
"""Stands for the value of what is not a setting, which may be a secret under a mistyped name."""

_FROM_RESOURCE = {
    "service.name": "service_name",
    "service.version": "service_version",
    "deployment.environment": "environment",
    "deployment.environment.name": "environment",
}


class Draft:
    """What has been offered so far; a later offer of a setting replaces an earlier one."""

    def __init__(self, rules: Mapping[str, Rule], defaults: Mapping[str, Any]) -> None:
        self.rules = rules
        self._defaults = defaults
        self.values: dict[str, Any] = {}
        """Accepted values of the settings that somebody set."""
        self.sources: dict[str, str] = {}
        """Where each is from."""
        self.typed: dict[str, str] = {}
        """What the user calls each, e.g. the environment variable."""
        self.problems: list[Problem] = []
        """What could not be used."""

    def get(self, name: str) -> Any:
        """Return the value that setting *name* has now."""
        return self.values.get(name, self._defaults[name])

    def is_set(self, name: str) -> bool:
        """Tell whether somebody set *name*."""
        return name in self.values

    def offer_all(self, given: Mapping[str, Any], *, source: str) -> None:
        """Take all settings *given* as arguments or in a file; ``None`` counts as not given."""
        # The resource comes first, as settings of their own win over what it says.
        for name in sorted(given, key=lambda key: key != "resource_attributes"):
            if name not in self.rules:
                self.problems.append(
                    Problem(name, HIDDEN, source, closest_setting(name, self.rules))
                )
            elif name == "strict" and source != ARGUMENT:
                self.problems.append(Problem(name, HIDDEN, source, "init(strict=True) instead"))
            elif given[name] is not None:
                self.offer(name, given[name], typed=name, source=source)

    def offer(
        self, name: str, value: object, *, typed: str, source: str, bare_s: float = 1.0
    ) -> None:
        """Take *value* for setting *name* if it can be used, else note the problem."""
        rule = self.rules[name]
        try:
            accepted = rule.read(value, bare_s)
        except (TypeError, ValueError, ArithmeticError, RecursionError):
            self.problems.append(Problem(typed, rule.show(value), source, rule.expected))
            return
        if name == "resource_attributes":
            accepted = self._merge(accepted, typed=typed, source=source)
        self.set(name, accepted, typed=typed, source=source)

    def set(self, name: str, value: object, *, typed: str, source: str) -> None:
        """Set *name* to a value that is known to be good."""
        self.values[name] = value
        self.sources[name] = source
        self.typed[name] = typed

    def refuse(self, name: str, expected: str) -> None:
        """Note that the value of *name* does not fit the others, and forget it."""
        shown = self.rules[name].show(self.values.pop(name))
        source = self.sources.pop(name)
        self.problems.append(Problem(self.typed.pop(name), shown, source, expected))

    def _merge(self, attributes: Pairs, *, typed: str, source: str) -> Pairs:
        """Add *attributes* to those of lesser sources; those with a setting of their own move."""
        merged = {**self.get("resource_attributes"), **attributes}
        for key, name in _FROM_RESOURCE.items():
            if attributes.get(key):
                self.set(name, attributes[key], typed=f"{key} in {typed}", source=source)
        for key in ("service.name", "service.version", "deployment.environment.name"):
            merged.pop(key, None)
        return Pairs(merged)
