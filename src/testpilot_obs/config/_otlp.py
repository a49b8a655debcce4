"""Where OTLP goes: the rules that make one endpoint of a general and a per-signal setting.

Source:
    OpenTelemetry specification, "OpenTelemetry Protocol Exporter".
"""

import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from testpilot_obs.config._pairs import SecretPairs
from testpilot_obs.config._rules import hide_credentials
from testpilot_obs.protocols import Signal

Protocol = Literal["http/protobuf", "grpc"]
"""How OTLP travels."""

OPTIONS = (
    "endpoint",
    "headers",
    "protocol",
    "compression",
    "timeout_s",
    "certificate",
    "client_key",
    "client_certificate",
    "insecure",
)
"""What can be set for all signals (``otlp_endpoint``) and for one (``otlp_traces_endpoint``)."""

_HTTP_DEFAULT = "http://localhost:4318"
_GRPC_DEFAULT = "http://localhost:4317"
_GRPC_NAMING = ("dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:", "vsock:", "xds:")
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """Everything an OTLP exporter of one signal needs to know."""

    endpoint: str
    """HTTP: the full URL, e.g. ``"http://localhost:4318/v1/traces"``. gRPC: ``scheme://host:port``
    with ``http`` or ``https``, or a gRPC target such as ``"unix:/run/otel.sock"``."""
    headers: Mapping[str, str] = field(default_factory=SecretPairs)
    """Sent with every request, names in lower case; the values are hidden in every ``repr``."""
    protocol: Protocol = "http/protobuf"
    """How OTLP travels."""
    compression: Literal["none", "gzip"] = "none"
    """What is done to a request's body."""
    timeout_s: float = 10.0
    """Longest that one request may take, in seconds."""
    certificate: str = ""
    """File with the authorities that the server's certificate is checked against; empty: those of
    the system."""
    client_key: str = ""
    """File with our private key, for mutual TLS."""
    client_certificate: str = ""
    """File with our certificate, for mutual TLS."""
    insecure: bool = False
    """True to talk without TLS; always agrees with the scheme of ``endpoint`` if it has one."""
    is_set: bool = False
    """True if the user set an endpoint, for this signal or for all."""

    def __post_init__(self) -> None:
        # Whoever builds settings by hand may pass a plain dict, whose repr would show the values.
        if not isinstance(self.headers, SecretPairs):
            object.__setattr__(self, "headers", SecretPairs(self.headers))

    def __repr__(self) -> str:
        return (
            f"OtlpSettings({self.shown_endpoint!r}, protocol={self.protocol!r}, "
            f"headers={self.headers!r}, compression={self.compression!r}, "
            f"timeout_s={self.timeout_s!r})"
        )

    @property
    def shown_endpoint(self) -> str:
        """The endpoint as it may be shown to people: without user, password and query."""
        return str(hide_credentials(self.endpoint))


def pick(get: Callable[[str], Any], signal: Signal, option: str) -> Any:
    """Return the value of *option* for *signal*: its own if there is one, else the general one."""
    own = get(f"otlp_{signal}_{option}")
    return own if own not in ("", None, {}) else get(f"otlp_{option}")


def settings(get: Callable[[str], Any], signal: Signal) -> OtlpSettings:
    """Return what an exporter of *signal* needs; *get* returns the value of a ``Config`` field."""
    chosen = {option: pick(get, signal, option) for option in OPTIONS}
    own, general = get(f"otlp_{signal}_endpoint"), get("otlp_endpoint")
    chosen["is_set"] = bool(own or general)
    if chosen["protocol"] == "grpc":
        chosen["endpoint"] = _grpc_target(chosen["endpoint"], insecure=chosen["insecure"])
        chosen["insecure"] = _is_insecure(chosen["endpoint"], insecure=chosen["insecure"])
    else:
        chosen["endpoint"] = _with_path(own) if own else _join(general or _HTTP_DEFAULT, signal)
        chosen["insecure"] = chosen["endpoint"].lower().startswith("http://")
    return OtlpSettings(**chosen)


class Sourced(typing.Protocol):
    """What `origin` asks a ``Config`` for."""

    def source_of(self, name: str) -> str:
        """Return where the value of setting *name* is from."""


def origin(config: Sourced, signal: Signal, option: str) -> tuple[str, str]:
    """Return the name by which the user set an *option* of *signal*, and the source.

    For example ``("OTEL_EXPORTER_OTLP_CERTIFICATE", "environment")`` for ``"certificate"``.
    """
    own = f"otlp_{signal}_{option}"
    is_own = getattr(config, own) not in ("", None, {})
    name = own if is_own else f"otlp_{option}"
    source = config.source_of(name)
    return f"OTEL_EXPORTER_{name}".upper() if source == "environment" else name, source


def is_usable(endpoint: str, protocol: str) -> bool:
    """Tell whether *endpoint* can be used with *protocol*."""
    if protocol == "grpc" and endpoint.lower().startswith(_GRPC_NAMING):
        return True
    if protocol == "grpc" and "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    scheme, separator, rest = endpoint.partition("://")
    return bool(separator) and scheme.lower() in {"http", "https"} and _has_host(rest)


def take_credentials(endpoint: str) -> tuple[str, str]:
    """Split ``https://user:password@host`` into ``https://host`` and a Basic ``Authorization``.

    >>> take_credentials("https://me:secret@collector:4318")
    ('https://collector:4318', 'Basic bWU6c2VjcmV0')
    >>> take_credentials("https://collector:4318")
    ('https://collector:4318', '')
    """
    scheme, separator, rest = endpoint.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not separator or not at:
        return endpoint, ""
    from base64 import b64encode
    from urllib.parse import unquote_to_bytes

    login = unquote_to_bytes(user if ":" in user else f"{user}:")
    value = b64encode(login).decode("ascii")
    return f"{scheme}://{host}{slash}{path}", f"Basic {value}"


def _has_host(rest: str) -> bool:
    authority = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    if authority.startswith("["):
        host, bracket, port = authority[1:].partition("]")
        if not bracket or not (port == "" or port.startswith(":")):
            return False
        port = port[1:]
    else:
        host, _, port = authority.partition(":")
    is_port = port == "" or (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _MAX_PORT)
    return bool(host) and is_port


def _join(base: str, signal: Signal) -> str:
    address, question, query = base.partition("?")
    return f"{address.rstrip('/')}/v1/{signal}{question}{query}"


def _with_path(endpoint: str) -> str:
    """Return *endpoint* as it is, with the path ``/`` if it has none."""
    address, question, query = endpoint.partition("?")
    has_path = "/" in address.partition("://")[2]
    return f"{address}{'' if has_path else '/'}{question}{query}"


def _grpc_target(endpoint: str, *, insecure: bool) -> str:
    endpoint = endpoint or _GRPC_DEFAULT
    if endpoint.lower().startswith(_GRPC_NAMING):
        return endpoint
    scheme, separator, rest = endpoint.partition("://")
    if not separator:
        scheme, rest = ("http" if insecure else "https"), endpoint
    return f"{scheme.lower()}://{rest.partition('/')[0].partition('?')[0]}"


def _is_insecure(target: str, *, insecure: bool) -> bool:
    if target.startswith(("http://", "https://")):
        return target.startswith("http://")
    return insecure
