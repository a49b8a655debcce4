"""What an OTLP receiver's answer means: the same words for HTTP and gRPC.

Source:
    OpenTelemetry protocol specification, "OTLP/HTTP Response" and "OTLP/gRPC Response".
"""

from collections.abc import Iterable
from itertools import islice

from testpilot_obs.exporters import _wire
from testpilot_obs.protocols import SENT, Outcome, Verdict

_MAX_WORDS = 300
_MAX_FIELDS = 100
"""Most fields that are read of a message; a megabyte of tiny ones would take a second."""
_PARTIAL_SUCCESS, _REJECTED, _ERROR_MESSAGE = 1, 1, 2
_STATUS_MESSAGE = 2


def accepted(body: bytes) -> Outcome:
    """Return the outcome of an ``Export…ServiceResponse``; what cannot be read says nothing."""
    try:
        partial = _fields(body).get(_PARTIAL_SUCCESS)
        said = _fields(partial) if isinstance(partial, bytes) else {}
    except ValueError:
        return SENT
    rejected, message = said.get(_REJECTED, 0), said.get(_ERROR_MESSAGE, b"")
    if not isinstance(rejected, int) or not isinstance(message, bytes):
        return SENT
    rejected = max(_wire.signed(rejected), 0)
    if not rejected and not message:
        return SENT
    told = printable(message)
    return Outcome(
        Verdict.SENT,
        reason="rejected" if rejected else "",
        message=f"the receiver refused {rejected} records" + (f": {told}" if told else ""),
        rejected=rejected,
    )


def status_message(body: bytes) -> str:
    """Return the message of a ``google.rpc.Status``, ``""`` if there is none."""
    try:
        message = _fields(body).get(_STATUS_MESSAGE, b"")
    except ValueError:
        return ""
    return printable(message) if isinstance(message, bytes) else ""


def printable(said: bytes) -> str:
    """Return a receiver's words on one line, bounded, without control characters."""
    words = said[: 4 * _MAX_WORDS].decode("utf-8", "replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in words).split())
    return line if len(line) <= _MAX_WORDS else f"{line[:_MAX_WORDS]}…"


def without(secrets: Iterable[str], message: str) -> str:
    """Return *message* with each of *secrets* replaced: receivers like to repeat what they got."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            message = message.replace(secret, "***")
    return message


def secrets_of(values: Iterable[str]) -> set[str]:
    """Return header values and, of ``Bearer abc``, also what comes after the scheme."""
    return {part for value in values for part in (value, value.partition(" ")[2])}


def _fields(message: bytes) -> dict[int, int | bytes]:
    return dict(islice(_wire.fields(message), _MAX_FIELDS))
