"""Names with values (headers, resource attributes) that nobody can change, nor print by accident.

A ``MappingProxyType`` would do, but cannot be pickled, copied or hashed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


class Pairs(Mapping[str, str]):
    """An immutable mapping of text to text that can be pickled, copied and hashed."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> str:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._items,)


class SecretPairs(Pairs):
    """Pairs whose values are never shown: ``{'authorization': '***'}``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self._items, "***"))
