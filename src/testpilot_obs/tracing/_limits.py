"""How much a span may hold, and the making of exportable attributes within it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from testpilot_obs._core import diagnostics
from testpilot_obs._core.values import freeze, shorten

LARGE_TEXT = 1_024
"""Texts longer than this are looked at: cut, repaired, and weighed against the queue's bytes."""
PLAIN = frozenset({int, float, bool, type(None)})
"""Types of values that are kept as they are."""
NO_LIMIT = 1 << 62
_MOST_PAIRS = 2_000


@dataclass(frozen=True)
class Limits:
    """OpenTelemetry's span limits; `NO_LIMIT` where there is none."""

    attributes: int = 128
    """Attributes of a span; more are dropped and counted."""
    events: int = 128
    links: int = 128
    event_attributes: int = 128
    link_attributes: int = 128
    text_length: int = NO_LIMIT
    """Characters of a span attribute's value."""
    other_text_length: int = NO_LIMIT
    """Characters of an event's or link's attribute value."""

    @classmethod
    def of_config(cls, config: Any) -> "Limits":
        """Return the limits that the ``OTEL_*_LIMIT`` settings ask for."""
        length = config.attribute_value_length_limit
        span_length = config.span_attribute_value_length_limit
        return cls(
            attributes=config.span_attribute_count_limit,
            events=config.span_event_count_limit,
            links=config.span_link_count_limit,
            event_attributes=config.event_attribute_count_limit,
            link_attributes=config.link_attribute_count_limit,
            text_length=_or_none(span_length if span_length is not None else length),
            other_text_length=_or_none(length),
        )

    @classmethod
    def of_sdk(cls, limits: Any) -> "Limits":
        """Return what an ``opentelemetry.sdk.trace.SpanLimits`` says."""
        return cls(
            attributes=_or_none(limits.max_span_attributes),
            events=_or_none(limits.max_events),
            links=_or_none(limits.max_links),
            event_attributes=_or_none(limits.max_event_attributes),
            link_attributes=_or_none(limits.max_link_attributes),
            text_length=_or_none(limits.max_span_attribute_length),
            other_text_length=_or_none(limits.max_attribute_length),
        )

    @property
    def large_text(self) -> int:
        """Length from which on a span's text value needs a closer look."""
        return min(LARGE_TEXT, self.text_length)


def keep(attributes: Any, most: int, length: int) -> tuple[dict[Any, Any] | None, int]:
    """Return an exportable copy of the first *most* attributes, and how many were left out.

    Anything that is not a mapping is nothing, with a warning; keys stay as they are.
    """
    kept: dict[Any, Any] = {}
    left_out = max(len(attributes) - _MOST_PAIRS, 0) if type(attributes) is dict else 0
    for key, value in pairs(attributes):
        if len(kept) >= most:
            left_out += 1
        else:
            kept[key] = exportable(value, length)
    return (kept or None), left_out


def pairs(attributes: Any) -> list[tuple[Any, Any]]:
    """Return the items of a mapping as far as they can be read; anything else has none.

    The first two thousand; the keys are such that a dict can have them.
    """
    if attributes is None:
        return []
    if type(attributes) is dict:
        return list(islice(attributes.items(), _MOST_PAIRS))
    read: dict[Any, Any] = {}
    try:
        if isinstance(attributes, Mapping):
            for key in islice(attributes, _MOST_PAIRS):
                _read_one(attributes, key, into=read)
        elif not isinstance(attributes, (tuple, list)) or attributes:
            diagnostics.warn_once(
                "attributes", "attributes must be a mapping, got %s: ignored", type(attributes)
            )
    except Exception:
        diagnostics.warn_once("attributes", "attributes of %s cannot be read", type(attributes))
    return list(read.items())


def _read_one(attributes: Any, key: Any, *, into: dict[Any, Any]) -> None:
    try:
        into[key] = attributes[key]
    except Exception:
        diagnostics.warn_once("attributes", "an attribute of %s cannot be read", type(attributes))


def exportable(value: Any, length: int) -> Any:
    """Return *value* as an exportable, its texts cut to *length* characters."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is not str or len(value) > LARGE_TEXT:
        value = freeze(value)
    return value if length == NO_LIMIT else shorten(value, length)


def weight(attributes: Mapping[Any, Any] | None) -> int:
    """Return roughly the bytes that the large values among *attributes* take."""
    total = 0
    for value in (attributes or {}).values():
        if isinstance(value, (str, bytes)):
            total += len(value) if len(value) > LARGE_TEXT else 0
        elif isinstance(value, (tuple, dict)):
            total += len(value) * 64
    return total


def _or_none(limit: int | None) -> int:
    return NO_LIMIT if limit is None else limit
