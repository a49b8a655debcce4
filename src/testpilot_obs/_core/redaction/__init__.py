"""The one redactor: what must not leave the process is replaced by the name of the rule it fits."""

from testpilot_obs._core.redaction._active import active, setup, use
from testpilot_obs._core.redaction._names import DEFAULT_NAMES
from testpilot_obs._core.redaction._patterns import LEAST_CARD, RULES
from testpilot_obs._core.redaction._records import redact_family, redact_log, redact_span
from testpilot_obs._core.redaction._redactor import Match, Redactor

__all__ = [
    "DEFAULT_NAMES",
    "LEAST_CARD",
    "RULES",
    "Match",
    "Redactor",
    "active",
    "redact_family",
    "redact_log",
    "redact_span",
    "setup",
    "use",
]
