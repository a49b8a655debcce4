"""Values that nobody should pass, each made by a function under a name."""

import collections
import datetime
import decimal
import enum
import fractions
import pathlib
import uuid
from collections.abc import Mapping

import numpy as np

from tests.tracing.helpers import Raising


class Colour(enum.Enum):
    """A plain enum."""

    RED = "red"


class Level(enum.IntEnum):
    """An enum that is a number."""

    HIGH = 3


class Text(str):
    """Text whose `__str__` raises."""

    __slots__ = ()

    def __str__(self):
        raise RuntimeError("no text")


class Hostile:
    """Raises whatever is asked of it."""

    def _raise(self, *_):
        raise RuntimeError("hostile")

    __str__ = __repr__ = __eq__ = __ne__ = __lt__ = __len__ = __bool__ = __iter__ = _raise
    __int__ = __float__ = __index__ = __format__ = __contains__ = __getitem__ = _raise
    __hash__ = object.__hash__

    @property
    def __class__(self):
        raise RuntimeError("hostile")


class Pretending:
    """Claims to be of another class, as proxies do, and is not."""

    def __init__(self, kind):
        self._kind = kind

    @property
    def __class__(self):
        return self._kind

    def __str__(self):
        return "pretending"


class Endless(Mapping):
    """A mapping without an end."""

    def __getitem__(self, key):
        return key

    def __iter__(self):
        n = 0
        while True:
            yield str(n)
            n += 1

    def __len__(self):
        return 10**9


class BrokenList(list):
    """A list that raises while it is read."""

    def __iter__(self):
        yield 1
        raise RuntimeError("broken")


class BaseRaising:
    """An object whose text raises what is hardly ever caught."""

    def __str__(self):
        raise RecursionError

    __repr__ = __str__


def cyclic_dict():
    """Return a dict that contains itself."""
    found = {"a": 1}
    found["self"] = found
    return found


def cyclic_list():
    """Return a list that contains itself."""
    found = [1]
    found.append(found)
    return found


def deep():
    """Return a list in a list, ten thousand times."""
    found = []
    for _ in range(10_000):
        found = [found]
    return found


VALUES = {
    "none": lambda: None,
    "true": lambda: True,
    "negative": lambda: -1,
    "65 bits": lambda: 2**65,
    "huge int": lambda: 10**5000,
    "nan": lambda: float("nan"),
    "infinity": lambda: float("-inf"),
    "complex": lambda: 1j,
    "decimal": lambda: decimal.Decimal("1.10"),
    "decimal nan": lambda: decimal.Decimal("sNaN"),
    "fraction": lambda: fractions.Fraction(1, 3),
    "empty text": lambda: "",
    "10 MB text": lambda: "長" * 10_000_000,
    "surrogate": lambda: "a\ud800b",
    "nul": lambda: "a\x00b",
    "bad text subclass": lambda: Text("x"),
    "bytes": lambda: b"\xff\xfe",
    "10 MB bytes": lambda: b"x" * 10_000_000,
    "bytearray": lambda: bytearray(b"x"),
    "memoryview": lambda: memoryview(np.zeros((3, 3)))[::2],
    "enum": lambda: Colour.RED,
    "int enum": lambda: Level.HIGH,
    "datetime": lambda: datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
    "timedelta": lambda: datetime.timedelta(seconds=1),
    "uuid": lambda: uuid.UUID(int=1),
    "path": lambda: pathlib.PurePosixPath("/a"),
    "numpy scalar": lambda: np.float32(1.5),
    "numpy nat": lambda: np.datetime64("NaT", "ns"),
    "numpy array": lambda: np.arange(5),
    "big numpy array": lambda: np.zeros(2_000_000),
    "set": lambda: {1, "a"},
    "mixed list": lambda: [1, "a", None, 2.5, [b"x"]],
    "million list": lambda: [0] * 1_000_000,
    "million dict": lambda: dict.fromkeys(range(1_000_000)),
    "cyclic dict": cyclic_dict,
    "cyclic list": cyclic_list,
    "deep list": deep,
    "endless mapping": Endless,
    "broken list": lambda: BrokenList([1]),
    "deque": lambda: collections.deque([1]),
    "ordered dict": lambda: collections.OrderedDict(a=1),
    "range": lambda: range(10**9),
    "generator": lambda: (n for n in ()),
    "function": lambda: cyclic_dict,
    "class": lambda: Colour,
    "exception": lambda: ValueError("\ud800"),
    "raising": Raising,
    "recursing": BaseRaising,
    "hostile": Hostile,
    "pretends bool": lambda: Pretending(bool),
    "pretends text": lambda: Pretending(str),
    "pretends bytes": lambda: Pretending(bytes),
    "pretends dict": lambda: Pretending(dict),
}
