"""An ``Export…ServiceRequest`` of which only the bytes are left: counted, and taken in halves.

All three requests nest alike: resources, scopes, records, in fields 1, 2 and 2.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from testpilot_obs.exporters._wire import BYTES, VARINT, delimited, fields, tag
from testpilot_obs.exporters._wire import varint as write_varint
from testpilot_obs.protocols import Signal

_RESOURCES, _SCOPES, _RECORDS = 1, 2, 2
_DATA_OF_METRIC = frozenset({5, 7, 9, 10, 11})
"""Gauge, sum, histogram, exponential histogram, summary."""
_POINTS = 1


class _Place(NamedTuple):
    """One record, and what stands around it."""

    resource: tuple[int, bytes]
    """Which of the resources, and all its fields but the scopes."""
    scope: tuple[int, bytes]
    """Which of its scopes, and all its fields but the records."""
    record: bytes


def count_records(signal: Signal, request: bytes) -> int:
    """Return how many spans, log records or data points *request* holds.

    Raises:
        ValueError: If it is not a request.
    """
    places = list(_places(request))
    if signal != "metrics":
        return len(places)
    return sum(_count_points(place.record) for place in places)


def split_request(signal: Signal, request: bytes) -> tuple[bytes, bytes] | None:  # noqa: ARG001
    """Return two requests with half of the records each, None if there is but one record.

    Raises:
        ValueError: If *request* is not a request.
    """
    places = list(_places(request))
    middle = len(places) // 2
    return (_join(places[:middle]), _join(places[middle:])) if middle else None


def _places(request: bytes) -> Iterator[_Place]:
    for number, resource in enumerate(_messages(request, _RESOURCES)):
        around_scopes = (number, _without(resource, _SCOPES))
        for position, scope in enumerate(_messages(resource, _SCOPES)):
            around_records = (position, _without(scope, _RECORDS))
            for record in _messages(scope, _RECORDS):
                yield _Place(around_scopes, around_records, record)


def _join(places: list[_Place]) -> bytes:
    return b"".join(
        delimited(tag(_RESOURCES, BYTES), resource[1] + _join_scopes(list(some)))
        for resource, some in groupby(places, itemgetter(0))
    )


def _join_scopes(places: list[_Place]) -> bytes:
    return b"".join(
        delimited(
            tag(_SCOPES, BYTES),
            scope[1] + b"".join(delimited(tag(_RECORDS, BYTES), one.record) for one in some),
        )
        for scope, some in groupby(places, itemgetter(1))
    )


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    for number, value in fields(data):
        if number == wanted and isinstance(value, bytes):
            yield value


def _without(data: bytes, unwanted: int) -> bytes:
    return b"".join(_field(number, value) for number, value in fields(data) if number != unwanted)


def _field(number: int, value: int | bytes) -> bytes:
    # A fixed field could not be told from a message of its length, but none stands here.
    if isinstance(value, int):
        return tag(number, VARINT) + write_varint(value)
    return delimited(tag(number, BYTES), value)


def _count_points(metric: bytes) -> int:
    return sum(
        1
        for number, data in fields(metric)
        if number in _DATA_OF_METRIC and isinstance(data, bytes)
        for _ in _messages(data, _POINTS)
    )
