"""Secrets that are known by their looks, wherever in a text they stand.

Each pattern is linear in the length of the text: what repeats is bounded, or cannot match in two
ways. Each has a hint, a look for fixed characters that costs next to nothing, and is run only
where the hint is found.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

SECRET = "secret"  # noqa: S105  # the name of a group
"""Group of a pattern that is replaced; all of the match if there is none."""


class Rule(NamedTuple):
    """One kind of secret."""

    name: str
    """What ``[redacted: …]`` says."""
    is_hinted: Callable[[str], object]
    """Whether the text may hold one; cheap."""
    pattern: re.Pattern[str]
    is_meant: Callable[[str], bool] = bool
    """Whether what was found is one."""


def is_card(words: str) -> bool:
    """Return whether the digits in *words* make the number of a payment card.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)

    Source: ISO/IEC 7812-1, annex B (Luhn); the lengths that the issuers in use have.
    """
    digits = [int(c) for c in words if c in "0123456789"]
    if len(digits) not in _CARD_LENGTHS.get(digits[0], ()) or len(set(digits)) == 1:
        return False
    doubled = sum(_LUHN_DOUBLED[digit] for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + doubled) % 10 == 0


CARD = "card number"
"""Name of the rule."""
LEAST_CARD = 10**13
"""The least whole number that may be the number of a card."""
_MOST_CARD = 10**16
# One in ten whole numbers has a right check digit, so those must look like cards from the front as
# well, and have the usual lengths: Visa, Mastercard, Discover, JCB, UnionPay; American Express and
# Diners Club. Moments in nanoseconds and most 64-bit ids have more digits.
_issued = re.compile(
    r"(?:4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|6011|64[4-9]|65|35(?:2[89]|[3-8])|62)\d*\Z"
    r"|3(?:[4678]|0[0-5])\d*\Z"
)
_USUAL = 16
_FEWER = {"34": 15, "37": 15, "30": 14, "36": 14, "38": 14}


def is_card_number(number: int) -> bool:
    """Return whether a whole number is that of a payment card, as its issuers write them.

    >>> is_card_number(4111111111111111), is_card_number(4111111111111112)
    (True, False)
    """
    if not LEAST_CARD <= number < _MOST_CARD:
        return False
    digits = str(number)
    is_usual = len(digits) == _FEWER.get(digits[:2], _USUAL)
    return is_usual and _issued.match(digits) is not None and is_card(digits)


_LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_CARD_LENGTHS = {2: (16,), 3: (14, 15, 16), 4: (13, 16, 19), 5: (16,), 6: (16, 17, 18, 19)}
_card_like = re.compile(r"[0-9](?:[ -]?[0-9]){12}")
_LONG_TOKEN = 20
_SHORTEST_CARD = 13


def _has(*hints: str) -> Callable[[str], bool]:
    def is_hinted(text: str) -> bool:
        for hint in hints:  # noqa: SIM110  # any() with a generator costs three times as much
            if hint in text:
                return True
        return False

    return is_hinted


def _is_token(words: str) -> bool:
    """Tell ``Bearer 8f4b…`` from ``bearer authentication``."""
    return len(words) >= _LONG_TOKEN or not (words.isalpha() and words.islower())


def _is_basic(words: str) -> bool:
    """Tell ``Basic dXNlcjpwYXNz`` from ``Basic settings``."""
    try:
        return b":" in base64.b64decode(words + "=" * (-len(words) % 4))
    except (ValueError, binascii.Error):
        return False


_TOKENS = (
    r"gh[pousr]_[A-Za-z0-9]{30,255}",
    r"github_pat_[A-Za-z0-9_]{40,255}",
    r"glpat-[\w-]{20,64}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,250}",
    r"sk-[A-Za-z0-9_-]{20,200}",
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,200}",
    r"AIza[\w-]{35,40}",
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[\w-]{50,250}",
)
RULES: tuple[Rule, ...] = (
    Rule(
        "private key",
        _has("PRIVATE KEY"),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
    ),
    Rule(
        "jwt",
        _has("eyJ"),
        re.compile(
            r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*"
        ),
    ),
    Rule(
        "bearer token",
        _has("earer ", "EARER "),
        re.compile(r"\b(?i:bearer)\s{1,3}(?P<secret>[A-Za-z0-9._~+/=-]{6,4096})"),
        _is_token,
    ),
    Rule(
        "basic credentials",
        _has("asic ", "ASIC "),
        re.compile(r"\b(?i:basic)\s{1,3}(?P<secret>[A-Za-z0-9+/_-]{6,4096}={0,2})"),
        _is_basic,
    ),
    Rule(
        "aws key",
        _has("AKIA", "ASIA", "AROA", "AIDA", "AGPA", "ABIA", "ACCA"),
        re.compile(
            r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA|AGPA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"
        ),
    ),
    Rule(
        "access token",
        _has("gh", "glpat-", "xox", "sk-", "k_live_", "k_test_", "AIza", "npm_", "pypi-"),
        re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_TOKENS)})"),
    ),
    Rule(
        CARD,
        _card_like.search,
        re.compile(r"(?<![\w.-])[0-9](?:[ -]?[0-9]){12,18}(?![\w-])"),
        is_card,
    ),
)
"""All kinds that are looked for by default."""

CONNECTION, CREDENTIALS = "connection string password", "url credentials"
"""Names of the two kinds that `secret_of_url` tells apart."""

URL = re.compile(r"://(?P<rest>[^\s\"'<>]{1,1024})")
"""A URL in a text; `secret_of_url` says which part of ``rest`` is secret."""


def secret_of_url(scheme: str, rest: str) -> tuple[int, int, str]:
    """Return where in *rest*, the part after ``://``, a secret begins and ends, and its kind.

    A password may hold any character, so the last ``@`` before the query ends it; in URLs of
    HTTP a path ends the search.
    """
    end = len(rest) if "@" not in rest.partition("?")[0] else len(rest.partition("?")[0])
    if scheme.lower().endswith(("http", "https", "ws", "wss")):
        end = min((at for at in (rest.find(c) for c in "/?#") if at >= 0), default=end)
    end = rest.rfind("@", 0, end)
    if end < 0:
        return 0, 0, ""
    colon = rest.find(":", 0, end)
    if colon >= 0:
        return colon + 1, end, CONNECTION
    return (0, end, CREDENTIALS) if end >= _LONG_TOKEN else (0, 0, "")


_MARKERS = (
    "eyJ", "earer ", "asic ", "EARER ", "ASIC ", "IA", "AI", "ROA", "GPA", "ACC", "KEY",
    "gh", "glpat", "xox", "sk-", "k_live", "k_test", "npm_", "pypi-", "--",
)  # fmt: skip
_has_marker = _has(*_MARKERS)


def may_hold_secret(text: str) -> bool:
    """Return whether any of the rules here is worth trying; 0.7 µs for a short text."""
    return (
        "=" in text
        or ":" in text
        or _has_marker(text)
        or (len(text) >= _SHORTEST_CARD and _card_like.search(text) is not None)
    )


EMAIL = Rule(
    "e-mail",
    _has("@"),
    re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"),
)
"""Only if asked for."""

# A value that is not in quotes ends at white space, at a quote or an ampersand, and at a
# separator that a further name or nothing more follows.
_STOPS = r"\s&\"'<>"
_SEPARATORS = r";,)}\]"
_BARE = (
    rf"(?:[^{_STOPS}{_SEPARATORS}]"
    rf"|[{_SEPARATORS}](?![{_STOPS}{_SEPARATORS}]|\Z|[\w.-]{{1,40}}\s?[=:]))+"
)
_QUOTED = r"\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|'[^'\\]*(?:\\.[^'\\]*)*'?|\\\"[^\"\\]*\\?\"?"

NAME = re.compile(
    r"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{0,63})"
    r"(?:\\?[\"'\]]){0,3}\s{0,3}(?:=>|:=|[=:])\s{0,3}"
)
"""What stands before a value: ``password=``, ``"password": ``, ``?token=``; the name decides."""

VALUE = re.compile(rf"{_QUOTED}|{_BARE}", re.DOTALL)
"""The value after a `NAME`."""

OPTION = re.compile(r"(?<=--)(?P<name>[A-Za-z][\w-]{1,40})(?P<sign> )(?P<secret>[^\s-]\S{0,1024})")
"""``--password hunter2``; the name decides."""

HEADER = re.compile(
    r"(?<![\w])(?P<name>(?i:(?:proxy-)?authorization|(?:set-)?cookie2?))"
    r"(?P<sign>\s{0,3}[:=]\s{0,3})(?P<secret>[^\s\"'=:][^\r\n\"']{0,4096})"
)
"""``Authorization: Digest …``, ``Cookie: a=1; b=2``: to the end of the line."""


_sql = re.compile(
    r"(?P<kept>[=<>]\s{0,3})?(?P<double>\"[^\"]*\")"
    r"|'[^']*'"
    r"|\$(?P<tag>\w{0,16})\$.*?\$(?P=tag)\$"
    r"|(?<![\w.$@:?`\]])[-+]?(?:0x[0-9A-Fa-f]+|[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)\b",
    re.DOTALL,
)


def without_literals(statement: str) -> str:
    """Return a SQL statement with ``?`` for each text and number in it.

    >>> without_literals("SELECT * FROM t1 WHERE name = 'O''Hara' AND age > 42")
    'SELECT * FROM t1 WHERE name = ? AND age > ?'

    Where dialects differ about what a backslash does, everything from the first quote to the
    last one goes. Double quotes hold names, but MySQL's texts where they are compared with
    something or inserted.

    Source: OpenTelemetry semantic conventions, "Sanitization of db.query.text".
    """
    first, last = statement.find("'"), statement.rfind("'")
    if first >= 0 and statement.count("'") % 2:
        statement = f"{statement[:first]}''"
    elif first >= 0 and "\\" in statement:
        statement = f"{statement[:first]}''{statement[last + 1 :]}"
    inserted_from = statement.upper().find("VALUES")

    def replace(match: re.Match[str]) -> str:
        kept, double = match["kept"] or "", match["double"]
        is_name = double and not kept and not 0 <= inserted_from < match.start()
        return match[0] if is_name else f"{kept}?"

    return _sql.sub(replace, statement).replace("??", "?")
