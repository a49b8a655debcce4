"""Names whose values are secret, and how a key is compared with them.

A key is split into words: at everything that is neither letter nor digit, and where a small
letter meets a capital. A name fits if its words stand in the key one after the other, so
``password`` fits ``db_password``, ``userPassword`` and ``http.request.header.x-password``, and
``auth`` does not fit ``author``.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate

LOGFIRE, SENTRY, ELASTIC = "logfire", "sentry", "elastic"
OTEL, OWN = "opentelemetry", "ours"

DEFAULT_NAMES: Mapping[str, str] = {
    "password": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "passwords": OWN,
    "passwd": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "pwd": ELASTIC,
    "mysql pwd": f"{LOGFIRE}, {SENTRY}",
    "passphrase": OWN,
    "passcode": OWN,
    "secret": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "secrets": OWN,
    "token": f"{SENTRY}, {ELASTIC}",
    "credential": LOGFIRE,
    "credentials": SENTRY,
    "api key": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "apikey": SENTRY,
    "access key": ELASTIC,
    "account key": ELASTIC,
    "private key": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "privatekey": SENTRY,
    "secret key": ELASTIC,
    "signing key": ELASTIC,
    "encryption key": ELASTIC,
    "auth": f"{LOGFIRE}, {SENTRY}",
    "authorization": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "cookie": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "cookies": LOGFIRE,
    "session": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "session id": f"{LOGFIRE}, {SENTRY}, {ELASTIC}",
    "session key": ELASTIC,
    "sessionid": SENTRY,
    "phpsessid": SENTRY,
    "connect sid": SENTRY,
    "csrf": f"{LOGFIRE}, {SENTRY}",
    "csrftoken": SENTRY,
    "csrfmiddlewaretoken": OWN,
    "xsrf": f"{LOGFIRE}, {SENTRY}",
    "jwt": LOGFIRE,
    "ssn": LOGFIRE,
    "social security": LOGFIRE,
    "credit card": f"{LOGFIRE}, {ELASTIC}",
    "creditcard": f"{LOGFIRE}, {ELASTIC}",
    "card number": ELASTIC,
    "cardnumber": ELASTIC,
    "cvv": OWN,
    "cvc": OWN,
    "access key id": f"{OTEL}, {ELASTIC}",
    "sig": OTEL,
    "signature": OTEL,
    "x amz signature": OTEL,
    "x goog signature": OTEL,
}
"""Name → whose default list it is drawn from: logfire ``DEFAULT_PATTERNS``, sentry
``DEFAULT_DENYLIST``, elastic ``sanitize_field_names``, the query parameters of OpenTelemetry's
``url.full``. What these match by ``*auth*`` or ``*key`` is narrowed to whole words here."""

_ONLY_WHOLE = frozenset({"session", "sig", "signature"})
"""Names that must be the whole key: ``session`` is secret, ``session.duration`` is not."""
_ONLY_LAST = frozenset({"auth"})
"""Names that must end the key: ``proxy_auth`` is secret, ``auth.method`` is not."""
_TELLS_ABOUT = frozenset(
    {
        "algorithm",
        "budget",
        "count",
        "counts",
        "expires",
        "expiry",
        "id",
        "ids",
        "kind",
        "length",
        "limit",
        "method",
        "missing",
        "name",
        "policy",
        "present",
        "rate",
        "rotated",
        "size",
        "total",
        "type",
        "types",
        "usage",
        "used",
        "valid",
    }
)
"""Words that, at the end of a key, say that it is about a secret and not one: ``token_count``."""

_word = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_MAX_KEY = 256


def words_of(key: str) -> tuple[str, ...]:
    """Return the words of *key* in small letters.

    >>> words_of("http.request.header.X-Api-Key"), words_of("userPassword")
    (('http', 'request', 'header', 'x', 'api', 'key'), ('user', 'password'))
    """
    return tuple(word.lower() for word in _word.findall(key[:_MAX_KEY]))


class Names:
    """Says which name a key fits.

    Args:
        more: Names besides `DEFAULT_NAMES`; with ``*`` or ``?`` in them, patterns for whole keys.
        allowed: Names or patterns whose keys are never secret.
    """

    def __init__(self, more: Iterable[str], allowed: Iterable[str]) -> None:
        names, self._globs = _split(more)
        allowed_names, self._allowed_globs = _split(allowed)
        self._own = {words_of(name) for name in names}
        self._allowed = {words_of(name) for name in allowed_names}
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        every = {words_of(name) for name in (*DEFAULT_NAMES, *names)} - self._allowed - {()}
        for words in sorted(every, key=len, reverse=True):
            self._by_first.setdefault(words[0], []).append(words)

    def fit(self, key: str) -> str:
        """Return the name that *key* fits, ``""`` if none."""
        words = words_of(key)
        if words in self._allowed or any(glob.match(key) for glob in self._allowed_globs.values()):
            return ""
        pattern = next((name for name, glob in self._globs.items() if glob.match(key)), "")
        return pattern or next(
            (
                " ".join(name)
                for at, word in enumerate(words)
                for name in self._by_first.get(word, ())
                if words[at : at + len(name)] == name and self._counts(name, words)
            ),
            "",
        )

    def _counts(self, name: tuple[str, ...], words: tuple[str, ...]) -> bool:
        if name in self._own:
            return True
        if len(name) == 1 and name[0] in _ONLY_WHOLE:
            return words == name
        if len(name) == 1 and name[0] in _ONLY_LAST:
            return words[-1] == name[0]
        return words[-len(name) :] == name or words[-1] not in _TELLS_ABOUT


def _split(names: Iterable[str]) -> tuple[list[str], dict[str, re.Pattern[str]]]:
    plain = [name for name in names if not set("*?[") & set(name)]
    globs = {
        name: re.compile(translate(name), re.IGNORECASE) for name in names if name not in plain
    }
    return plain, globs


def hints(more: Iterable[str]) -> tuple[str, ...]:
    """Return pieces, in small letters, of which one is in every text that holds a secret name.

    Empty if *more* has patterns, as these may match anything.
    """
    names, globs = _split(more)
    if globs:
        return ()
    longest = sorted(
        {max(words_of(n) or ("",), key=len) for n in (*DEFAULT_NAMES, *names)}, key=len
    )
    kept: list[str] = []
    for word in longest:
        if not any(shorter in word for shorter in kept):
            kept.append(word)
    return tuple(kept)
