"""Attributes of spans: types, copies, keys."""

import pytest
from opentelemetry.trace import StatusCode

from testpilot_obs import tracing
from tests.tracing.helpers import Raising


def test_属性は開始時にも後からも付けられる(tracer, spans):
    """Attributes are given at the start and set later, singly or many at once."""
    with tracer.start_as_current_span("x", attributes={"a": 1}) as span:
        span.set_attribute("b", "two")
        span.set_attributes({"c": 3.0, "d": True})

    assert spans[0].attributes == {"a": 1, "b": "two", "c": 3.0, "d": True}


def test_同じ鍵は上書きされる(tracer):
    """Setting a key again replaces its value."""
    span = tracer.start_span("x", attributes={"a": 1})

    span.set_attribute("a", 2)

    assert span.attributes == {"a": 2}


@pytest.mark.parametrize("value", [True, 1, -(2**63), 2**63 - 1, 1.5, "文", b"\xff", None])
def test_標準の型はそのまま残る(tracer, value):
    """Values that OTLP can carry are kept as they are."""
    span = tracer.start_span("x", attributes={"first": value})

    span.set_attribute("later", value)

    assert span.attributes == {"first": value, "later": value}


@pytest.mark.parametrize(
    ("given", "kept"),
    [([], ()), ([1, 2], (1, 2)), ((True, "x", None), (True, "x", None)), (range(3), (0, 1, 2))],
)
def test_列はタプルになる(tracer, given, kept):
    """Sequences become tuples, mixed and empty ones too."""
    span = tracer.start_span("x", attributes={"first": given})

    span.set_attribute("later", given)

    assert span.attributes == {"first": kept, "later": kept}


def test_値は設定した時点の写しである(tracer):
    """A later change of a list or dict does not reach the span."""
    values, nested, given = [1], {"a": [1]}, {"start": [1]}
    span = tracer.start_span("x", attributes=given)
    span.set_attributes({"list": values, "dict": nested})

    values.append(2)
    nested["a"].append(2)
    given["start"].append(2)
    given["more"] = 1

    assert span.attributes == {"start": (1,), "list": (1,), "dict": {"a": (1,)}}


def test_span関数のキーワードは属性になる(spans):
    """Keywords win over the mapping, and neither is changed."""
    given = {"a.b": 1, "c": 2}

    with tracing.span("x", given, c=3, name="n", attributes_=4):
        pass

    assert spans[0].attributes == {"a.b": 1, "c": 3, "name": "n", "attributes_": 4}
    assert given == {"a.b": 1, "c": 2}


def test_属性は読み取り専用で見える(tracer):
    """What `attributes` returns cannot be changed."""
    span = tracer.start_span("x", attributes={"a": 1})

    with pytest.raises(TypeError):
        span.attributes["a"] = 2


@pytest.mark.parametrize("bad", [5, "text", object(), [("a", 1)], Raising(), 1.5, True])
def test_写像でない属性は無視される(tracer, spans, bad, caplog):
    """Attributes that are no mapping cost a warning, and no span."""
    with tracer.start_as_current_span("x", attributes=bad) as span:
        span.set_attributes(bad)
        span.set_attributes({"good": 1})

    assert spans[0].attributes == {"good": 1}
    assert "attributes must be a mapping" in caplog.text


@pytest.mark.parametrize("empty", [None, {}, [], ()])
def test_空の属性は黙って無視される(tracer, empty, quiet):
    """Nothing is said about attributes that are empty."""
    with tracer.start_as_current_span("x", attributes=empty) as span:
        span.set_attributes(empty)
        span.add_event("e", empty)

    assert (span.attributes, dict(span.events[0].attributes)) == ({}, {})


def test_真偽を問えない属性も無視される(tracer, spans):
    """An object that raises when asked for its truth value is ignored like any other."""

    class NoTruth:
        def __bool__(self):
            raise ValueError("ambiguous")

    with tracer.start_as_current_span("x", attributes=NoTruth()):
        pass
    with tracing.span("y", NoTruth(), b=2):
        pass

    assert [dict(span.attributes) for span in spans] == [{}, {"b": 2}]


class PartlyBroken(dict):
    """A mapping, one of whose values cannot be read."""

    def __getitem__(self, key):
        if key == "bad":
            raise RuntimeError("broken")
        return super().__getitem__(key)


def test_読めない値はそれだけが失われる(tracer):
    """A value that raises when it is read takes no neighbour with it."""
    span = tracer.start_span("x")

    span.set_attributes(PartlyBroken(a=1, bad=2, c=3))

    assert span.attributes == {"a": 1, "c": 3}


def test_使えない鍵は文字になる(tracer, caplog):
    """A key that a dict cannot have becomes its text."""
    span = tracer.start_span("x")

    span.set_attribute(["k"], 1)
    span.set_attribute(None, 2)

    assert {str(key): value for key, value in span.attributes.items()} == {"['k']": 1, "None": 2}
    assert "key must be text" in caplog.text


def test_空の鍵は読み出し時に落とされて数えられる(tracer):
    """OpenTelemetry forbids empty keys: the SDK's view leaves them out and counts them."""
    span = tracer.start_span("x", attributes={"": 1, "a": 2})

    assert dict(span.readable().attributes) == {"a": 2}
    assert span.readable().dropped_attributes == 1


def test_孤立サロゲートは読み出し時に直る(tracer):
    """What SDK exporters are given can always be encoded."""
    span = tracer.start_span("x\ud800", attributes={"k\ud800": "v\ud800"})
    span.add_event("e\ud800", {"a": "\ud800"})
    span.set_status(StatusCode.ERROR, "d\ud800")

    read = span.readable()

    assert (read.name, dict(read.attributes)) == ("x�", {"k�": "v�"})
    assert (read.events[0].name, dict(read.events[0].attributes)) == ("e�", {"a": "�"})
    assert read.status.description == "d�"


def test_大きな値は待ち行列で量られる(tracer, queue):
    """Large values are weighed against the bytes that the queue may hold."""
    tracer.start_span("x").set_attribute("big", "x" * 50_000)
    with tracer.start_as_current_span("y", attributes={"big": "x" * 40_000}):
        pass

    assert queue.weights == [50_000, 40_000]


def test_64kBを越える値は切られて印が付く(tracer):
    """A value over 64 kB is cut, and says how long it was."""
    span = tracer.start_span("x", attributes={"text": "x" * 100_000, "bytes": b"y" * 100_000})

    text, data = span.attributes["text"], span.attributes["bytes"]

    assert (len(text) < 66_000, text.endswith("… [cut, 100000 characters]")) == (True, True)
    assert (len(data) < 66_000, data.endswith(b"... [cut, 100000 bytes]")) == (True, True)
