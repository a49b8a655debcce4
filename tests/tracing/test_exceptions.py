"""Exceptions that leave spans: recorded once, and never changed."""

import contextlib

import pytest
from opentelemetry import trace

from testpilot_obs import tracing
from tests.tracing.helpers import Raising, named


def fail(message="失敗"):
    """Raise a ValueError, always from the same place."""
    raise ValueError(message)


def messages(span):
    """Return the messages of the exceptions that *span* recorded."""
    return [event.attributes["exception.message"] for event in span.events]


def test_例外は記録されて同じ物が通り抜ける(spans):
    """An exception is described, sets the status and passes through as the same object."""
    error = ValueError("だめ")
    with pytest.raises(ValueError, match="だめ") as caught, tracing.span("x"):
        raise error

    (event,) = spans[0].events
    assert caught.value is error
    assert (event.name, spans[0].status.description) == ("exception", "ValueError: だめ")
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.escaped"] == "True"
    assert "raise error" in event.attributes["exception.stacktrace"]


def test_例外は一番内側に一度だけ記録される(spans):
    """Outer spans get the error status, and no second copy."""
    with contextlib.suppress(ValueError), tracing.span("a"), tracing.span("b"), tracing.span("c"):
        fail()

    assert [(span.name, len(span.events)) for span in spans] == [("c", 1), ("b", 0), ("a", 0)]
    assert {span.status.description for span in spans} == {"ValueError: 失敗"}


@tracing.traced
def traced_failure():
    """Fail inside a decorated function."""
    fail()


@contextlib.contextmanager
def step():
    """Yield inside a span."""
    with tracing.span("step"):
        yield


@pytest.mark.parametrize("inner", ["decorated", "by generator", "started", "used", "options"])
def test_どんな入れ子でも一度だけ記録される(tracer, spans, inner):
    """However the inner span is made, the outer one does not record again."""
    ways = {
        "decorated": traced_failure,
        "by generator": lambda: within(step()),
        "started": lambda: within(tracer.start_span("started")),
        "used": lambda: within(trace.use_span(tracer.start_span("used"), end_on_exit=True)),
        "options": lambda: within(tracer.start_as_current_span("options", start_time=1)),
    }
    with contextlib.suppress(ValueError), tracing.span("outer"):
        ways[inner]()

    assert [len(span.events) for span in spans] == [1, 0]


def within(manager):
    """Fail within a context manager."""
    with manager:
        fail()


def test_手で記録した例外は二度記録されない(spans):
    """An exception that was recorded by hand and raised again is not recorded again."""
    with contextlib.suppress(ValueError), tracing.span("x") as span:
        try:
            fail()
        except ValueError as error:
            span.record_exception(error, {"note": "by hand"})
            raise

    assert [dict(event.attributes)["note"] for event in spans[0].events] == ["by hand"]


def test_飲み込まれた後の新しい例外は記録される(spans):
    """A new exception is told from one that was swallowed, though it may have its address."""
    with contextlib.suppress(ValueError), tracing.span("outer"):
        with contextlib.suppress(ValueError), tracing.span("attempt"):
            fail()
        fail()

    assert messages(named(spans, "outer")) == messages(named(spans, "attempt")) == ["失敗"]


def test_手で記録した後の別の例外は記録される(spans):
    """Recorded attempts do not hide the failure that ends it all."""
    with contextlib.suppress(ValueError), tracing.span("x") as span:
        for n in range(3):
            try:
                fail(str(n))
            except ValueError as error:
                if n == 2:
                    raise
                span.record_exception(error)

    assert messages(spans[0]) == ["0", "1", "2"]


def test_片付けの失敗は元の例外を忘れさせない(spans):
    """A second error on the way up does not make the first one be recorded again."""
    with contextlib.suppress(ValueError), tracing.span("outer"):
        try:
            with tracing.span("work"):
                fail("first")
        finally:
            with contextlib.suppress(ValueError), tracing.span("cleanup"):
                fail("second")

    assert messages(named(spans, "outer")) == []


def test_別の例外に包まれたら包みも記録される(spans):
    """An exception raised from another is a new one; its stack trace has both."""
    with contextlib.suppress(RuntimeError), tracing.span("outer"):
        try:
            with tracing.span("inner"):
                fail()
        except ValueError as error:
            raise RuntimeError("包み") from error

    (event,) = named(spans, "outer").events
    assert "ValueError: 失敗" in event.attributes["exception.stacktrace"]


def test_記録しない子の例外は親が記録する(tracer, spans):
    """A child told not to record leaves that to its parent."""
    options = {"record_exception": False, "set_status_on_exception": False}
    inner = tracer.start_as_current_span("inner", **options)
    with contextlib.suppress(ValueError), tracing.span("outer"), inner:
        fail()

    inner, outer = spans
    assert (inner.events, inner.status.is_unset) == ((), True)
    assert (messages(outer), outer.status.is_ok) == (["失敗"], False)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_例外でない終わり方はエラーではない(spans, kind):
    """What is no `Exception` is no error of a current span, as in OpenTelemetry."""
    with pytest.raises(kind), tracing.span("x"):
        raise kind

    assert (spans[0].events, spans[0].status.is_unset) == ((), True)


def test_始めただけのスパンはどんな例外も記録する(tracer, spans):
    """``with start_span()`` records also what is no `Exception`, as OpenTelemetry's does."""
    with pytest.raises(KeyboardInterrupt), tracer.start_span("x"):
        raise KeyboardInterrupt

    assert spans[0].events[0].attributes["exception.type"] == "KeyboardInterrupt"


class NamelessError(Exception):
    """An exception whose text cannot be had."""

    def __str__(self):
        raise RuntimeError("no text")


def test_文字にできない例外もそのまま通り抜ける(spans):
    """An exception whose `__str__` raises leaves the span as the same object."""
    error = NamelessError()
    with pytest.raises(NamelessError) as caught, tracing.span("x"):
        raise error

    assert caught.value is error
    assert messages(spans[0]) == ["<NamelessError: no text>"]
    assert spans[0].events[0].attributes["exception.type"].endswith("test_exceptions.NamelessError")


def test_record_exceptionは属性と時刻を取る(tracer):
    """Attributes given win over what is read from the exception."""
    span = tracer.start_span("x")

    span.record_exception(ValueError("v"), {"a": 1, "exception.message": "mine"}, 5, escaped=True)

    (event,) = span.events
    assert event.timestamp == 5
    assert (event.attributes["a"], event.attributes["exception.message"]) == (1, "mine")
    assert event.attributes["exception.escaped"] == "True"


@pytest.mark.parametrize("bad", [None, "text", 5, Raising()])
def test_例外でないものも記録できる(tracer, bad):
    """What is no exception is described as well as can be."""
    span = tracer.start_span("x")

    span.record_exception(bad)

    assert span.events[0].attributes["exception.type"].endswith(type(bad).__name__)


def test_とても深い例外は両端が残る(spans):
    """A very long stack trace keeps its ends."""

    def dive(depth, message):
        if depth:
            dive(depth - 1, message)
        raise ValueError(message)

    with contextlib.suppress(ValueError), tracing.span("x"):
        dive(300, "底" * 70_000)

    kept = spans[0].events[0].attributes["exception.stacktrace"]
    assert len(kept) <= 65_536
    assert (kept.startswith("Traceback"), "[cut, " in kept) == (True, True)
