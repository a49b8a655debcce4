"""Which share of the traces like this one is kept: the first rule that fits its local root."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from testpilot_obs._core.values import text
from testpilot_obs.config import SampleRule, sample_rule
from testpilot_obs.delivery._threshold import threshold_of


class Shares:
    """The rules of the settings, and the share of everything else.

    Args:
        rules: Each as the settings write it.
        ratio: The share where none fits, 0 to 1.
    """

    def __init__(self, rules: Sequence[str], ratio: float) -> None:
        parsed = [sample_rule(one) for one in rules]
        self._rules = [(rule, threshold_of(rule.ratio)) for rule in parsed]
        self.rest = threshold_of(ratio)
        """The threshold of traces that no rule is about."""

    def threshold(self, root: Any) -> int:
        """Return the threshold for the trace of *root*, its first span in this process."""
        for rule, threshold in self._rules:
            if fits(rule, root):
                return threshold
        return self.rest


def fits(rule: SampleRule, span: Any) -> bool:
    """Return whether *span* is what *rule* is about."""
    if rule.kind and text(getattr(span.kind, "name", "")).lower() != rule.kind:
        return False
    if rule.name != "*" and not fnmatchcase(text(span.name), rule.name):
        return False
    attributes = span.attrs or {}
    return all(
        key in attributes and fnmatchcase(_text(attributes[key]), pattern)
        for key, pattern in rule.attributes
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else text(value)
