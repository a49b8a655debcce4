"""The arithmetic of consistent sampling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import TraceState

from testpilot_obs.delivery._threshold import (
    SPACE,
    adjusted_count,
    members_with,
    read,
    text_of,
    threshold_of,
)

RATIOS = st.floats(min_value=1e-9, max_value=1.0)
TRACE_IDS = st.integers(min_value=1, max_value=(1 << 128) - 1)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.0, "0"), (0.5, "8"), (0.25, "c"), (1 / 3, "aaab"), (0.1, "e666"), (0.001, "ffbe77")],
)
def test_割合は仕様の十六進になる(ratio, text):
    """The text has no trailing zeros, and four digits after leading ones."""
    assert text_of(threshold_of(ratio)) == text


def test_零なら何も残らない():
    """No randomness reaches the threshold of a share of 0."""
    assert threshold_of(0.0) == SPACE


@given(RATIOS)
def test_書いたものは同じ値に読める(ratio):
    """What is compared is what is written: another reader finds the same threshold."""
    threshold = threshold_of(ratio)
    state = TraceState([("ot", members_with("", threshold))])

    assert read(state, SPACE - 1) == (SPACE - 1, threshold)


@given(RATIOS)
def test_しきい値は割合に近い(ratio):
    """The share that a threshold keeps is within a thousandth of the ratio asked for."""
    assert 1 / adjusted_count(threshold_of(ratio)) == pytest.approx(ratio, rel=1e-3)


@given(RATIOS, RATIOS, TRACE_IDS)
def test_少なく残す者が残すものは多く残す者も残す(one, other, trace_id):
    """A trace that is kept at a ratio is kept at every higher one."""
    low, high = sorted((one, other))
    randomness, _ = read(None, trace_id)

    assert randomness < threshold_of(low) or randomness >= threshold_of(high)


@given(TRACE_IDS, st.integers(min_value=0, max_value=SPACE - 1))
def test_明示の乱数があればそれを使う(trace_id, randomness):
    """An explicit ``rv`` stands in for the seven last bytes of the trace id."""
    state = TraceState([("ot", f"rv:{randomness:014x}")])

    assert read(state, trace_id)[0] == randomness
    assert read(None, trace_id)[0] == trace_id % (1 << 56)


@pytest.mark.parametrize("members", ["th:", "th:xyz", "th:0123456789abcdef", "rv:12", ";;", "th"])
def test_読めないものは数えない(members):
    """What is not as the specification says is as if it were not there."""
    assert read(TraceState([("ot", members)]), 5) == (5, 0)


def test_ありえないしきい値は信じない():
    """A trace cannot have been kept with a threshold above its randomness."""
    assert read(TraceState([("ot", "th:8")]), 5) == (5, 0)


def test_他の項目はそのまま残る():
    """Only the threshold is replaced; what else OpenTelemetry wrote stays."""
    assert members_with("rv:00000000000001;th:4;x:y", 0) == "th:0;rv:00000000000001;x:y"
    assert members_with("x:" + "y" * 250, 0) == "th:0"
