"""Text as people write it in an environment variable or a file, made into a value.

Each parser raises ``ValueError`` for text that it cannot read. The error never repeats the text,
which may hold a secret.
"""

import re
from collections.abc import Iterator

MILLISECOND_S = 0.001
"""Seconds in the bare number of an ``OTEL_*`` duration, which the specification has in ms."""

# Patterns are compiled by their first use, as few processes need more than one of them.
_DURATION = r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?"
_DURATION_UNITS_S = {"ms": MILLISECOND_S, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = r"(\d+(?:\.\d+)?)\s*([kmg]?)(i?b)?"
_SIZE_UNITS_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
# RFC 9110, "Field Names": a header's name is a token.
_HEADER_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_HEADER_VALUE = r"[\t\x20-\x7e]*"


def duration_s(text: str, *, bare_s: float = 1.0) -> float:
    """Return a duration in seconds.

    >>> duration_s("500ms"), duration_s("5m"), duration_s("1.5"), duration_s("750", bare_s=0.001)
    (0.5, 300.0, 1.5, 0.75)

    Args:
        text: A number with ``ms``, ``s``, ``m`` (minutes) or ``h``, or without a unit.
        bare_s: Seconds in one unit of a number without a unit.
    """
    match = re.fullmatch(_DURATION, text.strip().lower(), re.ASCII)
    if match is None:
        msg = "not a duration"
        raise ValueError(msg)
    number, unit = match.groups()
    return round(float(number) * (_DURATION_UNITS_S[unit] if unit else bare_s), 9)


def size_bytes(text: str) -> int:
    """Return a size in bytes; units are powers of 1024.

    >>> size_bytes("64kb"), size_bytes("100MB"), size_bytes("4096")
    (65536, 104857600, 4096)
    """
    match = re.fullmatch(_SIZE, text.strip().lower(), re.ASCII)
    if match is None:
        msg = "not a size"
        raise ValueError(msg)
    number, unit, _ = match.groups()
    return int(float(number) * _SIZE_UNITS_BYTES[unit])


def boolean(text: str) -> bool:
    """Return ``True`` for ``true`` and ``False`` for ``false``, in any case, and nothing else.

    Source:
        OpenTelemetry specification, "Environment Variable Specification", Boolean.
    """
    lowered = text.strip().lower()
    if lowered not in {"true", "false"}:
        msg = "not a boolean"
        raise ValueError(msg)
    return lowered == "true"


def comma_list(text: str) -> tuple[str, ...]:
    """Return the parts between commas, trimmed, without empty ones and repeats.

    >>> comma_list("otlp, console,,otlp")
    ('otlp', 'console')
    """
    return tuple(dict.fromkeys(part for raw in text.split(",") if (part := raw.strip())))


def pairs(text: str) -> dict[str, str]:
    """Return the ``key=value`` pairs of a comma list, values percent-decoded.

    >>> pairs("team=core, note=a%2Cb")
    {'team': 'core', 'note': 'a,b'}

    Raises:
        ValueError: If any pair has no ``=`` or no key; says which one by its position.

    Source:
        OpenTelemetry specification, "Resource SDK"; W3C Baggage. Only values are encoded, and
        a plus sign is a plus sign.
    """
    return dict(_split_pairs(text))


def headers(raw: dict[str, str]) -> dict[str, str]:
    """Return *raw* with lower-case names.

    Raises:
        ValueError: If a name is not a header's name, or a value has a line break or anything
            else that is not printable ASCII.
    """
    for position, (name, value) in enumerate(raw.items(), start=1):
        if not re.fullmatch(_HEADER_NAME, name) or not re.fullmatch(_HEADER_VALUE, value):
            msg = f"header {position} has a name or value that cannot be sent"
            raise ValueError(msg)
    return {name.lower(): value for name, value in raw.items()}


def _split_pairs(text: str) -> Iterator[tuple[str, str]]:
    # urllib costs milliseconds and few processes need it here.
    from urllib.parse import unquote

    parts = [part for raw in text.split(",") if (part := raw.strip())]
    for position, part in enumerate(parts, start=1):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            msg = f"pair {position} of {len(parts)} is not key=value"
            raise ValueError(msg)
        yield key.strip(), unquote(value.strip())
