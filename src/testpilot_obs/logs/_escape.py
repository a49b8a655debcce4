"""Characters that could forge a line or steer a terminal, made visible."""

import json
import re

# C0 is escaped by JSON itself. The rest: DEL and C1 (terminals obey them), line separators
# (many readers split at them), and what turns the direction of writing around.
_RISKY = "\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_risky = re.compile(f"[{_RISKY}]")
_control = re.compile(f"[\x00-\x1f{_RISKY}]")
_not_ascii = re.compile("[^\x00-\x7f]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def in_json(line: str) -> str:
    r"""Escape, in JSON text, what JSON allows but a line should not hold: ``\\u2028``."""
    return _risky.sub(_as_json, line)


def in_text(words: str) -> str:
    r"""Escape control characters in text for people: a newline becomes ``\\n``."""
    return _control.sub(_as_text, words)


def to_ascii(line: str) -> str:
    r"""Escape all that is not ASCII, so that JSON stays JSON: ``\\u00e9``."""
    return _not_ascii.sub(_as_json, line)


def _as_json(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if match[0] != "\x7f" else "\\u007f"


def _as_text(match: re.Match[str]) -> str:
    return _SHORT.get(match[0]) or f"\\x{ord(match[0]):02x}"
