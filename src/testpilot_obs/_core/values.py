"""Any Python value, made into one that can be exported: copied, bounded, never raising.

What comes out is an *exportable*: ``None``, bool, int of 64 bits, float, str without lone
surrogates, bytes, or a tuple or dict (with text keys) of exportables.
"""

import enum
import sys
from collections import UserString
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, TypeVar

from testpilot_obs._core import diagnostics

MAX_TEXT = 65_536
"""Longest text or bytes that is kept, in characters or bytes, and most of them in all the items of
one value; what is cut off is said in a mark."""
MAX_KEY = 1_024
"""Longest key of a nested mapping, in characters."""
MAX_DEPTH = 8
"""Deepest nesting that is kept."""
MAX_ITEMS = 1_000
"""Most items of one value, nested ones included, that are kept."""

_Kept = TypeVar("_Kept", str, bytes)
_FEW = 100
_CONTAINERS = (list, tuple, dict, set, frozenset)
_MIN_INT64, _MAX_INT64 = -(1 << 63), (1 << 63) - 1
_MAX_DECIMAL_BITS = 8_192


def text(value: object, max_length: int = MAX_TEXT) -> str:
    """Return *value* as text of at most *max_length* characters plus a mark; never raises."""
    if type(value) is not str:
        value = _to_str(value)
    if len(value) > max_length:
        value = f"{value[:max_length]}… [cut, {len(value)} characters]"
    return repair(value)


def repair(value: str) -> str:
    """Return *value* with each lone surrogate replaced by U+FFFD, as UTF-8 cannot carry them."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def freeze(value: object) -> Any:
    """Return *value* as an exportable that no later change of the original can reach."""
    try:
        return _freeze(value, _Budget())
    except Exception:
        # A mapping or sequence that raises while it is read: only this value is lost.
        diagnostics.warn_once(
            f"value:{type(value).__name__}", "a value of type %s cannot be read", type(value)
        )
        return unreadable(value)


def is_a(value: object, kinds: type | tuple[type, ...]) -> bool:
    """Return whether *value* is of one of *kinds*, without asking *value* what it pretends to be.

    ``isinstance`` does ask, and proxies may answer by raising.
    """
    return issubclass(type(value), kinds)


def unreadable(value: object) -> str:
    """Return the words that stand for a value whose own text cannot be had."""
    return f"<{type(value).__name__}: no text>"


def _to_str(value: Any) -> str:
    try:
        if is_a(value, (bytes, bytearray)):
            value = value[:MAX_TEXT]
        elif is_a(value, _CONTAINERS) and not _is_small(value):
            # Python would write all of a million items.
            value = freeze(value)
        made = value if is_a(value, str) else str(value)
        # str subclasses may override __str__; what they hold is what was meant.
        return made if type(made) is str else str.__str__(made)
    except Exception:
        diagnostics.warn_once(
            f"str:{type(value).__name__}", "str() of a value of type %s raises", type(value)
        )
        return unreadable(value)


class _Budget:
    """How much of one value may still be kept, and which containers it is inside of."""

    __slots__ = ("above", "items", "length")

    def __init__(self) -> None:
        self.items = MAX_ITEMS
        self.length = MAX_TEXT
        self.above: list[int] = []

    def text(self, value: object, max_length: int = MAX_TEXT) -> str:
        """Return *value* as text, cut to what is left."""
        return self.spend(text(value, min(max_length, self.length)))

    def spend(self, kept: _Kept) -> _Kept:
        """Take the text or bytes *kept* from what is left, and return it."""
        self.length -= len(kept)
        if self.length <= 0:
            self.length = self.items = 0
        return kept


def _is_small(value: Any) -> bool:
    """Return whether a list, tuple, dict or set is a few plain values."""
    items = value.values() if is_a(value, dict) else value
    return len(value) <= _FEW and all(
        (is_a(item, str) and len(item) <= _FEW) or is_a(item, (int, float)) for item in items
    )


def _freeze(value: Any, budget: _Budget) -> Any:  # noqa: PLR0911  # one line a kind of value
    kind = type(value)
    if value is None or issubclass(kind, bool):
        return value
    if issubclass(kind, str):
        return budget.text(value)
    if issubclass(kind, float):
        return float(value)
    if issubclass(kind, int):
        return _freeze_int(value)
    if issubclass(kind, (bytes, bytearray, memoryview)):
        return budget.spend(_freeze_bytes(value, budget.length))
    if issubclass(kind, (Mapping, Sequence, AbstractSet)) and not issubclass(kind, UserString):
        return _freeze_nested(value, budget)
    return _freeze_other(value, budget)


def _freeze_int(value: int) -> int | str:
    if _MIN_INT64 <= value <= _MAX_INT64:
        return int(value)
    bits = value.bit_length()
    # Python refuses, or takes long, to write very large integers in decimal.
    return str(int(value)) if bits <= _MAX_DECIMAL_BITS else f"<int of {bits} bits>"


def _freeze_bytes(value: bytes | bytearray | memoryview, max_length: int) -> bytes:
    size = value.nbytes if isinstance(value, memoryview) else len(value)
    if size <= max_length:
        return bytes(value)
    if isinstance(value, memoryview):
        value = value.cast("B") if value.contiguous else value.tobytes()
    return bytes(value[:max_length]) + b"... [cut, %d bytes]" % size


def _freeze_nested(value: Any, budget: _Budget) -> Any:
    if id(value) in budget.above:
        return "[circular]"
    if len(budget.above) >= MAX_DEPTH:
        return "[too deep]"
    budget.above.append(id(value))
    try:
        return (_freeze_pairs if isinstance(value, Mapping) else _freeze_items)(value, budget)
    finally:
        budget.above.pop()


def _freeze_pairs(value: Any, budget: _Budget) -> dict[str, Any]:
    frozen: dict[str, Any] = {}
    for key, item in islice(value.items(), max(budget.items, 0)):
        if budget.items <= 0:
            break
        budget.items -= 1
        frozen[budget.text(key, MAX_KEY)] = _freeze(item, budget)
    return frozen


def _freeze_items(value: Any, budget: _Budget) -> tuple[Any, ...]:
    items = []
    for item in value:
        if budget.items <= 0:
            items.append(f"… [cut, {len(value)} items]")
            break
        budget.items -= 1
        items.append(_freeze(item, budget))
    return tuple(items)


def _freeze_other(value: Any, budget: _Budget) -> Any:
    # Whoever has a date or a time has loaded the module; 0.4 MB for everybody else.
    times = sys.modules.get("datetime")
    if times is not None and isinstance(value, (times.datetime, times.date, times.time)):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return budget.text(value)
    # A numpy scalar or array is known by its module, so that numpy is never imported here.
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        if getattr(value, "size", 1) > MAX_ITEMS:
            return f"<array of {value.size} items>"
        plain = value.tolist()
        if type(plain) is not type(value):
            return _freeze(plain, budget)
    return budget.text(value)
