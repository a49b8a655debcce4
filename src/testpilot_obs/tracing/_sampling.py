"""Which traces are recorded: OpenTelemetry's six standard samplers, decided once per trace.

A sampler that looks at no more than the trace id and the parent gives the same answer for all
spans of a local trace, so it is asked when the trace begins here and never again. Any other
SDK ``Sampler`` is asked for every span, as the specification says (``Tracer._sample``).
"""

from collections.abc import Callable
from typing import Any

from opentelemetry.context.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from testpilot_obs._core import diagnostics

Decide = Callable[[int, SpanContext | None], bool]
"""(trace id, parent or ``None`` for a root) -> whether the trace is recorded and sampled."""

_ID_SPACE = 1 << 64


def always_on(_trace_id: int, _parent: SpanContext | None) -> bool:
    """Record everything."""
    return True


def always_off(_trace_id: int, _parent: SpanContext | None) -> bool:
    """Record nothing."""
    return False


def by_ratio(ratio: float) -> Decide:
    """Return a sampler that records the share *ratio* (0 to 1) of all trace ids.

    Source: OpenTelemetry specification, "TraceIdRatioBased"; the lower 64 bits are compared, as
    the Python SDK does, so that services of both kinds keep the same traces.
    """
    bound = round(ratio * _ID_SPACE)

    def decide(trace_id: int, _parent: SpanContext | None) -> bool:
        return (trace_id & (_ID_SPACE - 1)) < bound

    return decide


def by_parent(root: Decide) -> Decide:
    """Return a sampler that does what the parent did, and asks *root* where there is none."""

    def decide(trace_id: int, parent: SpanContext | None) -> bool:
        if parent is None:
            return root(trace_id, None)
        return bool(parent.trace_flags & 1)

    # Read by the tracer, which then asks nothing for a root.
    decide.all_roots = root is always_on  # type: ignore[attr-defined]
    return decide


def by_name(name: str, argument: str) -> Decide:
    """Return the sampler that ``OTEL_TRACES_SAMPLER`` and its argument name.

    Both were checked when the settings were loaded; a ratio that is missing means 1.0.
    """
    prefix = "parentbased_"
    if name.startswith(prefix):
        return by_parent(by_name(name[len(prefix) :], argument))
    if name == "traceidratio":
        return by_ratio(float(argument) if argument else 1.0)
    return always_off if name == "always_off" else always_on


def of_sdk(sampler: Any) -> Decide | None:
    """Return the equal of an SDK sampler if it is a standard one, ``None`` for any other."""
    if type(sampler).__module__ != "opentelemetry.sdk.trace.sampling":
        return None
    try:
        decide = _by_description(sampler.get_description())
        return None if decide is None or _records_only(sampler) else decide
    except Exception:
        diagnostics.swallow("ask the sampler what it does")
        return None


def _records_only(sampler: Any) -> bool:
    """Return whether *sampler* may record without sampling; its description does not say that."""
    asked = []
    for is_remote in (False, True):
        for flags in (0, 1):
            parent = SpanContext(1, 1, is_remote, TraceFlags(flags))
            asked.append(set_span_in_context(NonRecordingSpan(parent), Context()))
    answers = [sampler.should_sample(context, 1, "").decision for context in (Context(), *asked)]
    return any(answer.is_recording() and not answer.is_sampled() for answer in answers)


def _by_description(description: str) -> Decide | None:
    if description == "AlwaysOnSampler":
        return always_on
    if description == "AlwaysOffSampler":
        return always_off
    if description.startswith("TraceIdRatioBased{"):
        return by_ratio(float(description.removeprefix("TraceIdRatioBased{").removesuffix("}")))
    usual = (
        ",remoteParentSampled:AlwaysOnSampler,remoteParentNotSampled:AlwaysOffSampler"
        ",localParentSampled:AlwaysOnSampler,localParentNotSampled:AlwaysOffSampler}"
    )
    if description.startswith("ParentBased{root:") and description.endswith(usual):
        root = _by_description(description.removeprefix("ParentBased{root:").removesuffix(usual))
        return None if root is None else by_parent(root)
    return None
