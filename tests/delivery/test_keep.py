"""Which spans the worker lets go on: shares, rules, errors, slow traces, and what waits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testpilot_obs.delivery._keep import Keeper, Policy
from testpilot_obs.delivery._threshold import adjusted_count, threshold_of
from tests.delivery.records import LocalTrace, names, th

TAIL = Policy(ratio=0.5, keep_errors=True, keep_slow_s=1.0)
LOW, HIGH = 0.1, 0.9


def choose(policy, *spans):
    """Return what a new keeper lets through when it gets *spans* and is then settled."""
    keeper = Keeper(policy)
    return [*keeper.choose(spans), *keeper.settle(everything=True)]


def test_割合だけなら待たせない():
    """A share alone holds nothing back: the trace id says it all."""
    keeper = Keeper(Policy(ratio=0.5))
    high, low = LocalTrace(HIGH), LocalTrace(LOW)

    kept = keeper.choose([high.child(), low.child(), high.root(), low.root()])

    assert names(kept) == ["child", "root"]
    assert [th(span) for span in kept] == ["8", "8"]
    assert keeper.left_out == {"sampled_out": 2}


@pytest.mark.parametrize("policy", [Policy(ratio=0.5), TAIL])
@pytest.mark.parametrize(
    ("state", "expected"),
    [("th:c", "c"), ("th:4", "8"), ("th:fff", "8"), ("rv:e0000000000000;th:c", "c")],
)
def test_前の選択と合わせて大きいしきい値が残る(policy, state, expected):
    """What was sampled before counts too; a claim that cannot be true does not."""
    (kept,) = choose(policy, LocalTrace(HIGH, state=state).root())

    assert th(kept) == expected
    assert kept.local.trace_state["k"] == "v"


def test_明示の乱数で選ぶ():
    """A trace whose ``rv`` is too low is left out, whatever its trace id."""
    assert choose(Policy(ratio=0.5), LocalTrace(HIGH, state="rv:10000000000000").root()) == []


def test_元のスパンは変わらない():
    """The application's own span and what it passes on are as before."""
    span = LocalTrace(HIGH).root()
    state, ids = span.local.trace_state, span.get_span_context()

    (kept,) = choose(Policy(ratio=0.5), span)

    assert span.local.trace_state is state
    assert span.get_span_context() is ids
    assert th(kept) == "8"
    assert kept.get_span_context().trace_state["ot"] == "th:8"
    assert (kept.name, kept.span_id, kept.attrs) == (span.name, span.span_id, span.attrs)


@given(st.integers(min_value=0, max_value=10_000), st.sampled_from([0.5, 0.1, 1 / 3]))
def test_見積もりに偏りがない(seed, ratio):
    """The adjusted counts of what was kept add up to what there was."""
    chance = random.Random(seed)
    number = 200
    trace = LocalTrace(0.0)
    span = trace.root()
    estimates = 0.0
    for _ in range(number):
        span.local.trace_id = chance.getrandbits(128)
        estimates += sum(adjusted_count(threshold_of(ratio)) for _ in choose(Policy(ratio), span))

    # Six standard deviations of a binomial.
    assert abs(estimates - number) < 6 * (number * (1 - ratio) / ratio) ** 0.5


RULES = Policy(
    ratio=0.5,
    rules=("GET /health*: 0", "kind=internal, tenant=acme: 1", "*, retry=true: 1/4"),
)


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("GET /health/live", {"tenant": "acme"}, []),
        ("GET /", {"tenant": "acme"}, ["0", "0"]),
        ("GET /", {"retry": True}, ["c", "c"]),
        ("GET /", {"tenant": 7}, ["8", "8"]),
    ],
)
def test_最初に合う規則が決める(name, attributes, expected):
    """The first rule that fits the local root decides for the whole trace, children included."""
    trace = LocalTrace(HIGH)

    kept = choose(RULES, trace.child(), trace.root(name=name, **attributes))

    assert [th(span) for span in kept] == expected


def test_誤りのある跡は残る():
    """A trace with an error anywhere is kept whole, and stands for itself alone."""
    bad, good = LocalTrace(LOW), LocalTrace(LOW)

    kept = choose(TAIL, bad.child(error=True), good.child(), bad.root(), good.root())

    assert [(span.name, th(span)) for span in kept] == [("child", "0"), ("root", "0")]


def test_前に間引かれた誤りは自分より多くを表す():
    """An error that came here sampled stands for as many as it did before."""
    (kept,) = choose(TAIL, LocalTrace(HIGH, state="th:c").root(error=True))

    assert th(kept) == "c"


def test_遅い跡は残る():
    """A trace that took as long as the setting says is kept."""
    slow, quick = LocalTrace(LOW), LocalTrace(LOW)

    kept = choose(TAIL, slow.child(), slow.root(lasts_s=1.0), quick.root(lasts_s=0.99))

    assert names(kept) == ["child", "root"]


def test_根が終わるまで待つ():
    """Nothing of a trace goes on before its local root has ended; then everything does."""
    keeper = Keeper(TAIL)
    trace = LocalTrace(HIGH)

    assert keeper.choose([trace.child()]) == []
    assert names(keeper.choose([trace.root()])) == ["child", "root"]


def test_後から来たスパンは跡に従う():
    """A span that ends after its local root has the fate of its trace."""
    keeper = Keeper(TAIL)
    high, low = LocalTrace(HIGH), LocalTrace(LOW)
    keeper.choose([high.root(), low.root()])

    kept = keeper.choose([low.child(), high.child()])

    assert [(span.name, th(span)) for span in kept] == [("child", "8")]
    assert keeper.left_out == {"sampled_out": 2}


def test_後から来た誤りは残る():
    """A late error is kept though its trace was not, and waits no longer than the rest."""
    keeper = Keeper(TAIL)
    low = LocalTrace(LOW)
    keeper.choose([low.root()])
    keeper.choose([low.child(error=True)])

    assert [th(span) for span in keeper.settle(everything=True)] == ["0"]


def test_古いものは分かるだけで決める():
    """What has waited long enough is decided without its root; it lasts as long as it waited."""
    keeper = Keeper(TAIL._replace(hold_s=0.0, keep_slow_s=None))
    high, low = LocalTrace(HIGH), LocalTrace(LOW)
    keeper.choose([high.child(), low.child()])

    assert names(keeper.settle()) == ["child"]
    assert keeper.left_out == {"sampled_out": 1}
    assert names(choose(TAIL, LocalTrace(LOW).child())) == ["child"]


@pytest.mark.parametrize("bound", [{"max_spans": 10}, {"max_bytes": 10 * 600}])
def test_待つものには限りがある(bound):
    """Beyond the bounds the oldest is decided first; nothing is forgotten."""
    keeper = Keeper(TAIL._replace(keep_slow_s=None, **bound))
    spans = [LocalTrace(place / 50).child() for place in range(50)]

    kept = keeper.choose(spans)

    assert len(kept) + keeper.left_out["sampled_out"] == 40
    assert keeper._spans == 10
    kept += keeper.settle(everything=True)
    assert len(kept) == 25


def test_決めたことも忘れるまでは限りがある(monkeypatch):
    """The oldest decisions go first."""
    monkeypatch.setattr("testpilot_obs.delivery._keep._MOST_DECISIONS", 3)
    keeper = Keeper(TAIL)
    keeper.choose([LocalTrace(HIGH).root() for _ in range(9)])

    assert len(keeper._decided) == 3


@pytest.mark.guarded
def test_読めないスパンは残る():
    """A span that nobody can read is passed on, for those who mend or count it."""
    broken = LocalTrace(LOW).root()
    broken.start_ns = "soon"

    assert choose(TAIL, broken, LocalTrace(HIGH).root())[0].name == "root"
    assert len(choose(TAIL, broken)) == 1


def test_別の場所から来た同じ跡は別に決める():
    """Two calls from outside in one trace are two local traces: an error is of one of them."""
    one, two = LocalTrace(LOW, state="x:y"), LocalTrace(LOW, state="x:y")
    first, second = one.root(error=True), two.root()
    second.local.trace_id, second.local.remote_parent_id = first.local.trace_id, 77
    second.parent_id = 77

    assert choose(TAIL, second, first) != []
    assert len(choose(TAIL, second, first)) == 1
