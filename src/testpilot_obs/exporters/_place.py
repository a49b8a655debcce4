"""Which host and port an endpoint leads to, however it is written."""

from dataclasses import dataclass

from testpilot_obs.config import OtlpSettings
from testpilot_obs.exporters._http_client import Target

_UNIX = "unix"
_NAMED = ("dns", "ipv4", "ipv6")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an endpoint leads to."""

    host: str
    port: int
    is_tls: bool
    path: str = ""
    """Of a socket in the file system, instead of host and port."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or f"{host}:{self.port}"


def of(settings: OtlpSettings) -> Place | None:
    """Return where *settings* lead to; ``None`` if only grpc knows (``xds:``), or nobody."""
    endpoint = settings.endpoint
    scheme, _, rest = endpoint.partition(":")
    if scheme == _UNIX:
        return Place("", 0, is_tls=not settings.insecure, path=rest.removeprefix("//"))
    if scheme in _NAMED:
        address = rest.rpartition("/")[2].partition(",")[0]
        endpoint = f"{'http' if settings.insecure else 'https'}://{address}"
    try:
        target = Target.of_url(endpoint)
    except ValueError:
        return None
    return Place(target.host, target.port, target.is_tls)
