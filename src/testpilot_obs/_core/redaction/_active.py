"""The redactor in effect; one for all exits."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from testpilot_obs._core.redaction._redactor import Decide, Redactor


class _Holder:
    def __init__(self) -> None:
        self.redactor: Redactor | None = Redactor()


_holder = _Holder()


class Settings(Protocol):
    """What `setup` reads of the settings."""

    @property
    def redaction(self) -> bool: ...
    @property
    def redact_keys(self) -> Iterable[str]: ...
    @property
    def redact_allow(self) -> Iterable[str]: ...
    @property
    def redact_patterns(self) -> Mapping[str, str]: ...
    @property
    def redact_email(self) -> bool: ...


def active() -> Redactor | None:
    """Return the redactor in effect, ``None`` if redaction is switched off.

    Before `setup` it is one with the default rules.
    """
    return _holder.redactor


def use(redactor: Redactor | None) -> None:
    """Let *redactor* be the one in effect."""
    _holder.redactor = redactor


def setup(config: Settings, decide: Decide | Any = None) -> Redactor | None:
    """Make the redactor that *config* asks for, and let it be the one in effect."""
    redactor = None
    if config.redaction:
        redactor = Redactor(
            names=config.redact_keys,
            allowed=config.redact_allow,
            patterns=config.redact_patterns,
            redacts_email=config.redact_email,
            decide=decide,
        )
    use(redactor)
    return redactor
