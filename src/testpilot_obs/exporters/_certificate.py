"""What a certificate says of itself: whose it is, who signed it, until when.

``ssl`` tells this only of a certificate that it trusts, and people ask about the others.

Source:
    RFC 5280, section 4.1 (the fields); ITU-T X.690 (their encoding).
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

_VERSION, _EXTENSIONS, _SHORT_YEAR, _OCTETS = 0xA0, 0xA3, 0x17, 0x04
_DNS_NAME, _ADDRESS = 0x82, 0x87
_NAMES_OF_SUBJECT = bytes.fromhex("551d11")
_READABLE = (bytes.fromhex("550403"), bytes.fromhex("55040a"), bytes.fromhex("55040b"))
"""Common name, organisation, unit: the first that is there is what people call it."""
_LONG_FORM, _MAX_SHOWN = 0x80, 80
_IPV4_BYTES = 4
_CENTURY_TURN = 50


@dataclass(frozen=True, slots=True)
class Certificate:
    """The readable part of an X.509 certificate."""

    subject: str
    """Its common name or organisation; ``""`` if it has neither."""
    issuer: str
    """The same of who signed it."""
    names: tuple[str, ...]
    """Hosts and addresses that it is made out for."""
    begins: datetime
    ends: datetime

    def days_left(self, now_s: float) -> int:
        """Return the whole days from *now_s*, in seconds since the epoch, to its end."""
        return int((self.ends.timestamp() - now_s) / 86_400)


def parse(der: bytes) -> Certificate:
    """Return what the certificate *der* says.

    Raises:
        ValueError: If it is none.
    """
    try:
        _, whole, _ = _element(der, 0)
        _, signed, _ = _element(whole, 0)
        fields = list(_elements(signed))
        if fields[0][0] == _VERSION:
            fields = fields[1:]
        _, _, (_, issuer), (_, validity), (_, subject), *rest = fields
        begins, ends = (_time(tag, text) for tag, text in _elements(validity))
        return Certificate(_readable(subject), _readable(issuer), _names(rest), begins, ends)
    except IndexError:
        raise ValueError("this is no certificate") from None


def _element(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Return the tag and the content of the element at *at*, and where the next one begins."""
    tag, size, start = data[at], data[at + 1], at + 2
    if size & _LONG_FORM:
        digits = size & ~_LONG_FORM
        size = int.from_bytes(data[start : start + digits], "big")
        start += digits
    content = data[start : start + size]
    if len(content) != size:
        raise ValueError("this certificate is cut off")
    return tag, content, start + size


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        tag, content, at = _element(data, at)
        yield tag, content


def _time(tag: int, text: bytes) -> datetime:
    digits = text.decode("ascii")
    if tag == _SHORT_YEAR:
        digits = ("19" if int(digits[:2]) >= _CENTURY_TURN else "20") + digits
    year, rest = int(digits[:4]), digits[4:14]
    parts = (int(rest[at : at + 2]) for at in range(0, 10, 2))
    return datetime(year, *parts, tzinfo=timezone.utc)  # type: ignore[misc, arg-type]


def _readable(name: bytes) -> str:
    found = {}
    for _, group in _elements(name):
        for _, pair in _elements(group):
            (_, kind), (_, value) = _elements(pair)
            found[kind] = value.decode("utf-8", "replace")
    text = next((found[kind] for kind in _READABLE if kind in found), "")
    return _printable(text)


def _names(fields: list[tuple[int, bytes]]) -> tuple[str, ...]:
    for tag, wrapped in fields:
        if tag != _EXTENSIONS:
            continue
        _, extensions, _ = _element(wrapped, 0)
        for _, extension in _elements(extensions):
            (_, kind), *_, (last, content) = _elements(extension)
            if kind == _NAMES_OF_SUBJECT and last == _OCTETS:
                _, names, _ = _element(content, 0)
                return tuple(_name(tag, value) for tag, value in _elements(names))
    return ()


def _name(tag: int, value: bytes) -> str:
    if tag == _ADDRESS:
        family = socket.AF_INET if len(value) == _IPV4_BYTES else socket.AF_INET6
        return socket.inet_ntop(family, value)
    return _printable(value.decode("utf-8", "replace")) if tag == _DNS_NAME else "?"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_MAX_SHOWN])
