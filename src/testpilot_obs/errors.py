"""Every exception that testpilot_obs raises.

Only a *user's* mistake raises, at once, with the remedy; what goes wrong inside the library or on
the network is counted and reported, and never reaches the host application.

* ObsError
    * ConfigError             (also a ValueError)
    * MissingExtraError       (also an ImportError)
    * InvalidStatusError      (also a ValueError)
    * MetricError             (also a ValueError)
        * DuplicateMetricError
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ObsError(Exception):
    """Base of every exception that testpilot_obs raises."""


@dataclass(frozen=True)
class Problem:
    """One setting with a value that cannot be used."""

    setting: str
    """The name the user typed, e.g. ``"OTEL_BSP_SCHEDULE_DELAY"`` or ``"service_name"``."""
    value: str
    """``repr`` of the value, or ``"***"`` for a secret."""
    source: str
    """``"argument"``, ``"environment"`` or the path of the file."""
    expected: str
    """What would have been accepted, in words."""

    def __str__(self) -> str:
        return f"{self.setting} = {self.value} (from {self.source}): expected {self.expected}"


class ConfigError(ObsError, ValueError):
    """One or more settings cannot be used; lists all of them, each with its source and remedy."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{len(self.problems)} setting(s) cannot be used:\n{lines}")


class MissingExtraError(ObsError, ImportError):
    """A feature needs a package that is not installed; says which command installs it."""

    def __init__(self, feature: str, *, package: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'testpilot-obs[{extra}]'"
        )


class InvalidStatusError(ObsError, ValueError):
    """A transaction was ended with something other than ``"success"`` or ``"error"``."""

    def __init__(self, status: object) -> None:
        super().__init__(
            f"Transaction.end() got status {status!r}: expected 'success' or 'error', "
            "or no argument to let exceptions decide"
        )


class MetricError(ObsError, ValueError):
    """A metric is declared with a name, unit, label or bucket that cannot be used."""


class DuplicateMetricError(MetricError):
    """A metric's name is taken by a metric of another kind or with other labels."""
