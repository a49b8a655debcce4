"""A TLS handshake to look at: whose certificate, for how long, and why it is not trusted."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from testpilot_obs._core import clock
from testpilot_obs.config import OtlpSettings
from testpilot_obs.exporters import _certificate, _speaks, _tls
from testpilot_obs.exporters._certificate import Certificate
from testpilot_obs.exporters._dial import dial, not_sent, remaining_s
from testpilot_obs.exporters._place import Place

WARN_DAYS = 14
"""A certificate that ends sooner is warned about."""
_SHOWN_NAMES = 5


@dataclass(frozen=True, slots=True)
class Handshake:
    """How it went."""

    status: Literal["ok", "warning", "failed"]
    message: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def context_for(settings: OtlpSettings) -> ssl.SSLContext:
    """Return the context with which the exporters shake hands.

    Raises:
        ConfigError: If a file of the *settings* cannot be read.
    """
    context = _tls.client_context(settings)
    if settings.protocol == "grpc":
        context.set_alpn_protocols(["h2"])
    return context


def shake_hands(
    place: Place, settings: OtlpSettings, *, context: ssl.SSLContext, deadline: float
) -> Handshake:
    """Shake hands with *place* as the exporters do, and say what was found."""
    try:
        with dial(place.host, place.port, deadline=deadline) as plain:
            plain.settimeout(remaining_s(deadline))
            with context.wrap_socket(plain, server_hostname=place.host) as secured:
                version = secured.version() or "TLS"
                shown = _read(secured.getpeercert(binary_form=True))
    except OSError as error:
        return _failed(error, place, deadline)
    return _succeeded(version, shown, _read(_own_certificate(settings)))


def _succeeded(version: str, shown: Certificate | None, own: Certificate | None) -> Handshake:
    facts: dict[str, Any] = {"version": version, **_facts(shown)}
    said = [version, *([f"certificate {_words(shown)}"] if shown else ())]
    ending = [f"the certificate ends in {_days(shown)} days"] if _ends_soon(shown) else []
    if own is not None:
        facts["own_certificate_days_left"] = _days(own)
        if _ends_soon(own):
            ending.append(f"our own certificate, for mutual TLS, ends in {_days(own)} days")
    message = "; ".join((", ".join(said), *ending))
    return Handshake("warning" if ending else "ok", message, facts)


def _failed(error: OSError, place: Place, deadline: float) -> Handshake:
    if not _tls.is_tls(error):
        failure = not_sent(error, str(place))
        return Handshake("failed", str(failure), {"reason": failure.reason})
    message, facts = _tls.words(error), {"reason": "tls"}
    if isinstance(error, ssl.SSLCertVerificationError):
        facts = {"reason": "certificate", "verify_error": error.verify_message}
        shown = _untrusted(place, deadline)
        if shown is not None:
            message = f"{message}: {_words(shown)}"
            facts |= _facts(shown)
    return Handshake("failed", message, facts)


def _untrusted(place: Place, deadline: float) -> Certificate | None:
    """Return the certificate of a server that is not trusted; nothing is sent to it."""
    try:
        with _speaks.secured(place, deadline=deadline) as secured:
            return _read(secured.getpeercert(binary_form=True))
    except OSError:
        return None


def _own_certificate(settings: OtlpSettings) -> bytes | None:
    if not settings.client_certificate:
        return None
    text = Path(settings.client_certificate).read_text("latin-1")
    begin, end = text.find(ssl.PEM_HEADER), text.find(ssl.PEM_FOOTER)
    return ssl.PEM_cert_to_DER_cert(text[begin : end + len(ssl.PEM_FOOTER)])


def _read(der: bytes | None) -> Certificate | None:
    try:
        return _certificate.parse(der) if der else None
    except ValueError:
        return None


def _words(certificate: Certificate) -> str:
    names = ", ".join(certificate.names[:_SHOWN_NAMES]) or certificate.subject or "nobody"
    ends, days = certificate.ends.date().isoformat(), _days(certificate)
    ends_in = f"ended {-days} days ago" if days < 0 else f"{days} days left"
    return f"for {names}, signed by {certificate.issuer or 'nobody'}, until {ends} ({ends_in})"


def _facts(certificate: Certificate | None) -> dict[str, Any]:
    if certificate is None:
        return {}
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": list(certificate.names),
        "not_after": certificate.ends.isoformat(),
        "days_left": _days(certificate),
    }


def _days(certificate: Certificate | None) -> int:
    return certificate.days_left(clock.time_ns() / 1e9) if certificate else 0


def _ends_soon(certificate: Certificate | None) -> bool:
    return certificate is not None and _days(certificate) < WARN_DAYS
