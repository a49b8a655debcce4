"""Which traces are kept, and whose trace context is believed: the notation of these settings."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from testpilot_obs.config import _parse
from testpilot_obs.config._rules import Rule

_KINDS = ("internal", "server", "client", "producer", "consumer")
_TRUST_ALONE = ("all", "none", "sampled-off")
_TRUST_WORDS = ("private", "sampled-off")
_RESERVED = "%,;="
_TABLE_KEYS = {"name", "kind", "attributes", "ratio"}


class SampleRule(NamedTuple):
    """Which local traces it is about, and the share of them that is kept."""

    ratio: float
    """From 0 to 1."""
    name: str = "*"
    """Pattern of the name of the local root span."""
    kind: str = ""
    """``"server"`` and so on; empty for any."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Key and pattern of the value, as text; all must fit."""


def sample_rule(text: str) -> SampleRule:
    """Return the rule that *text* describes.

    >>> sample_rule("GET /health*: 0")
    SampleRule(ratio=0.0, name='GET /health*', kind='', attributes=())
    >>> sample_rule("kind=server, http.route=/admin/*: 1/4")
    SampleRule(ratio=0.25, name='*', kind='server', attributes=(('http.route', '/admin/*'),))

    Raises:
        ValueError: If it is not conditions, a colon and a ratio.
    """
    conditions, _, share = text.rpartition(":")
    fields: dict[str, str] = {}
    attributes: list[tuple[str, str]] = []
    for condition in _parse.comma_list(conditions):
        key, equals, pattern = condition.partition("=")
        if not equals:
            key, pattern = "name", key
        key, pattern = _unquote(key.strip()), _unquote(pattern.strip())
        if not key or not pattern or key in fields:
            raise ValueError
        if key in {"name", "kind"}:
            fields[key] = pattern
        else:
            attributes.append((key, pattern))
    if not (fields or attributes) or fields.get("kind", "server").lower() not in _KINDS:
        raise ValueError
    kind = fields.get("kind", "").lower()
    return SampleRule(ratio(share), fields.get("name", "*"), kind, tuple(attributes))


def ratio(value: Any) -> float:
    """Return a share from 0 to 1, also written as a fraction or in percent.

    >>> ratio("0.5"), ratio("1/20"), ratio("10%")
    (0.5, 0.05, 0.1)
    """
    if isinstance(value, str):
        number, slash, below = value.partition("/")
        if slash:
            share = float(number) / float(below)
        elif value.strip().endswith("%"):
            share = float(value.strip()[:-1]) / 100
        else:
            share = float(value)
    elif type(value) in {int, float}:
        share = float(value)
    else:
        raise TypeError
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise ValueError
    return share


def _read_rules(value: Any, _: float) -> tuple[str, ...]:
    """Return the rules as texts, each known to be good."""
    if isinstance(value, str):
        value = [part for raw in value.split(";") if (part := raw.strip())]
    elif isinstance(value, Mapping):
        raise TypeError
    texts = tuple(one.strip() if isinstance(one, str) else _of_table(one) for one in value)
    for text in texts:
        sample_rule(text)
    return texts


def _of_table(table: Any) -> str:
    if not isinstance(table, Mapping) or not set(table) <= _TABLE_KEYS or "ratio" not in table:
        raise TypeError
    conditions = [f"{key}={_quote(table[key])}" for key in ("name", "kind") if key in table]
    pairs: Iterable[tuple[str, Any]] = table.get("attributes", {}).items()
    conditions += [f"{_quote(key)}={_quote(pattern)}" for key, pattern in pairs]
    return f"{', '.join(conditions)}: {ratio(table['ratio'])!r}"


def _quote(value: Any) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    if not isinstance(value, (str, int, float)):
        raise TypeError
    return "".join(f"%{ord(c):02X}" if c in _RESERVED else c for c in str(value))


def _unquote(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote  # costs milliseconds

    return unquote(text)


def _read_ratio(value: Any, _: float) -> float:
    return ratio(value)


def _read_trust(value: Any, _: float) -> tuple[str, ...]:
    given = _parse.comma_list(value.lower()) if isinstance(value, str) else tuple(value)
    if len(given) == 1 and given[0] in _TRUST_ALONE:
        return given
    if not given or set(given) <= {"sampled-off"}:
        raise ValueError
    return tuple(one if one in _TRUST_WORDS else _network(one) for one in given)


def _network(text: str) -> str:
    from ipaddress import ip_network  # 4 ms, and few processes need it

    return str(ip_network(text, strict=False))


RATIO = Rule("a share from 0 to 1 such as 0.1, 1/10 or 10%", _read_ratio)
SAMPLE_RULES = Rule(
    "rules such as GET /health*: 0; kind=server, http.route=/admin/*: 1; *: 1/10", _read_rules
)
TRUST = Rule(
    "all, none, sampled-off, or networks such as 10.0.0.0/8,private with or without sampled-off",
    _read_trust,
)
