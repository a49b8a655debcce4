"""What to set if a port speaks something else than is spoken to it."""

from testpilot_obs._core import clock
from testpilot_obs.exporters._place import Place
from testpilot_obs.exporters._speaks import HTTP_1, HTTP_2, TLS, handshakes, spoken_at

_LONGEST_S, _SHORTEST_S = 4.0, 0.2
_WITHOUT_TLS = "this port speaks without TLS: begin the endpoint with http://, or use another port"
_WITH_TLS = "this port speaks TLS: begin OTEL_EXPORTER_OTLP_ENDPOINT with https://"
_ADVICE = {
    (False, HTTP_2): (
        "this port speaks gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or take the receiver's port "
        "for HTTP, usually 4318"
    ),
    (True, HTTP_1): (
        "this port speaks HTTP/1.1: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or take the "
        "receiver's port for gRPC, usually 4317"
    ),
}
"""By whether gRPC is spoken to it, and what it speaks."""


def advice(place: Place, *, is_grpc: bool, deadline: float) -> str:
    """Return what to set; ``""`` if the port speaks what it is spoken to, or nothing."""
    now = clock.monotonic()
    until = min(max(deadline, now + _SHORTEST_S), now + _LONGEST_S)
    is_tls = place.is_tls and handshakes(place, deadline=until)
    spoken = spoken_at(place, deadline=until, is_tls=is_tls)
    if place.is_tls and not is_tls:
        return _WITHOUT_TLS if spoken in {HTTP_1, HTTP_2} else ""
    return _WITH_TLS if spoken == TLS else _ADVICE.get((is_grpc, spoken), "")
