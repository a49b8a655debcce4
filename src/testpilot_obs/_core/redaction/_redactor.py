"""What replaces secrets: by the name of a key, and by the looks of a value."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from testpilot_obs._core import diagnostics
from testpilot_obs._core.redaction import _names, _patterns
from testpilot_obs._core.redaction._patterns import SECRET, Rule
from testpilot_obs._core.values import MAX_DEPTH, MAX_ITEMS, MAX_TEXT

MARK = "[redacted"
"""What every replacement begins with."""

UNREADABLE = f"{MARK}: unreadable]"
"""Stands for what cannot be looked at: nothing is known of it, so nothing of it may leave."""

_SHORTEST = 5
_MOST_KEYS = 4_096
_MOST_CLEAN = 8_192
_LONGEST_CLEAN = 256
_HARMLESS = frozenset({bool, float, type(None)})
_SQL_KEYS = frozenset({"db.query.text", "db.statement"})
_SQL = " sql"
"""What `Redactor.rule_of` says of keys whose values are statements."""
_PAIR_ITEMS = 2
_QUOTES = "\\\"'"
_LONGEST_SCHEME = 5
_name = re.compile(r"[\w.:-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Match:
    """What is about to be replaced, for the user's own decision."""

    path: tuple[str, ...]
    """Keys from the outermost on: ``("user", "password")``; empty for a text without a key."""
    value: Any
    """What was found: the value of a secret key, or the piece of a text."""
    rule: str
    """Which rule it fits: a name like ``"password"`` or a kind like ``"card number"``."""


Decide = Callable[[Match], Any]
"""Return ``None`` to let a match be redacted, anything else to stand in its place."""


class Redactor:
    """Replaces secrets in exportable values; never raises, and returns what is clean unchanged.

    Args:
        names: Names of secrets, besides the default ones; ``*`` makes a pattern of whole keys.
        allowed: Names whose values are no secrets.
        patterns: Kind → regular expression, besides the default ones.
        redacts_email: True to redact e-mail addresses as well.
        decide: Asked about each match.
    """

    def __init__(
        self,
        *,
        names: Iterable[str] = (),
        allowed: Iterable[str] = (),
        patterns: Mapping[str, str] | None = None,
        redacts_email: bool = False,
        decide: Decide | None = None,
    ) -> None:
        names, allowed = tuple(names), tuple(allowed)
        self._fits = _names.Names(names, allowed).fit
        self._hints = _names.hints(names)
        self._decide = decide
        own = tuple(
            Rule(kind, bool, re.compile(pattern)) for kind, pattern in (patterns or {}).items()
        )
        kept = tuple(rule for rule in _patterns.RULES if rule.name not in allowed)
        self._finds_cards = _patterns.CARD not in allowed
        self._always = bool(own) or redacts_email or not self._hints
        self._allowed = frozenset(allowed)
        self._rules = (*own, *kept, *((_patterns.EMAIL,) if redacts_email else ()))
        self.keys: dict[Any, str] = {}
        """Key → the name it fits, or ``""``: what `rule_of` has found out so far."""
        self.plain: set[Any] = set()
        """Those of the keys that fit no name."""
        self.line_keys: set[str] = set()
        """The same of log lines: those that are written as they are."""
        self.clean: set[str] = set()
        """Short texts that are known to hold no secret."""

    @property
    def asks(self) -> bool:
        """Whether a user's callback decides, which is to be asked about each match."""
        return self._decide is not None

    def rule_of(self, key: Any) -> str:
        """Return the name that *key* fits, ``""`` if its value is no secret."""
        try:
            known = self.keys.get(key)
        except TypeError:
            return ""
        if known is not None:
            return known
        found = self._fits(key) if isinstance(key, str) else ""
        if key in _SQL_KEYS and not found:
            found = _SQL
        if len(self.keys) >= _MOST_KEYS:
            self.keys.clear()
            self.plain.clear()
        self.keys[key] = found
        if not found:
            self.plain.add(key)
        return found

    def text(self, words: str, path: tuple[str, ...] = ()) -> str:
        """Return *words* with each secret in it replaced; longer than 64 kB, cut."""
        if words in self.clean:
            return words
        if len(words) > MAX_TEXT + 64:
            words = f"{words[:MAX_TEXT]}… [cut, {len(words)} characters]"
        is_short = len(words) < _SHORTEST
        if is_short or not (self._always or _patterns.may_hold_secret(words)):
            self._remember(words)
            return words
        try:
            redacted = self._text(words, path)
        except Exception:
            diagnostics.swallow("redact a text")
            return UNREADABLE
        if redacted == words:
            self._remember(words)
            return words
        return redacted

    def value(self, key: Any, value: Any) -> Any:
        """Return the exportable *value* of *key* without secrets; the same object if clean."""
        return self._value(key, value, (key,) if isinstance(key, str) and key else ())

    def knows(self, attributes: Mapping[Any, Any]) -> bool:
        """Return whether all keys and values are known to be clean; two look-ups each."""
        plain, clean = self.plain, self.clean
        for key, value in attributes.items():
            kind = type(value)
            if kind is str:
                if key not in plain or value not in clean:
                    return False
            elif kind not in _HARMLESS and (
                kind is not int or key not in plain or value >= _patterns.LEAST_CARD
            ):
                return False
        return True

    def attributes(self, attributes: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """Return *attributes* without secrets; the same object if they are clean."""
        if self.knows(attributes):
            return attributes
        changed: dict[Any, Any] = {}
        for key, value in attributes.items():
            redacted = self.value(key, value)
            if redacted is not value:
                changed[key] = redacted
        if not changed:
            return attributes
        # A copy of its own kind: attributes of events and links know how many were dropped.
        copy = type(attributes)(attributes)  # type: ignore[call-arg]
        if hasattr(attributes, "dropped"):
            copy.dropped = attributes.dropped  # type: ignore[attr-defined]
        copy.update(changed)  # type: ignore[attr-defined]
        return copy

    def _value(self, key: Any, value: Any, path: tuple[str, ...]) -> Any:  # noqa: PLR0911  # one a kind
        kind = type(value)
        if kind in _HARMLESS:
            return value
        rule = self.rule_of(key)
        if rule is _SQL and kind is str:
            bare = _patterns.without_literals(value)
            return self.text(value if bare == value else bare, path)
        if rule and rule is not _SQL and value != "":
            return self._replace(value, rule, path)
        if kind is str:
            return self.text(value, path)
        if kind is bytes:
            readable = value.decode("latin-1")
            redacted = self.text(readable, path)
            return value if redacted == readable else redacted
        return self._number(value, path) if kind is int else self._nested(value, path)

    def _number(self, value: int, path: tuple[str, ...]) -> Any:
        if value >= _patterns.LEAST_CARD and self._finds_cards and _patterns.is_card_number(value):
            return self._replace(value, _patterns.CARD, path)
        return value

    def _nested(self, value: Any, path: tuple[str, ...]) -> Any:
        if len(path) > MAX_DEPTH + 2:
            return f"{MARK}: too deep]"
        if isinstance(value, dict):
            redacted = {
                key: self._value(key, item, (*path, str(key))) for key, item in value.items()
            }
            pairs = zip(redacted.values(), value.values(), strict=True)
            return value if all(new is old for new, old in pairs) else redacted
        return self._items(value, path) if isinstance(value, (tuple, list)) else value

    def _items(self, value: Any, path: tuple[str, ...]) -> Any:
        if _is_pair(value) and self.rule_of(value[0]):
            return (value[0], self._value(value[0], value[1], (*path, value[0])))
        items = [self._value("", item, (*path, "")) for item in value[: MAX_ITEMS + 1]]
        is_whole = len(items) == len(value)
        if is_whole and all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return tuple(items)

    def _text(self, words: str, path: tuple[str, ...]) -> str:
        for rule in self._rules:
            if rule.is_hinted(words):
                words = self._sub(rule, words, path)
        if "://" in words and "@" in words:
            words = _patterns.URL.sub(lambda match: self._url(match, path), words)
        if "=" in words or ":" in words:
            small = words.lower()
            if not self._hints or any(hint in small for hint in self._hints):
                words = self._named(words, small, path)
        elif "--" in words:
            words = _patterns.OPTION.sub(lambda match: self._pair(match, path), words)
        return words

    def _named(self, words: str, small: str, path: tuple[str, ...]) -> str:
        def pair(match: re.Match[str]) -> str:
            return self._pair(match, path)

        if "uthorization" in small or "cookie" in small:
            words = _patterns.HEADER.sub(pair, words)
        words = self._pairs(words, path)
        return _patterns.OPTION.sub(pair, words) if "--" in words else words

    def _url(self, match: re.Match[str], path: tuple[str, ...]) -> str:
        rest = match["rest"]
        scheme = match.string[max(match.start() - _LONGEST_SCHEME, 0) : match.start()]
        begin, end, kind = _patterns.secret_of_url(scheme, rest)
        secret = rest[begin:end]
        if not secret or kind in self._allowed or secret.startswith(MARK):
            return match[0]
        return f"://{rest[:begin]}{self._replace(secret, kind, path)}{rest[end:]}"

    def _pairs(self, words: str, path: tuple[str, ...]) -> str:
        """Replace values that stand after a secret name; what a harmless one has is searched on."""
        parts: list[str] = []
        done = at = 0
        while (name := _patterns.NAME.search(words, at)) is not None:
            at = name.end()
            rule = self.rule_of(name["name"])
            value = _patterns.VALUE.match(words, at) if rule and rule is not _SQL else None
            if value is not None:
                at = value.end()
                parts += (words[done : value.start()], self._unquoted(value[0], name["name"], path))
                done = at
        return "".join((*parts, words[done:])) if parts else words

    def _pair(self, match: re.Match[str], path: tuple[str, ...]) -> str:
        name, sign, secret = match.group("name", "sign", SECRET)
        return f"{name}{sign}{self._unquoted(secret, name, path)}"

    def _unquoted(self, secret: str, name: str, path: tuple[str, ...]) -> str:
        rule = self.rule_of(name)
        bare = secret.strip(_QUOTES)
        if not rule or not bare or bare.startswith(MARK):
            return secret
        quote = secret[: len(secret) - len(secret.lstrip(_QUOTES))]
        return f"{quote}{self._replace(bare, rule, (*path, name))}{quote}"

    def _sub(self, rule: Rule, words: str, path: tuple[str, ...]) -> str:
        has_group = SECRET in rule.pattern.groupindex

        def replace(match: re.Match[str]) -> str:
            found = match[SECRET] if has_group else match[0]
            if not rule.is_meant(found) or found.startswith(MARK):
                return match[0]
            kept = match[0][: match.start(SECRET) - match.start()] if has_group else ""
            rest = match[0][match.end(SECRET) - match.start() :] if has_group else ""
            return f"{kept}{self._replace(found, rule.name, path)}{rest}"

        return rule.pattern.sub(replace, words)

    def _replace(self, value: Any, rule: str, path: tuple[str, ...]) -> Any:
        if isinstance(value, str) and value.startswith(MARK):
            return value
        if self._decide is not None:
            try:
                decided = self._decide(Match(path, value, rule))
            except Exception as error:
                diagnostics.warn_once("redact", "your redaction callback raised %s", type(error))
            else:
                if decided is not None:
                    return decided
        return f"{MARK}: {rule}]"

    def _remember(self, words: str) -> None:
        if len(words) <= _LONGEST_CLEAN:
            if len(self.clean) >= _MOST_CLEAN:
                self.clean.clear()
            self.clean.add(words)


def _is_pair(value: Any) -> bool:
    return len(value) == _PAIR_ITEMS and type(value[0]) is str and bool(_name.match(value[0]))
