"""Baggage within limits, in and out; and no secrets out.

Everything in it goes on to every service that is called, so a caller could make it grow, and a
name like ``api_key`` could carry a secret to others.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote_plus

from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import default_getter, default_setter

from testpilot_obs._core import diagnostics, redaction
from testpilot_obs._core.values import text
from testpilot_obs.tracing import _trust

MOST_MEMBERS = 64
MOST_BYTES = 8_192
MOST_MEMBER_BYTES = 4_096
"""What W3C Baggage asks everybody to let through at least is what we let through at most."""

_HEADER = "baggage"


class BoundedBaggage(W3CBaggagePropagator):
    """OpenTelemetry's propagator of W3C Baggage, with limits that cost the excess alone."""

    def extract(
        self, carrier: Any, context: Context | None = None, getter: Any = default_getter
    ) -> Context:
        """Return *context* with the baggage that *carrier* has, as far as it is within limits."""
        rule = _trust.rule
        found = getter.get(carrier, _HEADER)
        header = found if isinstance(found, str) else next(iter(found or ()), "")
        if not header or (rule is not None and rule.accepts_nothing):
            return Context() if context is None else context
        kept = list(within_limits(_members(header)))
        extracted: Context = super().extract({_HEADER: ",".join(kept)}, context, default_getter)
        return extracted

    def inject(
        self, carrier: Any, context: Context | None = None, setter: Any = default_setter
    ) -> None:
        """Write the baggage of *context* to *carrier*, without secrets and within limits."""
        members = (
            f"{quote_plus(text(key))}={quote_plus(shown)}"
            for key, value in baggage.get_all(context=context).items()
            if not _is_secret(key, shown := text(value))
        )
        kept = ",".join(within_limits(members))
        if kept:
            setter.set(carrier, _HEADER, kept)


def within_limits(members: Iterable[str]) -> Iterator[str]:
    """Yield those of *members* that fit, and say once if some do not."""
    count = size = dropped = 0
    for member in members:
        length = len(member.encode("utf-8", "surrogatepass"))
        fits = length <= MOST_MEMBER_BYTES and size + length + bool(count) <= MOST_BYTES
        if fits and count < MOST_MEMBERS:
            size += length + bool(count)
            count += 1
            yield member
        else:
            dropped += 1
    if dropped:
        diagnostics.warn_once(
            "baggage",
            "%d or more entries of baggage were left out: at most %d with %d bytes pass",
            dropped,
            MOST_MEMBERS,
            MOST_BYTES,
        )


def replace_global() -> None:
    """Put the limits on OpenTelemetry's global propagator, if it is a usual one."""
    # Not at the top: it raises where OTEL_PROPAGATORS has a name that no package offers.
    from opentelemetry import propagate

    chosen = propagate.get_global_textmap()
    parts = getattr(chosen, "_propagators", None)
    if type(chosen) is CompositePropagator and parts:
        bounded = [BoundedBaggage() if type(p) is W3CBaggagePropagator else p for p in parts]
        if bounded != list(parts):
            propagate.set_global_textmap(CompositePropagator(bounded))


def _members(header: str) -> list[str]:
    """Return the entries of *header*; of one that is far too long, those at its beginning."""
    most = 4 * MOST_BYTES
    members = header[:most].split(",")
    if len(header) > most:
        # The last one was cut.
        members[-1] = "x" * (MOST_MEMBER_BYTES + 1)
    return [one for raw in members if (one := raw.strip(" \t"))]


def _is_secret(key: Any, value: str) -> bool:
    redactor = redaction.active()
    if redactor is None or redactor.value(key, value) is value:
        return False
    diagnostics.warn_once(
        f"baggage:{key}",
        "the entry %r of the baggage is secret and not passed on;"
        " TESTPILOT_OBS_REDACT_ALLOW lets it through",
        text(key, 64),
    )
    return True
