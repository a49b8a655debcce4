"""The status of a span."""

import pytest
from opentelemetry.trace import Status, StatusCode


@pytest.fixture
def span(tracer):
    """Return a span."""
    return tracer.start_span("x")


def told(span):
    """Return the status of *span* as code and description."""
    return span.status.status_code.name, span.status.description


def test_最初は何も決まっていない(span):
    """A span's status is unset at first."""
    assert told(span) == ("UNSET", None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((StatusCode.OK,), ("OK", None)),
        ((StatusCode.ERROR,), ("ERROR", None)),
        ((StatusCode.ERROR, "why"), ("ERROR", "why")),
        ((Status(StatusCode.ERROR, "why"),), ("ERROR", "why")),
        ((Status(StatusCode.OK),), ("OK", None)),
    ],
)
def test_状態は二通りに書ける(span, arguments, expected):
    """A status is given as such, or as a code with a description."""
    span.set_status(*arguments)

    assert told(span) == expected


def test_OKは最終である(span):
    """Nothing changes OK."""
    span.set_status(StatusCode.OK)

    span.set_status(StatusCode.ERROR, "late")
    span.set_status(Status(StatusCode.ERROR))

    assert told(span) == ("OK", None)


def test_UNSETは無視される(span):
    """A status cannot be taken back."""
    span.set_status(StatusCode.ERROR, "why")

    span.set_status(StatusCode.UNSET)
    span.set_status(Status())

    assert told(span) == ("ERROR", "why")


def test_最後のエラーが残る(span):
    """A later error replaces an earlier one, and OK replaces it."""
    span.set_status(StatusCode.ERROR, "first")
    span.set_status(StatusCode.ERROR, "second")
    assert told(span) == ("ERROR", "second")

    span.set_status(StatusCode.OK)
    assert told(span) == ("OK", None)


def test_状態に添えた説明は無視される(span, caplog):
    """A `Status` brings its own description; another one is ignored, and said so once."""
    span.set_status(Status(StatusCode.ERROR, "mine"), "ignored")
    span.set_status(Status(StatusCode.ERROR, "mine"), "ignored")

    assert told(span) == ("ERROR", "mine")
    assert [record.name for record in caplog.records] == ["testpilot_obs"]


@pytest.mark.parametrize("bad", [None, 2, "error", object()])
def test_状態でないものは無視される(span, bad, caplog):
    """What is no status is ignored, with a warning."""
    span.set_status(bad)

    assert told(span) == ("UNSET", None)
    assert "set_status needs" in caplog.text


def test_説明は文字になる(span):
    """A description that is not text becomes text."""
    span.set_status(StatusCode.ERROR, ValueError("why"))

    assert told(span) == ("ERROR", "why")
