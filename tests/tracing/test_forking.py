"""What is open when a process forks: it stays the parent's."""

import os

import pytest

from testpilot_obs import tracing
from testpilot_obs.tracing import _forked

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def names_ended(spans):
    """Return the names of the spans that were queued."""
    return [span.name for span in spans]


def test_子は親の開いた区間を送らない(spans):
    """Spans that were open at a fork are not queued by the child that leaves their blocks."""
    with tracing.span("outer"), tracing.span("inner"):
        _forked.disown()
        with tracing.span("child's own"):
            pass

    assert names_ended(spans) == ["child's own"]


def test_子の区間は親の区間の下につく(spans):
    """A span of the child is a child of the parent's open span."""
    with tracing.span("outer") as outer:
        _forked.disown()
        with tracing.span("child's own") as own:
            pass

    assert own.parent_id == outer.span_id
    assert tracing.trace_id() == ""


def test_子は親の処理を数えない(spans):
    """A transaction that was open at a fork is neither told nor queued in the child."""
    told = []
    tracing.set_transaction_hooks(None, lambda *ended: told.append(ended))
    with tracing.start_transaction("outer"), tracing.start_transaction("inner", parent=None):
        _forked.disown()

    assert told == []
    assert names_ended(spans) == []
    assert tracing.current_transaction() is None


def test_選択肢のある区間も親のものである(spans, tracer):
    """Spans that were begun with options, and those outside of them, are the parent's too."""
    with tracing.span("outer"), tracer.start_as_current_span("inner", end_on_exit=True, links=[]):
        _forked.disown()

    assert names_ended(spans) == []
