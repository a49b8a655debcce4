"""TLS as the ``OTEL_EXPORTER_OTLP_*`` files ask for it; imported only for ``https``."""

import ssl

from testpilot_obs.config import OtlpSettings
from testpilot_obs.errors import ConfigError, Problem

_CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"
_CLIENT_CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
CLIENT_CERTIFICATE_HINT = f"does it want a client certificate ({_CLIENT_CERTIFICATE})?"


_EXPIRED, _NOT_YET_VALID, _SELF_SIGNED, _WRONG_HOST, _WRONG_ADDRESS = 10, 9, 18, 62, 64
_UNKNOWN_AUTHORITY = (
    f"is not trusted; set {_CERTIFICATE} to the file of the authority that signed it"
)
_OTHER_HOST = (
    "is not trusted: it is for another host; use a name that it is made out for in the endpoint"
)
_UNTRUSTED = {
    _NOT_YET_VALID: "is not trusted: it is not valid yet; is the clock of this machine right?",
    _EXPIRED: "is not trusted: it has expired; renew it at the server",
    _SELF_SIGNED: f"is not trusted: it is self-signed; set {_CERTIFICATE} to a copy of it",
    _WRONG_HOST: _OTHER_HOST,
    _WRONG_ADDRESS: _OTHER_HOST,
}
"""By OpenSSL's X509_V_ERR number; the other numbers are about the authority."""
_FAILURES = {
    ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"): (
        "the server does not speak TLS at this port; is it an http:// endpoint?"
    ),
    ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "INAPPROPRIATE_FALLBACK"): (
        "the server offers no TLS 1.2 or newer, and older versions are not safe"
    ),
    ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE"): (
        f"the server broke off the TLS handshake; {CLIENT_CERTIFICATE_HINT}"
    ),
}
"""By what OpenSSL's reason contains."""


def client_context(settings: OtlpSettings) -> ssl.SSLContext:
    """Return a context that checks the server and, for mutual TLS, shows our certificate.

    Raises:
        ConfigError: If a file cannot be read or holds no certificate or key.
    """
    # Not create_default_context(), which writes the keys of each connection to the file that
    # SSLKEYLOGFILE names, so that whoever sets that variable can read what we send.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.certificate:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cafile=settings.certificate)
        except OSError as error:
            raise _unreadable(_CERTIFICATE, settings.certificate, error) from None
    if settings.client_certificate:
        try:
            context.load_cert_chain(settings.client_certificate, settings.client_key or None)
        except OSError as error:
            raise _unreadable(_CLIENT_CERTIFICATE, _client_files(settings), error) from None
    return context


def words(error: BaseException) -> str:
    """Return what a person should read about a failed handshake or record."""
    if isinstance(error, ssl.SSLCertVerificationError):
        what = _UNTRUSTED.get(error.verify_code, _UNKNOWN_AUTHORITY)
        return f"the server's certificate {what} ({error.verify_message.rstrip('.')})"
    reason = getattr(error, "reason", None) or type(error).__name__
    for parts, meaning in _FAILURES.items():
        if any(part in reason for part in parts):
            return f"{meaning} ({reason})"
    return f"TLS failed ({reason}); does the server speak TLS here? {CLIENT_CERTIFICATE_HINT}"


def is_tls(error: BaseException) -> bool:
    """Return whether TLS, not the connection under it, is what failed."""
    return isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)


def _client_files(settings: OtlpSettings) -> str:
    return " and ".join(filter(None, (settings.client_certificate, settings.client_key)))


def _unreadable(setting: str, value: str, error: OSError) -> ConfigError:
    words = error.strerror or type(error).__name__
    expected = f"a readable file in PEM format ({words})"
    return ConfigError([Problem(setting, value, "settings", expected)])
