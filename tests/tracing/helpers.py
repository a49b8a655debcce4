"""Small fakes and makers for the tests of tracing."""

import types

from opentelemetry.context.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

LIMITS = {
    "attribute_value_length_limit": None,
    "span_attribute_value_length_limit": None,
    "span_attribute_count_limit": 128,
    "span_event_count_limit": 128,
    "span_link_count_limit": 128,
    "event_attribute_count_limit": 128,
    "link_attribute_count_limit": 128,
}


class FakeQueue:
    """Keeps every span, and counts what it is asked."""

    def __init__(self, high=1_000_000):
        self.items = []
        self.append = self.items.append
        self.high = high
        self.pressed = 0
        self.weights = []

    def pressure(self):
        """Count that the queue was pressed."""
        self.pressed += 1

    def weigh(self, size_bytes):
        """Remember what a value weighs."""
        self.weights.append(size_bytes)


def settings(**changes):
    """Return settings as `connect` reads them."""
    return types.SimpleNamespace(
        **{
            "propagators": ("tracecontext", "baggage"),
            "providers": "auto",
            "traces_sampler": "parentbased_always_on",
            "traces_sampler_arg": "",
            "trust_inbound": ("all",),
            "memory": "off",
            **LIMITS,
            **changes,
        }
    )


def remote(flags=1, *, is_remote=True, state=None):
    """Return the ids of a span in another process."""
    return SpanContext(
        0x1234 << 64 | 0x5678,
        0x9ABC,
        is_remote=is_remote,
        trace_flags=TraceFlags(flags),
        trace_state=TraceState([("k", "v")]) if state is None else state,
    )


def below(context):
    """Return an OpenTelemetry context in which the span with the ids *context* is current."""
    return set_span_in_context(NonRecordingSpan(context), Context())


def named(spans, name):
    """Return the one span of that name."""
    (found,) = [span for span in spans if span.name == name]
    return found


class Raising:
    """An object none of whose texts can be had."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__
