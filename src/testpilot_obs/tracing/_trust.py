"""Whose trace context is believed, so that strangers cannot decide what is recorded.

The question is asked where a trace begins in this process below a remote parent, whoever read the
headers: `testpilot_obs.extract`, or an instrumentation by way of OpenTelemetry. The peer's address
is what was given to `extract`, or what the first span says at its start.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from opentelemetry import trace as otel_trace
from opentelemetry.context.context import Context
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.propagation import _SPAN_KEY

from testpilot_obs._core import ids

rule: "Trust | None" = None
"""Read as ``_trust.rule``; ``None``: everybody is believed."""

_PEER = "testpilot_obs.peer"
_STRANGER = "testpilot_obs.stranger"
_ADDRESSES = ("network.peer.address", "net.sock.peer.addr", "net.peer.ip", "client.address")
"""Attributes that tell who is calling; the last may come from a header, so it is asked last."""
_PRIVATE = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
_KNOWN_PEERS = 1_024
_RANDOM_BITS = 56


def use(words: Sequence[str]) -> None:
    """Believe those whom *words*, the setting ``trust_inbound``, name."""
    globals()["rule"] = None if tuple(words) == ("all",) else Trust(words)


class Trust:
    """The setting ``trust_inbound``, unless it is ``all``.

    Args:
        words: ``none``, ``sampled-off``, ``private`` and networks such as ``10.0.0.0/8``.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.keeps_ids = "sampled-off" in words
        """Whether the ids of a stranger are used, and only his decision is not."""
        named = [one for one in words if one not in {"none", "sampled-off", "private"}]
        self.networks = (*named, *(_PRIVATE if "private" in words else ()))
        self._is_inside = lru_cache(_KNOWN_PEERS)(self._find)

    @property
    def accepts_nothing(self) -> bool:
        """Whether nobody is believed, and nothing of what he says is used."""
        return not (self.keeps_ids or self.networks)

    def screen_headers(self, context: Context, peer: Any) -> Context:
        """Return *context*, read from headers that *peer* sent, with no more than may be used."""
        address = _address(peer)
        is_unknown = bool(self.networks) and not address
        if self.keeps_ids or is_unknown or self._is_inside(address):
            return Context({**context, _PEER: address}) if address else context
        stranger = otel_trace.get_current_span(context).get_span_context()
        return Context({_STRANGER: stranger} if stranger.is_valid else {})

    def screen(
        self, span: Any, attributes: Any, base: Context, *, parent: SpanContext | None
    ) -> tuple[SpanContext | None, bool]:
        """Return the parent to use for *span*, and whether its decision is to be followed.

        Args:
            span: The first of its trace here; gets a link to a parent that is not used.
            attributes: Those it starts with.
            base: The context that it begins in.
            parent: What that context says.
        """
        if parent is None or not parent.is_valid:
            _link(span, base.get(_STRANGER))
            return parent, True
        if not parent.is_remote or self._believes(span, attributes, base):
            return parent, True
        if self.keeps_ids:
            return _without_decision(parent), False
        _link(span, parent)
        return None, True

    def _believes(self, span: Any, attributes: Any, base: Context) -> bool:
        address = base.get(_PEER) or _address_in(attributes)
        if not address and span.kind is SpanKind.CONSUMER:
            # A message comes through a broker that this service has connected to by itself.
            return bool(self.networks)
        return self._is_inside(address)

    def _find(self, address: Any) -> bool:
        from ipaddress import ip_address, ip_network  # 4 ms

        try:
            found = ip_address(address)
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in ip_network(one) for one in self.networks)


def _address(peer: Any) -> str:
    """Return the address in *peer*: text, or a pair with the port as servers have it."""
    if isinstance(peer, (tuple, list)) and peer:
        peer = peer[0]
    return peer.strip() if isinstance(peer, str) else ""


def _address_in(attributes: Any) -> str:
    if isinstance(attributes, dict):
        for key in _ADDRESSES:
            address = attributes.get(key)
            if isinstance(address, str) and address:
                return address
    return ""


def _link(span: Any, stranger: Any) -> None:
    if isinstance(stranger, SpanContext) and stranger.is_valid:
        # Without his trace state, which may hold anything.
        ids_only = SpanContext(stranger.trace_id, stranger.span_id, is_remote=True)
        span.add_link(ids_only)


def _without_decision(parent: SpanContext) -> SpanContext:
    """Return *parent* with randomness of our own: whoever chooses a trace id chooses no more."""
    others = [(key, value) for key, value in parent.trace_state.items() if key != "ot"]
    randomness = f"rv:{ids.getrandbits(_RANDOM_BITS):014x}"
    return SpanContext(
        parent.trace_id,
        parent.span_id,
        is_remote=True,
        trace_flags=TraceFlags(parent.trace_flags & ids.RANDOM),
        trace_state=TraceState([("ot", randomness), *others[:31]]),
    )


def without_span(context: Context) -> Context:
    """Return *context* with no span in it, as a sampler is asked about the root of a trace."""
    return Context({**context, _SPAN_KEY: otel_trace.INVALID_SPAN})
