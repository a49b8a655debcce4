"""A line as ``key=value`` pairs, for Loki, Heroku and whoever else reads logfmt."""

import re
from typing import Any

from testpilot_obs.logs._escape import in_text
from testpilot_obs.logs._json_line import encode_slowly
from testpilot_obs.logs._line import Facts, Line

_NAMES = {"timestamp": "ts", "event": "msg"}
_word = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+\Z")
_not_a_key = re.compile(r"[\s\"=\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_ELSEWHERE = frozenset({"exception_chain"})


class Logfmt:
    """Writes lines as logfmt; what is nested is JSON in quotes."""

    def __init__(self, service: str) -> None:
        self._tail = f"service={_value(service)}"

    def __call__(self, line: Line, _facts: Facts) -> str:
        """Return one line without its newline."""
        pairs = [
            f"{_NAMES.get(key) or _not_a_key.sub('_', key) or '_'}={_value(value)}"
            for key, value in line.items()
            if key not in _ELSEWHERE
        ]
        return " ".join((*pairs, self._tail))


def _value(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return str(value)
    words = value if isinstance(value, str) else encode_slowly(value)
    return words if _word.match(words) else in_text(encode_slowly(words))
