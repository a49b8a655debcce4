"""A line as one JSON object."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from testpilot_obs._core import fork
from testpilot_obs.logs._escape import in_json
from testpilot_obs.logs._line import Facts, Line

_DELETE = 0x7F
_encoders: list[Callable[[Line], bytes]] = []


class JsonLine:
    """Writes lines as JSON, with what is the same in all of them at the end.

    Args:
        constant: Such fields, e.g. the name of the service; at least one.
        rename: Gives the fields other names, see ``_schemas``; ``None`` leaves them.
    """

    def __init__(
        self,
        constant: Mapping[str, Any],
        rename: Callable[[Line, Facts], Line] | None = None,
    ) -> None:
        self._tail = f",{encode_slowly(dict(constant))[1:]}".encode()
        self._rename = rename
        fork.needs("orjson")

    def __call__(self, line: Line, facts: Facts) -> str:
        """Return one line without its newline; numbers that are not finite become null."""
        return self.encoded(line, facts).decode()

    def encoded(self, line: Line, facts: Facts) -> bytes:
        """Return the same as UTF-8, made once for all places that *line* goes to."""
        made = facts.json
        if made is None:
            encode = _encoders[0] if _encoders else _choose()
            named = line if self._rename is None else self._rename(line, facts)
            made = encode(named)[:-1] + self._tail
            # Looking for one byte in ASCII is ten times as fast as for any character that is risky,
            # and for a number five times as fast as for bytes.
            if not made.isascii() or _DELETE in made:
                made = in_json(made.decode()).encode()
            facts.json = made
        return made


def _choose() -> Callable[[Line], bytes]:
    """Take orjson where it is installed (extra ``fast``), the standard library otherwise."""
    try:
        import orjson
    except ImportError:
        chosen = without_orjson
    else:
        dumps = orjson.dumps

        def chosen(line: Line) -> bytes:
            # By position: 0.1 µs less.
            return dumps(line, _readable)

    _encoders.append(chosen)
    return chosen


def encode_slowly(line: Any) -> str:
    """Return JSON by the standard library, the same as orjson's."""
    try:
        return _strict(line)
    except ValueError:
        return _strict(_finite(line))


def without_orjson(line: Line) -> bytes:
    """Return what `encode_slowly` does, as UTF-8."""
    return encode_slowly(line).encode()


def _readable(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    raise TypeError(type(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, tuple):
        return tuple(_finite(item) for item in value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value


_strict = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_readable
).encode
