"""What a setting accepts: the words for it, and the conversion of whatever the user gave.

A value from the environment is always text. An argument, or a value in a file, may be text in
the same notation or already have its type.
"""

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, NoReturn, TypeVar, cast

from testpilot_obs.config import _parse
from testpilot_obs.config._pairs import Pairs, SecretPairs

_T = TypeVar("_T")

NO_LIMIT_S = 2_147_483.647
"""Stands for "indefinite", which a timeout of 0 means: the most milliseconds that 32 bits hold."""

MAX_INTEGER = 2**31 - 1
"""Largest integer that the specification asks for."""

_MAX_SHOWN = 200
_KEY_BYTES = 32
_PLAIN = {str, int, float, bool, type(None)}


class Rule(NamedTuple):
    """What one kind of setting accepts."""

    expected: str
    """What is accepted, in words that finish "expected …"."""
    read: Callable[[Any, float], Any]
    """Convert (value, seconds in a bare number); ``ValueError`` or ``TypeError`` to refuse."""
    secret: bool = False
    """True if the value must never be shown."""
    is_url: bool = False
    """True if the value may hold a password or key in the places a URL has for them."""

    def show(self, value: object) -> str:
        """Return *value* for a message or a dump: ``repr``, cut, and without secrets."""
        if self.secret:
            return repr(value) if isinstance(value, SecretPairs) or value == "" else "***"
        return short_repr(hide_credentials(value) if self.is_url else value)


def short_repr(value: object) -> str:
    """Return ``repr(value)`` cut to a readable length, or the type of what is not plain data.

    No ``__repr__`` of a user's class is called: it may raise, and it may show secrets.
    """
    shown = repr(value) if _is_plain(value) else f"<{type(value).__name__}>"
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"


def hide_credentials(value: object) -> object:
    """Return a URL with ``***`` for its user, password and query.

    >>> hide_credentials("https://me:key@collector:4318/otlp?token=1")
    'https://***@collector:4318/otlp?***'
    """
    if not isinstance(value, str):
        return value
    address, question, _ = value.partition("?")
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", address)
    start = scheme.end() if scheme else 0
    at = address.rfind("@")
    if at >= start:
        address = f"{address[:start]}***{address[at:]}"
    return f"{address}?***" if question else address


def choice(*names: str, **aliases: str) -> Rule:
    """Accept one of *names* in any case; *aliases* are other words for some of them."""

    def read(value: Any, _: float) -> str:
        word = _text(value).lower()
        return _refuse_unless(aliases.get(word, word), lambda chosen: chosen in names)

    return Rule(f"one of {', '.join(names)}", read)


def name_list(*names: str, none_is: tuple[str, ...]) -> Rule:
    """Accept a comma list, or a sequence, of *names*; ``none`` must stand alone."""

    def read(value: Any, _: float) -> tuple[str, ...]:
        given = _parse.comma_list(_text(value).lower()) if isinstance(value, str) else value
        chosen = tuple(dict.fromkeys(_text(part).lower() for part in given))
        if chosen == ("none",):
            return none_is
        return _refuse_unless(chosen, lambda words: bool(words) and set(words) <= set(names))

    return Rule(f"a comma list of {', '.join(names)}; or none alone", read)


def duration(*, zero: str = "") -> Rule:
    """Accept a duration above zero; *zero* says what 0 means where it is accepted too."""

    def read(value: Any, bare_s: float) -> float:
        seconds = _seconds(value, bare_s)
        return _refuse_unless(seconds, lambda given: given > 0 or (bool(zero) and given == 0))

    also = f" (0 is {zero})" if zero else " above 0"
    return Rule(f"a duration such as 500ms, 2s or 5m{also}", read)


def integer(minimum: int, maximum: int = MAX_INTEGER) -> Rule:
    """Accept a whole number from *minimum* to *maximum*."""

    def read(value: Any, _: float) -> int:
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
            value = int(value.strip()[:11])
        if type(value) is not int:
            raise TypeError
        return _refuse_unless(value, lambda given: minimum <= given <= maximum)

    return Rule(f"a whole number from {minimum} to {maximum}", read)


def _read_text(value: Any, _: float) -> str:
    return _text(value)


def _read_path(value: Any, _: float) -> str:
    return _text(os.fspath(value) if isinstance(value, os.PathLike) else value)


def _read_url(value: Any, _: float) -> str:
    return _refuse_unless(_text(value), lambda url: url.isprintable() and " " not in url)


def _read_boolean(value: Any, _: float) -> bool:
    return value if isinstance(value, bool) else _parse.boolean(_text(value))


def _read_timeout(value: Any, bare_s: float) -> float:
    return _seconds(value, bare_s) or NO_LIMIT_S


def _read_optional_duration(value: Any, bare_s: float) -> float | None:
    if isinstance(value, str) and value.strip().lower() == "off":
        return None
    return _seconds(value, bare_s)


def _read_size(value: Any, _: float) -> int:
    size = _parse.size_bytes(value) if isinstance(value, str) else value
    if type(size) is not int:
        raise TypeError
    return _refuse_unless(size, lambda given: given > 0)


def _read_buckets(value: Any, bare_s: float) -> tuple[float, ...]:
    given: Iterable[Any] = value.split(",") if isinstance(value, str) else value
    bounds = tuple(_seconds(bound, bare_s) for bound in given)
    ascending = bool(bounds) and all(a < b for a, b in zip((0.0, *bounds), bounds, strict=False))
    return _refuse_unless(bounds, lambda _: ascending)


def _read_sampler_arg(value: Any, _: float) -> str:
    number = type(value) in {int, float}
    return str(value) if number else _text(value)


def _read_pairs(value: Any, _: float) -> Pairs:
    return Pairs(_parse.pairs(value) if isinstance(value, str) else dict(_flatten(value)))


def _read_headers(value: Any, _: float) -> SecretPairs:
    raw = _parse.pairs(value) if isinstance(value, str) else dict(_flatten(value))
    return SecretPairs(_parse.headers(raw))


def _read_level(value: Any, _: float) -> str:
    # Numbers are those of the standard library's logging module, which is not needed for this.
    names = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
    if type(value) is int:
        return names[value] if value in names else _refuse()
    aliases = {"WARN": "WARNING", "FATAL": "CRITICAL"}
    word = _text(value).upper()
    return _refuse_unless(aliases.get(word, word), lambda level: level in names.values())


def _read_levels(value: Any, bare_s: float) -> Pairs:
    given = _read_pairs(value, bare_s)
    return Pairs({name: _read_level(level, bare_s) for name, level in given.items()})


def _read_names(value: Any, _: float) -> tuple[str, ...]:
    given = _parse.comma_list(_text(value)) if isinstance(value, str) else value
    return tuple(dict.fromkeys(_text(name) for name in given))


def _read_patterns(value: Any, bare_s: float) -> Pairs:
    given = _read_pairs(value, bare_s)
    for pattern in given.values():
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError from error
    return given


def _read_key(value: Any, _: float) -> str:
    import base64  # only who sets this needs it

    key = _text(value)
    raw = base64.b64decode(key.encode("ascii"), altchars=b"-_", validate=True)
    return _refuse_unless(key, lambda _: len(raw) == _KEY_BYTES)


def _read_signal(value: Any, _: float) -> str:
    import signal  # only who sets this needs it

    name = _text(value).upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    return _refuse_unless(
        name, lambda given: isinstance(getattr(signal, given, None), signal.Signals)
    )


TEXT = Rule("text on one line", _read_text)
SPOOL_KEY = Rule(
    "32 random bytes in URL-safe base64; without it nothing is kept on disk",
    _read_key,
    secret=True,
)
SECRET = Rule("text on one line", _read_text, secret=True)
PATH = Rule("the path of a file", _read_path)
URL = Rule("a URL such as http://localhost:4318", _read_url, is_url=True)
BOOLEAN = Rule("true or false", _read_boolean)
DURATION = duration()
DURATION_OR_ZERO = duration(zero="no wait")
TIMEOUT = Rule("a duration such as 500ms, 2s or 5m (0 is no limit)", _read_timeout)
OPTIONAL_DURATION = Rule("a duration such as 500ms, 2s or 5m; or off", _read_optional_duration)
SIZE = Rule("a size above 0 such as 64kb or 100mb", _read_size)
BUCKETS = Rule("ascending durations above 0, e.g. 0.1,0.5,1,5", _read_buckets)
SAMPLER_ARG = Rule("a number from 0 to 1", _read_sampler_arg)
PAIRS = Rule("pairs such as key1=value1,key2=value2, values percent-encoded", _read_pairs)
HEADERS = Rule(
    "headers such as name1=value1,name2=value2, values percent-encoded ASCII",
    _read_headers,
    secret=True,
)
LEVEL = Rule("one of DEBUG, INFO, WARNING, ERROR, CRITICAL", _read_level)


LEVELS = Rule("levels of loggers such as uvicorn.access=warning,app.*=debug", _read_levels)
NAMES = Rule("a comma list of names", _read_names)
PATTERNS = Rule(
    "kinds with regular expressions such as ticket=T-%5Cd%7B6%7D, percent-encoded", _read_patterns
)
SIGNAL = Rule("the name of a signal such as SIGUSR1", _read_signal)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return _refuse_unless(value.strip(), lambda text: bool(text) and min(text) >= " ")


def _seconds(value: Any, bare_s: float) -> float:
    if isinstance(value, str):
        return _finite(_parse.duration_s(value, bare_s=bare_s))
    if type(value) not in {int, float}:
        raise TypeError
    return _finite(value * bare_s)


def _finite(seconds: float) -> float:
    return float(_refuse_unless(seconds, lambda given: math.isfinite(given) and given >= 0))


def _flatten(value: Any, above: str = "") -> Iterable[tuple[str, str]]:
    """Yield (dotted key, text); TOML makes nested tables of ``a.b = "c"``."""
    if not isinstance(value, Mapping):
        raise TypeError
    for key, item in value.items():
        path = f"{above}{_text(key)}"
        if isinstance(item, Mapping):
            yield from _flatten(item, f"{path}.")
        elif isinstance(item, bool):
            yield path, str(item).lower()
        elif isinstance(item, (str, int, float)):
            yield path, str(item)
        else:
            raise TypeError


def _is_plain(value: object) -> bool:
    if isinstance(value, Pairs):
        return True
    if type(value) in {list, tuple}:
        return all(type(item) in _PLAIN for item in cast("Iterable[object]", value))
    return type(value) in _PLAIN


def _refuse_unless(value: _T, accepts: Callable[[_T], bool]) -> _T:
    return value if accepts(value) else _refuse()


def _refuse() -> NoReturn:
    msg = "refused"
    raise ValueError(msg)
