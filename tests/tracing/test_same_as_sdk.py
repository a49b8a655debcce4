"""The same operations on the SDK's spans and on ours give equal `ReadableSpan`s."""

import contextlib
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from testpilot_obs.tracing import TracerProvider
from tests.tracing.helpers import below, remote

TEXTS = st.text(max_size=8)
KEYS = st.text("abcdé", min_size=1, max_size=2)
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=8)
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=5,
)
ATTRIBUTES = st.none() | st.dictionaries(KEYS, VALUES, max_size=4)
TIMES = st.integers(0, 2**62)
CONTEXTS = st.builds(
    SpanContext,
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**64 - 1),
    st.booleans(),
    st.integers(0, 3).map(TraceFlags),
)
STATUSES = st.tuples(st.sampled_from(StatusCode), st.none() | TEXTS)


def _call(name, *strategies):
    return st.tuples(st.just(name), st.tuples(*strategies))


CHANGES = st.one_of(
    _call("set_attribute", KEYS, VALUES),
    _call("set_attributes", st.dictionaries(KEYS, VALUES, max_size=4)),
    _call("add_event", TEXTS, ATTRIBUTES, TIMES),
    _call("add_link", CONTEXTS, ATTRIBUTES),
    _call("update_name", TEXTS),
    STATUSES.map(lambda pair: ("set_status", pair)),
    STATUSES.map(lambda pair: ("set_status", (Status(*pair),))),
    _call("end", TIMES),
)
STARTS = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "context": st.none() | CONTEXTS.map(below),
        "kind": st.sampled_from(SpanKind),
        "attributes": ATTRIBUTES,
        "links": st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=3),
        "start_time": TIMES,
    }
)
SPANS = st.lists(st.tuples(STARTS, st.lists(CHANGES, max_size=6)), min_size=1, max_size=4)
LENGTHS = st.none() | st.integers(0, 4)


class Counting(IdGenerator):
    """Counts ids up from the start."""

    def __init__(self):
        self.last = 0

    def generate_span_id(self):
        """Return the next number."""
        self.last += 1
        return self.last

    generate_trace_id = generate_span_id


class Keeping(SpanProcessor):
    """Keeps what it is told of."""

    def __init__(self):
        self.ended = []

    def on_end(self, span):
        """Keep *span*."""
        self.ended.append(span)


def do(provider, program):
    """Run *program* on *provider*; return the ended spans, nested where none has a context."""
    keeping = Keeping()
    provider.add_span_processor(keeping)
    tracer = provider.get_tracer("lib", "1", "https://x", {"a": 1})
    with contextlib.ExitStack() as stack:
        for start, changes in program:
            span = tracer.start_span(**start)
            stack.enter_context(trace.use_span(span))
            for name, arguments in changes:
                getattr(span, name)(*arguments)
            if span.is_recording():
                stack.callback(span.end, 2**62)
    return keeping.ended


def fields(span):
    """Return all that a `ReadableSpan` says."""
    return {
        "name": span.name,
        "context": span.context,
        "parent": span.parent,
        "kind": span.kind,
        "attributes": dict(span.attributes),
        "events": [
            (e.name, e.timestamp, dict(e.attributes), e.dropped_attributes) for e in span.events
        ],
        "links": [
            (one.context, dict(one.attributes), one.dropped_attributes) for one in span.links
        ],
        "status": (span.status.status_code, span.status.description),
        "times": (span.start_time, span.end_time),
        "resource": span.resource,
        "scope": span.instrumentation_scope,
        "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
    }


@pytest.fixture(autouse=True)
def _silent():
    """Spare the log what the SDK says of each status and each use after the end."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@given(SPANS, LENGTHS, LENGTHS)
def test_どんな操作の列でもSDKと同じになる(program, length, span_length):
    """Any sequence of operations below the limits of number gives the same spans."""
    limits = {"max_attribute_length": length, "max_span_attribute_length": span_length}
    made = {
        "resource": Resource({"service.name": "s"}),
        "shutdown_on_exit": False,
    }
    theirs, mine = (
        do(kind(span_limits=SpanLimits(**limits), id_generator=Counting(), **made), program)
        for kind in (SdkTracerProvider, TracerProvider)
    )

    assert [shortened(fields(s), length, span_length) for s in mine] == [
        shortened(fields(s), length, span_length) for s in theirs
    ]


def shortened(told, length, span_length):
    """Return *told* with bytes cut as well: the specification says so, the SDK does not do it."""
    span_length = length if span_length is None else span_length
    told["attributes"] = cut(told["attributes"], span_length)
    told["events"] = [(n, t, cut(a, length), d) for n, t, a, d in told["events"]]
    told["links"] = [(c, cut(a, length), d) for c, a, d in told["links"]]
    return told


def cut(value, length):
    """Return *value* with its bytes cut to *length*."""
    if isinstance(value, bytes):
        return value[:length]
    if isinstance(value, dict):
        return {key: cut(item, length) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(cut(item, length) for item in value)
    return value


@given(SPANS)
def test_JSONもSDKと同じになる(program):
    """What both write as JSON is the same, bytes apart, which JSON does not know."""

    def texts(kind):
        ended = do(kind(id_generator=Counting(), shutdown_on_exit=False), program)
        return [json.loads(span.to_json()) for span in ended if not has_bytes(fields(span))]

    assert texts(TracerProvider) == texts(SdkTracerProvider)


def has_bytes(value):
    """Return whether there are bytes anywhere in *value*."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and not isinstance(value, SpanContext):
        return any(has_bytes(item) for item in value)
    return isinstance(value, bytes)


@given(st.integers(0, 3), st.booleans(), st.booleans())
def test_例外の記録もSDKと同じになる(flags, records, sets_status):
    """An exception that leaves a span is written down as the SDK does."""
    told = []
    for kind in (SdkTracerProvider, TracerProvider):
        keeping, provider = Keeping(), kind(id_generator=Counting(), shutdown_on_exit=False)
        provider.add_span_processor(keeping)
        options = {"record_exception": records, "set_status_on_exception": sets_status}
        context = below(remote(flags))
        with (
            contextlib.suppress(KeyError),
            provider.get_tracer("t").start_as_current_span("x", context=context, **options),
        ):
            raise KeyError("k")
        told.append([summary(span) for span in keeping.ended])

    assert told[0] == told[1]


def summary(span):
    """Return what is comparable of a failed span: stack traces name different lines."""
    events = [
        {key: value for key, value in e.attributes.items() if key.endswith(("type", "message"))}
        for e in span.events
    ]
    return span.parent, span.context, span.status.description, events
