"""TLS as the ``OTEL_EXPORTER_OTLP_*`` files ask for it; imported only for ``https``."""

import ssl

from testpilot_obs.config import OtlpSettings
from testpilot_obs.errors import ConfigError, Problem

_CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"
_CLIENT_CERTIFICATE = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"
CLIENT_CERTIFICATE_HINT = f"does it want a client certificate ({_CLIENT_CERTIFICATE})?"


def client_context(settings: OtlpSettings) -> ssl.SSLContext:
    """Return a context that checks the server and, for mutual TLS, shows our certificate.

    Raises:
        ConfigError: If a file cannot be read or holds no certificate or key.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
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
        return (
            f"the server's certificate is not trusted ({error.verify_message}); set "
            "OTEL_EXPORTER_OTLP_CERTIFICATE to the file of the authority that signed it"
        )
    reason = getattr(error, "reason", None) or type(error).__name__
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
