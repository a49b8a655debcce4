"""Records with things in them that cannot be written: only the bad thing suffers."""

import enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanContext, Status, StatusCode

from testpilot_obs.protocols import LogRecord
from tests.exporters.builders import (
    START_NS,
    Batch,
    Extra,
    LocalTrace,
    Span,
    decoded,
    decoded_log,
    decoded_span,
)

pytestmark = pytest.mark.guarded
MAX_UINT64 = 2**64 - 1


class Raising:
    """An object without a text."""

    def __str__(self):
        raise RuntimeError

    def __repr__(self):
        return "Raising()"  # for whoever reads what hypothesis found


class Colour(str, enum.Enum):
    """An enum whose members are text."""

    RED = "red"


CYCLE = {}
CYCLE["self"] = CYCLE
ODD = [
    Raising(),
    "\ud800",
    b"x",
    float("nan"),
    10**400,
    2**63,
    -(2**63) - 1,
    [1],
    {2},
    CYCLE,
    object,
]
ODD += [
    None,
    True,
    1,
    1.5,
    "",
    ("a", ("b", (CYCLE,))),
    {1: {2: {3: Raising()}}},
    Colour.RED,
    range(9),
]
ANYTHING = st.sampled_from(ODD) | st.text() | st.integers() | st.floats() | st.binary()
HASHABLE = st.sampled_from([Raising(), "\ud800", b"x", 1, None, "", Colour.RED, (1, 2)]) | st.text()
ODD_ATTRIBUTES = st.none() | st.dictionaries(HASHABLE, ANYTHING, max_size=4)
EVENTS = st.none() | st.lists(st.tuples(ANYTHING, ANYTHING, ODD_ATTRIBUTES), max_size=3)


@given(
    name=ANYTHING,
    kind=ANYTHING,
    parent_id=ANYTHING,
    start_ns=ANYTHING,
    end_ns=ANYTHING,
    attrs=ODD_ATTRIBUTES,
    events=EVENTS,
    dropped=ANYTHING,
)
def test_何が入っていても一つのスパンになる(events, dropped, **fields):
    """Whatever a span holds, it is written as one span that can be read, with its ids."""
    span = decoded_span(Span(extra=Extra(events=events, dropped_events=dropped), **fields))

    assert span.span_id == b"\0\0\0\0\0\0\0\x01"
    assert len(span.events) == len(events or ())
    assert span.end_time_unix_nano >= span.start_time_unix_nano


@given(body=ANYTHING, time_ns=ANYTHING, severity=ANYTHING, text=ANYTHING, attributes=ODD_ATTRIBUTES)
def test_何が入っていても一つのログになる(body, time_ns, severity, text, attributes):
    """Whatever a log record holds, it is written as one record that can be read."""
    record = decoded_log(LogRecord(time_ns, severity, text, body, attributes, "app", trace_id=7))

    assert record.trace_id == (7).to_bytes(16, "big")


@pytest.mark.parametrize("name", [None, 7, Raising(), "\ud800", ["unhashable"], b"bytes"])
def test_名前がおかしくても隣のスパンは無事(name):
    """One span with a bad name costs no other span, and keeps what else it has."""
    request = decoded(
        Batch(Span(name="before"), Span(name=name, attrs={"a": 1}), Span(name="after"))
    )
    spans = request.resource_spans[0].scope_spans[0].spans

    assert [span.name for span in spans][::2] == ["before", "after"]
    assert spans[1].attributes[0].value.int_value == 1


@pytest.mark.parametrize("position", [0, 1, 2])
def test_一つの値が読めなくても他の属性は残る(position):
    """An attribute that cannot be read loses only its own value."""
    attributes = {f"k{number}": number for number in range(3)}
    attributes[f"k{position}"] = Raising()
    span = decoded_span(Span(attrs=attributes))
    values = {pair.key: pair.value for pair in span.attributes}

    assert values[f"k{position}"].string_value == "<Raising: no text>"
    assert sum(value.HasField("int_value") for value in values.values()) == 2


def test_読めない出来事とリンクだけが失われる():
    """A link that is no link is left out; the other links, the events and the status stay."""
    good = SpanContext(1, 2, is_remote=False)
    status = Status(StatusCode.ERROR, "bad \ud800")
    links = [(good, None), (object(), None), (good, {3: "three"})]
    span = decoded_span(Span(extra=Extra([("e", -5, {4: 5})], links, status)))

    assert len(span.links) == 2
    assert span.links[1].attributes[0].key == "3"
    assert span.events[0].time_unix_nano == 0
    assert span.status.message == "bad \ufffd"


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "expected"),
    [
        (-1, START_NS, (0, START_NS)),
        (START_NS, None, (START_NS, START_NS)),
        (2**70, 2**80, (MAX_UINT64, MAX_UINT64)),
        (float("nan"), float("inf"), (0, 0)),
        (1.9, "2", (1, 2)),
    ],
)
def test_おかしな時刻は六十四ビットに収められる(start_ns, end_ns, expected):
    """Times that are negative, huge or no numbers are clamped, and the end is never earlier."""
    span = decoded_span(Span(start_ns=start_ns, end_ns=end_ns))

    assert (span.start_time_unix_nano, span.end_time_unix_nano) == expected


@pytest.mark.parametrize("value", ODD, ids=[type(value).__name__ for value in ODD])
def test_値がおかしいだけなら隣の属性もスパンも無事(value):
    """A span that is well but for one value keeps all else, and something for that value."""
    span = decoded_span(Span(attrs={"before": 1.5, "odd": value, "after": True}))

    assert [pair.key for pair in span.attributes] == ["before", "odd", "after"]


def test_文字でない鍵は文字になり重ならない():
    """Keys become text; two that become the same are one, as keys must be unique."""
    span = decoded_span(Span(attrs={1: "first", "1": "second", None: 2.5}))

    assert [pair.key for pair in span.attributes] == ["1", "None"]
    assert span.attributes[0].value.string_value == "second"


def test_深すぎる値も大きすぎる値も切られる():
    """A value that is deeper or larger than an exportable is cut, not followed for ever."""
    wide = tuple(range(5_000))
    shared = wide
    for _ in range(30):
        shared = (shared, shared)
    for value in (CYCLE, wide, shared, {"k": wide}):
        assert len(Batch(Span(attrs={"v": value})).otlp()) < 50_000


def test_長い名前と鍵は覚えられずに書かれる():
    """Long names, keys and values are written whole, and not kept in caches."""
    long = "x" * 5_000
    span = Span(name=long, attrs={long: 1.5, f"{long}s": long}, extra=Extra([(long, 1, None)]))
    decoded = [decoded_span(span) for _ in range(2)][1]

    assert decoded.name == decoded.events[0].name == decoded.attributes[0].key == long
    assert decoded.attributes[1].value.string_value == long


def test_大きすぎる整数は文字になる():
    """An int beyond 64 bits keeps its digits, as text."""
    values = [
        decoded_span(Span(attrs={"n": number})).attributes[0].value
        for number in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1)
    ]

    assert values[0].int_value == 2**63 - 1
    assert values[1].string_value == str(2**63)
    assert values[2].int_value == -(2**63)
    assert values[3].string_value == str(-(2**63) - 1)


def test_文字の列挙型は値として書かれる():
    """Keys and values that are text by inheritance are written as that text."""
    (pair,) = decoded_span(Span(attrs={Colour.RED: Colour.RED})).attributes

    assert (pair.key, pair.value.string_value) == ("red", "red")


def test_記録の途中で変わる属性も書かれる():
    """A mapping that raises while it is read costs the attributes, not the span."""

    class Moody(dict):
        def items(self):
            raise RuntimeError("changed size during iteration")

    span = decoded_span(Span(name="kept", attrs=Moody(a=1)))

    assert span.name == "kept"


@pytest.mark.parametrize("ids", [(-1, 2**200), (None, "x")])
def test_おかしな識別子でも書かれる(ids):
    """Ids that do not fit are clamped."""
    trace_id, span_id = ids
    span = decoded_span(Span(local=LocalTrace(trace_id=trace_id), span_id=span_id))

    assert (len(span.trace_id), len(span.span_id)) == (16, 8)
